// What one source may ask (dns/core/source_meter.h): beyond its rate it has to show where it is, so
// that nobody can have answers sent to somebody else; and no reply is larger than its query then.
#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::chrono_literals;

class Rates : public Conformance {
 protected:
  void SetUp() override {}
  // Hardly anything of the rate comes back within a test.
  void start_with(std::uint32_t burst) {
    auto chosen = conforming_options();
    chosen.threads = 1;
    chosen.rates.known = {1, burst};
    start(chosen);
  }
  // Until `burst` queries, and what came back meanwhile, are used up: the first reply that is
  // short.
  ParsedReply use_up(std::uint32_t burst, const QueryBytes& query) const {
    ParsedReply reply;
    for (std::uint32_t asked = 0;; ++asked) {
      reply = udp(query);
      if (reply.answers.size() == 4 && !HasFailure()) continue;
      EXPECT_GE(asked, burst);
      return reply;
    }
  }
};

// RFC 8906 section 6, RFC 5358 section 5: TC, which costs a spoofer's victim nothing.
TEST_F(Rates, BeyondItsRateASourceIsSentToTcp) {
  start_with(50);
  auto reply = use_up(50, {});
  EXPECT_TRUE(reply.truncated && reply.answers.empty());
  EXPECT_EQ(reply.rcode, kNoErrorCode);
  EXPECT_EQ(tcp({}).answers.size(), 4U);
  // What is no plain query likewise; and none is larger than what asked for it.
  for (const auto& query : {encode({}), encode({.type = kTypeAny}), encode({.edns_size = 4096})})
    while (true) {
      auto cut = udp_ask(six(), query).value();
      if (!parse_reply(cut)->truncated) continue;  // a token came back
      EXPECT_LE(cut.size(), query.size());
      break;
    }
  EXPECT_GE(stats().rate_truncated, 4U);
}

// RFC 7873 section 5.2.3: who speaks cookies is asked for one, and answered then.
TEST_F(Rates, BeyondItsRateACookieHelps) {
  start_with(20);
  QueryBytes query{.edns_size = 1232, .edns_options = option(kCookieOption, "clientck")};
  auto asked = use_up(20, query);
  EXPECT_EQ(asked.rcode, kBadCookieCode);
  EXPECT_TRUE(asked.answers.empty());
  query.edns_options = option(kCookieOption, option_of(asked, kCookieOption).value());
  auto reply = udp(query);
  EXPECT_EQ(reply.rcode, kNoErrorCode);
  EXPECT_EQ(reply.answers.size(), 4U);
  EXPECT_EQ(stats().rate_bad_cookie, 1U);
}

// No RFC asks for this: decision 0095, answering a flood costs what its answers cost.
TEST_F(Rates, FarBeyondItsRateThereIsSilence) {
  start_with(10);
  UdpClient client(six());
  for (int i = 0; i < 200; ++i) client.send(encode({}));
  EXPECT_TRUE(eventually([](const Stats& now) { return now.udp_queries == 200; }));
  auto now = stats();
  EXPECT_GE(now.rate_dropped, 170U);
  EXPECT_GE(now.rate_truncated, 9U);
  EXPECT_EQ(now.by_rcode[0] + now.rate_dropped, 200U);
  // TCP is not affected.
  EXPECT_EQ(tcp({}).answers.size(), 4U);
}

// Over TCP nobody is refused: the stream is read at the source's rate, and the window (RFC 9293
// section 3.8.6) tells the client.
TEST_F(Rates, BeyondItsRateAStreamWaits) {
  auto chosen = conforming_options();
  chosen.threads = 1;
  chosen.rates.stream = {1000, 20};
  start(chosen);
  TcpClient client(six());
  std::string all;
  for (std::uint16_t id = 0; id < 200; ++id) all += behind_length(encode({.id = id}));
  client.send_raw(all);
  for (std::uint16_t id = 0; id < 200; ++id) {
    auto reply = client.receive();
    ASSERT_TRUE(reply) << id;
    EXPECT_EQ(parse_reply(*reply)->id, id);
    EXPECT_EQ(parse_reply(*reply)->answers.size(), 4U);
  }
  EXPECT_GE(stats().rate_held, 1U);
  EXPECT_EQ(stats().tcp_timed_out, 0U);
}

// RFC 7873 section 2.1.2: sources do not share a rate.
TEST_F(Rates, OthersAreNotAffected) {
  start_with(10);
  UdpClient flood(six());
  for (int i = 0; i < 100; ++i) flood.send(encode({}));
  auto other = udp_ask(four(), encode({}));
  ASSERT_TRUE(other);
  EXPECT_EQ(parse_reply(*other)->answers.size(), 1U);
}

// RFC 5358 section 4: whom we do not know gets few refusals, and then nothing.
TEST_F(Rates, StrangersGetFewRefusals) {
  auto chosen = conforming_options();
  chosen.threads = 1;
  chosen.extra_views.clear();
  chosen.rates.unknown = {1, 5};
  start(chosen);
  UdpClient client(six());
  for (int i = 0; i < 100; ++i) client.send(encode({}));
  for (int i = 0; i < 100; ++i) client.send("garbage that is long enough");
  EXPECT_TRUE(eventually([](const Stats& now) { return now.udp_queries == 200; }));
  EXPECT_LE(stats().by_rcode[5] + stats().by_rcode[1], 10U);
  EXPECT_GE(stats().refusals_dropped, 190U);
}

// RFC 5358 section 3: nor do many of them get many: their addresses may be anybody's.
TEST_F(Rates, AllStrangersShareARate) {
  auto chosen = conforming_options();
  chosen.threads = 1;
  chosen.extra_views.clear();
  chosen.rates.all_unknown = {1, 20};
  start(chosen);
  for (int i = 0; i < 4; ++i) {
    UdpClient first(six()), second(four());
    for (int k = 0; k < 20; ++k) {
      first.send(encode({}));
      second.send(encode({}));
    }
  }
  EXPECT_TRUE(eventually([](const Stats& now) { return now.udp_queries == 160; }));
  EXPECT_LE(stats().by_rcode[5], 25U);
}

}  // namespace
}  // namespace sixpn::dns::testing
