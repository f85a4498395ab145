#include "flycast/core/error_code.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>

namespace sixpn::flycast {
namespace {

// As many of each family as Fly documents.
TEST(ErrorCodes, AreFlys) {
  std::map<std::string, int> families;
  std::set<std::string_view> names;
  for (const ErrorEntry& entry : error_codes()) {
    ASSERT_EQ(entry.name.size(), 4U);
    names.insert(entry.name);
    int number = ++families[std::string(entry.name.substr(0, 2))];
    EXPECT_EQ(std::stoi(std::string(entry.name.substr(2))), number) << entry.name;
    EXPECT_EQ(&entry_of(entry.code), &entry);
  }
  EXPECT_EQ(names.size(), error_codes().size());
  EXPECT_EQ(families, (std::map<std::string, int>{{"PP", 1},
                                                  {"PU", 4},
                                                  {"PC", 8},
                                                  {"PT", 9},
                                                  {"PM", 11},
                                                  {"PA", 5},
                                                  {"PE", 2},
                                                  {"PR", 5},
                                                  {"PL", 2}}));
}

// A code means that the request was not answered by the app: never a status of success, and none
// for a connection that never spoke HTTP.
TEST(ErrorCodes, HaveAStatusOfFailure) {
  for (const ErrorEntry& entry : error_codes()) {
    bool before_http = entry.name.substr(0, 2) == "PT";
    EXPECT_EQ(entry.status == 0, before_http) << entry.name;
    EXPECT_TRUE(before_http || (entry.status >= 400 && entry.status < 600)) << entry.name;
    EXPECT_FALSE(entry.text.empty() || entry.text.ends_with('.')) << entry.name;
  }
}

TEST(ErrorCodes, OfFailedConnects) {
  EXPECT_EQ(code_of_connect(ECONNREFUSED), ErrorCode::kPC01);
  EXPECT_EQ(code_of_connect(ECONNRESET), ErrorCode::kPC03);
  EXPECT_EQ(code_of_connect(ECONNABORTED), ErrorCode::kPC04);
  EXPECT_EQ(code_of_connect(ETIMEDOUT), ErrorCode::kPC05);
  EXPECT_EQ(code_of_connect(EHOSTUNREACH), ErrorCode::kPC06);
}

TEST(ErrorCodes, BodiesSayWhy) {
  EXPECT_EQ(error_body(ErrorCode::kPR01, ""), "PR01: no healthy machine\n");
  EXPECT_EQ(error_body(ErrorCode::kPR01, "3 are stopped"),
            "PR01: no healthy machine (3 are stopped)\n");
}

}  // namespace
}  // namespace sixpn::flycast
