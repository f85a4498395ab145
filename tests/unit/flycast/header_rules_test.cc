#include "flycast/core/header_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

const Ip6 kClient = machine_address(kNetwork, host(1), 0x123456);

const std::string kClientText = to_string(kClient);
const std::string kChain = kClientText + ", " + to_string(kFlycast);

RequestArrival arrival() {
  return {.client = kClientText,
          .chain = kChain,
          .port = kDialled.port,
          .tls = false,
          .version = HttpVersion::kHttp11,
          .region = "iad",
          .request_id = "01ARYZ6S410000000000000000-iad"};
}

HeaderList request(HeaderList headers, const RequestArrival& how = arrival()) {
  apply_request_rules(headers, how);
  return headers;
}

HeaderList response(HeaderList headers, const ResponseRules& rules = {}) {
  apply_response_rules(headers, rules, HttpVersion::kHttp11, "ID");
  return headers;
}

TEST(RequestRules, AddWhatFlyAdds) {
  auto headers = request({{"Host", "web.flycast"}});
  EXPECT_EQ(headers, (HeaderList{{"Host", "web.flycast"},
                                 {"X-Forwarded-For", kChain},
                                 {"Via", "1.1 fly.io"},
                                 {"X-Forwarded-Port", "80"},
                                 {"X-Forwarded-Proto", "http"},
                                 {"X-Forwarded-SSL", "off"},
                                 {"Fly-Client-IP", kClientText},
                                 {"Fly-Forwarded-Port", "80"},
                                 {"Fly-Region", "iad"},
                                 {"Fly-Request-Id", "01ARYZ6S410000000000000000-iad"}}));
}

TEST(RequestRules, OfTlsAndHttp2) {
  auto how = arrival();
  how.tls = true;
  how.version = HttpVersion::kHttp2;
  how.port = 8443;
  auto headers = request({}, how);
  EXPECT_EQ(headers.find("X-Forwarded-Proto"), "https");
  EXPECT_EQ(headers.find("X-Forwarded-SSL"), "on");
  EXPECT_EQ(headers.find("Via"), "2 fly.io");
  EXPECT_EQ(headers.find("Fly-Forwarded-Port"), "8443");
}

// A client is believed where the field is a list of what proxies said, and nowhere else.
TEST(RequestRules, OfWhatTheClientSaid) {
  auto headers = request({{"x-forwarded-for", "192.0.2.1"},
                          {"X-FORWARDED-FOR", "192.0.2.2"},
                          {"via", "1.0 cache"},
                          {"x-forwarded-port", "8080"},
                          {"x-forwarded-host", "example.com"}});
  EXPECT_EQ(headers.joined("X-Forwarded-For"), "192.0.2.1, 192.0.2.2, " + kChain);
  EXPECT_EQ(headers.count("X-Forwarded-For"), 1U);
  EXPECT_EQ(headers.find("Via"), "1.0 cache, 1.1 fly.io");
  EXPECT_EQ(headers.joined("X-Forwarded-Port"), "8080");
  EXPECT_EQ(headers.find("Fly-Forwarded-Port"), "80");
  EXPECT_EQ(headers.find("X-Forwarded-Host"), "example.com");
}

TEST(RequestRules, NoClientSpeaksForTheProxy) {
  const std::string_view names[] = {"Fly-Client-IP",
                                    "Fly-Region",
                                    "Fly-Request-Id",
                                    "Fly-Forwarded-Port",
                                    "Fly-Forwarded-Proto",
                                    "Fly-Replay-Src",
                                    "Fly-Replay-Failed",
                                    "Fly-Replay-Cache-Status",
                                    "Fly-Preferred-Instance-Unavailable",
                                    "X-Forwarded-Proto",
                                    "X-Forwarded-SSL"};
  const HeaderList clean = request({});
  for (std::string_view name : names) {
    std::string lower(name), underscored(name);
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    std::replace(underscored.begin(), underscored.end(), '-', '_');
    for (const std::string& spelled : {std::string(name), lower, underscored})
      EXPECT_EQ(request({{spelled, "lie"}, {spelled, "lie"}}), clean) << spelled;
  }
  EXPECT_EQ(request({{"X_Forwarded_For", "lie"}, {"x_forwarded_port", "1"}}), clean);
  EXPECT_EQ(request({{"fly.client.ip", "lie"}, {"X-Forwarded+For", "lie"}}), clean);
}

TEST(RequestRules, LeaveRoutingWishesAndTheRest) {
  HeaderList said{{"fly-prefer-region", "ams"},
                  {"fly-force-instance-id", "148e21dad76789"},
                  {"Fly", "x"},
                  {"x_custom", "y"},
                  {"forwarded", "for=a"},
                  {"Cookie", "a=b"}};
  auto headers = request(said);
  for (std::size_t i = 0; i < said.size(); ++i) EXPECT_EQ(headers[i], said[i]);
}

TEST(ResponseRules, AddWhatFlyAdds) {
  EXPECT_EQ(response({{"server", "nginx"}, {"Via", "1.1 a"}, {"Fly-Request-Id", "lie"}}),
            (HeaderList{{"Server", "Fly/sixpn-" SIXPN_VERSION},
                        {"Via", "1.1 a, 1.1 fly.io"},
                        {"Fly-Request-Id", "ID"}}));
}

TEST(ResponseRules, PristineAddsNothing) {
  HeaderList said{{"server", "nginx"}, {"Via", "1.1 a"}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}};
  EXPECT_EQ(response(said, {.pristine = true}), said);
}

TEST(ResponseRules, InstructionsToTheProxyStayHere) {
  for (bool pristine : {false, true}) {
    auto headers = response({{"Fly-Replay", "region=ams"},
                             {"fly-replay-cache", "/a/*"},
                             {"fly-replay-cache-ttl-secs", "60"},
                             {"Fly-Replay-Cache-Allow-Bypass", "yes"},
                             {"x", "y"}},
                            {.pristine = pristine});
    EXPECT_EQ(headers.size(), pristine ? 1U : 4U);
    EXPECT_EQ(headers[0], (FieldView{"x", "y"}));
  }
}

TEST(ResponseRules, EditsSetSeveralAndRemove) {
  ResponseRules rules;
  rules.edits = {{"Server", {}}, {"X-Frame-Options", {"DENY"}}, {"Link", {"</a>", "</b>"}}};
  auto headers = response({{"x-frame-options", "SAMEORIGIN"}, {"link", "</c>"}}, rules);
  EXPECT_FALSE(headers.contains("Server"));
  EXPECT_EQ(headers.joined("X-Frame-Options"), "DENY");
  EXPECT_EQ(headers.joined("Link"), "</a>, </b>");
}

TEST(ResponseRules, EditsDoNotFrame) {
  HeaderList said{{"Content-Length", "5"}, {"Trailer", "x"}};
  ResponseRules rules{.pristine = true, .edits = {}};
  for (const char* name : {"content-length", "Transfer-Encoding", "CONNECTION", "Upgrade", "TE",
                           "keep-alive", "Expect", "Trailer", "bad name", ""}) {
    EXPECT_FALSE(may_edit(name)) << name;
    rules.edits = {{name, {"9"}}};
    EXPECT_EQ(response(said, rules), said) << name;
  }
  EXPECT_TRUE(may_edit("Cache-Control"));
}

}  // namespace
}  // namespace sixpn::flycast
