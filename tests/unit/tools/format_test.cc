#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tools/cli/api_target.h"
#include "tools/cli/json_view.h"
#include "tools/cli/machine_entry.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sixpn::cli {
namespace {

TEST(Table, AlignsColumnsWithoutTrailingSpaces) {
  Table table({"NAME", "REGION", "STATUS"});
  table.add({"a", "iad", "alive"});
  table.add({"a-long-name", "", "down"});
  table.add({"b"});
  EXPECT_EQ(table.text(),
            "NAME         REGION  STATUS\n"
            "a            iad     alive\n"
            "a-long-name  -       down\n"
            "b            -       -\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({"A", "B"});
  table.add({"\xc3\xa9t\xc3\xa9", "x"});
  table.add({"abc", "y"});
  EXPECT_EQ(table.text(), "A    B\n\xc3\xa9t\xc3\xa9  x\nabc  y\n");
}

TEST(Table, ControlCharactersDoNotReachTheTerminal) {
  Table table({"A"});
  table.add({"x\x1b[31m\ny"});
  EXPECT_EQ(table.text(), "A\nx?[31m?y\n");
  EXPECT_EQ(key_values({{"k", "a\rb"}}), "k  a?b\n");
}

TEST(Table, KeyValues) {
  EXPECT_EQ(key_values({{"App", "web"}, {"Organisation", "acme"}, {"Empty", ""}}),
            "App           web\nOrganisation  acme\nEmpty\n");
}

TEST(Units, Ages) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {-5, "0s"},   {0, "0s"},      {59, "59s"},   {60, "1m"},     {3599, "59m"},
      {3600, "1h"}, {86399, "23h"}, {86400, "1d"}, {864000, "10d"}};
  for (const auto& [seconds, text] : cases) EXPECT_EQ(format_age(seconds), text) << seconds;
}

TEST(Units, Bytes) {
  const std::pair<std::uint64_t, const char*> cases[] = {
      {0, "0 B"},           {1023, "1023 B"},       {1024, "1.0 KiB"},  {1536, "1.5 KiB"},
      {1048575, "1.0 MiB"}, {12582912, "12.0 MiB"}, {~0ULL, "16.0 EiB"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(format_bytes(bytes), text) << bytes;
}

TEST(Units, Milliseconds) {
  EXPECT_EQ(format_milliseconds(312), "0.312 ms");
  EXPECT_EQ(format_milliseconds(9999), "9.999 ms");
  EXPECT_EQ(format_milliseconds(12400), "12.4 ms");
  EXPECT_EQ(format_milliseconds(1530000), "1530 ms");
}

TEST(Units, Utc) {
  EXPECT_EQ(format_utc(0), "1970-01-01 00:00:00 UTC");
  EXPECT_EQ(format_utc(1790000000999), "2026-09-21 14:13:20 UTC");
}

TEST(ApiTarget, EncodesSegmentsAndQueries) {
  EXPECT_EQ(ApiTarget("/v1/apps").text(), "/v1/apps");
  EXPECT_EQ(ApiTarget("/v1/apps").segment("a/b?c").segment("ips").text(), "/v1/apps/a%2Fb%3Fc/ips");
  EXPECT_EQ(
      ApiTarget("/v1/dig").query("name", "a b&c").query("org", "").query("type", "AAAA").text(),
      "/v1/dig?name=a%20b%26c&type=AAAA");
  EXPECT_EQ(ApiTarget("/x").segment("fdaa::1").text(), "/x/fdaa%3A%3A1");
  EXPECT_EQ(ApiTarget("/x").query("n", "\xff~").text(), "/x?n=%FF~");
}

TEST(Json, PrettyIndentsByFour) {
  auto value = boost::json::parse(R"({"a":[1,{"b":null}],"c":{},"d":[],"e":"x\"y"})");
  EXPECT_EQ(pretty(value),
            "{\n"
            "    \"a\": [\n"
            "        1,\n"
            "        {\n"
            "            \"b\": null\n"
            "        }\n"
            "    ],\n"
            "    \"c\": {},\n"
            "    \"d\": [],\n"
            "    \"e\": \"x\\\"y\"\n"
            "}\n");
}

TEST(Json, PrettyPrintsWhatParsesBack) {
  auto value = boost::json::parse(R"([{"deep":[[[true,-1.5,"\u0000"]]]},"",18446744073709551615])");
  EXPECT_EQ(boost::json::parse(pretty(value)), value);
}

TEST(Json, ViewsReadWhatIsThereAndNothingElse) {
  auto value = boost::json::parse(R"({"s":"x","n":3,"r":1.5,"t":true,"l":["a",2],"o":{"k":"v"}})");
  JsonView view(value);
  EXPECT_EQ(view["s"].text(), "x");
  EXPECT_EQ(view["n"].text(), "");
  EXPECT_EQ(view["n"].integer(), 3);
  EXPECT_EQ(view["r"].integer(), std::nullopt);
  EXPECT_EQ(view["s"].integer(), std::nullopt);
  EXPECT_TRUE(view["t"].flag());
  EXPECT_FALSE(view["n"].flag());
  EXPECT_EQ(view["l"].texts(), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(view["o"].members().at(0).first, "k");
  EXPECT_TRUE(view["none"]["deeper"].is_null());
  EXPECT_TRUE(view["s"].items().empty());
  EXPECT_TRUE(view["l"].members().empty());
}

TEST(MachineEntry, SplitsAnEnvironment) {
  EXPECT_EQ(split_environment(std::string("A=1\0B=x y\0", 10)),
            (std::vector<std::string>{"A=1", "B=x y"}));
  EXPECT_EQ(split_environment("A=1"), (std::vector<std::string>{"A=1"}));
  EXPECT_TRUE(split_environment("").empty());
}

}  // namespace
}  // namespace sixpn::cli
