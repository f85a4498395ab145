#include "flycast/core/first_bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace sixpn::flycast {
namespace {

TEST(FirstBytes, TellTheProtocol) {
  const std::string preface(kHttp2Preface);
  for (std::size_t size = 0; size < preface.size(); ++size)
    EXPECT_EQ(judge_first_bytes(preface.substr(0, size)), FirstBytes::kMore) << size;
  EXPECT_EQ(judge_first_bytes(preface), FirstBytes::kHttp2);
  EXPECT_EQ(judge_first_bytes(preface + "more"), FirstBytes::kHttp2);
  for (const char* http1 : {"G", "PO", "PRI * HTTP/1.1\r\n", "GET / HTTP/1.1\r\n", "GET /\r\n",
                            "GET / HTTP/9.9\r\n", "\r\nGET / HTTP/1.1\r\n", "a b c"})
    EXPECT_EQ(judge_first_bytes(http1), FirstBytes::kHttp1) << http1;
  EXPECT_EQ(judge_first_bytes("INVALID CONNECTION PREFACE\r\n\r\n"), FirstBytes::kOther);
}

}  // namespace
}  // namespace sixpn::flycast
