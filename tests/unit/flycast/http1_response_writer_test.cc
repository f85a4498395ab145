#include "flycast/core/http1_response_writer.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

RequestHead request(bool is_http10 = false, bool keep_alive = true) {
  RequestHead head;
  head.method = "GET";
  head.is_http10 = is_http10;
  head.keep_alive = keep_alive;
  return head;
}

ResponseHead response(BodyKind kind, int status = 200) {
  ResponseHead head;
  head.status = status;
  head.reason = "Text";
  head.body.kind = kind;
  return head;
}

std::string whole(Http1ResponseWriter& writer, const ResponseHead& head) {
  std::string out;
  writer.head(head, out);
  writer.before("abc", out);
  out += "abc";
  writer.behind(out);
  writer.end({}, out);
  return out;
}

TEST(Http1ResponseWriter, ABodyWithoutALength) {
  Http1ResponseWriter writer(request());
  EXPECT_EQ(whole(writer, response(BodyKind::kUntilClose)),
            "HTTP/1.1 200 Text\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_TRUE(writer.keeps_alive());
  Http1ResponseWriter old(request(true));
  EXPECT_EQ(whole(old, response(BodyKind::kStreamed)),
            "HTTP/1.1 200 Text\r\nConnection: close\r\n\r\nabc");
  EXPECT_FALSE(old.keeps_alive());
}

TEST(Http1ResponseWriter, TheLastOfItsConnectionSaysSo) {
  Http1ResponseWriter writer(request());
  writer.close_behind();
  std::string out;
  writer.head(response(BodyKind::kNone, 204), out);
  EXPECT_EQ(out, "HTTP/1.1 204 Text\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(Http1ResponseWriter(request(false, false)).keeps_alive());
}

TEST(Http1ResponseWriter, InterimOnesAreNotOfHttp10) {
  std::string out;
  Http1ResponseWriter(request(true)).interim(response(BodyKind::kNone, 103), out);
  EXPECT_EQ(out, "");
  Http1ResponseWriter(request()).interim(response(BodyKind::kNone, 103), out);
  EXPECT_EQ(out, "HTTP/1.1 103 Text\r\n\r\n");
}

// Until some of it went, another one can take its place.
TEST(Http1ResponseWriter, HasBegunOnceItsHeadWasSent) {
  Http1ResponseWriter writer(request());
  std::string out;
  writer.interim(response(BodyKind::kNone, 103), out);
  writer.on_sent();
  EXPECT_FALSE(writer.begun());
  writer.head(response(BodyKind::kStreamed), out);
  EXPECT_FALSE(writer.begun());
  writer.on_sent();
  EXPECT_TRUE(writer.begun());
}

}  // namespace
}  // namespace sixpn::flycast
