// What upstream said, kept: hits without upstream and without the forwarder, equal queries joined,
// stale answers, failures; and that nothing upstream does holds up a worker.
#include <algorithm>
#include <set>

#include "forwarding_fixture.h"

namespace sixpn::dns::testing {
namespace {

// Holds back what waits for it until it is opened.
class Gate {
 public:
  void open() { opened_.set_value(); }
  void wait() const { future_.wait(); }

 private:
  std::promise<void> opened_;
  std::shared_future<void> future_ = opened_.get_future().share();
};

class Kept : public Forwarding {
 protected:
  // Keeps the forwarder's thread busy until the gate is opened.
  void hold_forwarder(Gate& gate) {
    std::promise<void> held;
    on_loop([&] {
      service_->loops().back()->post([&] {
        held.set_value();
        gate.wait();
      });
    });
    held.get_future().wait();
  }

  // Asks again and again until a reply is as wanted; fails when patience ends first.
  template <class Check>
  ParsedReply ask_until(const QueryBytes& query, Check check) {
    auto end = std::chrono::steady_clock::now() + kPatience;
    ParsedReply reply;
    do {
      reply = ask(query);
    } while (!check(reply) && std::chrono::steady_clock::now() < end);
    EXPECT_TRUE(check(reply));
    return reply;
  }

  static std::string error_code(const ParsedReply& reply) {
    return reply.edns_options.size() < 6 ? "" : reply.edns_options.substr(4, 2);
  }
  static QueryBytes with_edns() {
    return {.name = "www.example.org", .type = kTypeA, .edns_size = 1232};
  }
};

TEST_F(Kept, AHitIsToldAsTheClientAsks) {
  Upstream upstream(always(0x8180, {a_record(7), a_record(8)}));
  start_with({&upstream});
  ask(foreign());
  auto reply = ask({.name = "wWW.eXAMPLE.oRG", .type = kTypeA, .id = 0xabcd, .edns_size = 4000});
  EXPECT_EQ(reply.id, 0xabcd);
  EXPECT_EQ(reply.question, "wWW.eXAMPLE.oRG. IN A");
  EXPECT_EQ(reply.answers.size(), 2U);
  EXPECT_TRUE(reply.edns && reply.recursion_available && !reply.authoritative);
  TcpClient client(six());
  client.send(encode(foreign(3)));
  EXPECT_EQ(parse_reply(client.receive().value())->id, 3);
  EXPECT_EQ(stats().forwarded, 1U);
  EXPECT_EQ(stats().forward_hits, 2U);
  EXPECT_EQ(stats().forward_cache_replies, 1U);
  EXPECT_GT(stats().forward_cache_bytes, 0U);
}

TEST_F(Kept, OtherFlagsAreAnotherQuestion) {
  Upstream upstream(always(0x8180, {a_record(7)}));
  start_with({&upstream});
  for (int turn = 0; turn < 2; ++turn) {
    ask(with_edns());
    ask({.name = "www.example.org", .type = kTypeA, .flags = 0x0110});
    ask({.name = "www.example.org", .type = kTypeA, .edns_size = 1232, .edns_ttl = 0x8000});
    ask({.name = "www.example.org", .type = kTypeAaaa});
  }
  EXPECT_EQ(stats().forwarded, 4U);
  EXPECT_EQ(stats().forward_hits, 4U);
}

// Thirty-one of 33 clients never make it upstream.
TEST_F(Kept, EqualQueriesWaitTogether) {
  Gate gate;
  Upstream upstream([&](const std::string& query, bool) {
    gate.wait();
    return reply_to(query, 0x8180, {a_record(7, 0)});
  });
  start_with({&upstream});
  std::vector<UdpClient> clients;
  for (std::uint16_t id = 0; id < 33; ++id) {
    clients.emplace_back(id % 2 == 0 ? six() : four());
    clients.back().send(encode(foreign(id)));
  }
  ASSERT_TRUE(eventually([](const Stats& now) { return now.forward_in_flight == 33; }));
  gate.open();
  for (std::uint16_t id = 0; id < 33; ++id) {
    auto reply = clients[id].receive();
    ASSERT_TRUE(reply) << id;
    EXPECT_EQ(parse_reply(*reply)->id, id);
    EXPECT_EQ(parse_reply(*reply)->answers.size(), 1U);
  }
  EXPECT_EQ(stats().forwarded, 1U);
  EXPECT_EQ(stats().forward_joined, 32U);
}

// The forwarder's thread stands still: whatever upstream does to it, this is the worst.
TEST_F(Kept, WorkersNeedNoForwarder) {
  Upstream upstream(always(0x8180, {a_record(7)}));
  Upstream old([](const std::string& query, bool) {
    bool edns = parse_query(query).query.edns.has_value();
    return edns ? reply_to(query, 0x8181, {}) : reply_to(query, 0x8180, {a_record(3)});
  });
  auto chosen = options();
  chosen.forward = quiet();
  chosen.forward.queue = 20;
  chosen.upstreams = {upstream.endpoint()};
  chosen.forward_rules = {{"old.example", {old.endpoint()}, {}}};
  start(chosen);
  ask(foreign());
  Gate gate;
  hold_forwarder(gate);
  EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
  EXPECT_EQ(ask(foreign(9)).answers.size(), 1U);
  // What is not kept, and what upstream simply answers, needs it as little.
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(ask({.name = "new" + std::to_string(i) + ".example"}).answers.size(), 1U);
  // What has to be asked in another way waits, as much as the queue takes; the rest is told.
  UdpClient client(six());
  for (std::uint16_t id = 0; id < 30; ++id)
    client.send(encode({.name = "n" + std::to_string(id) + ".old.example", .id = id}));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(parse_reply(client.receive().value())->rcode, 2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
  gate.open();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(parse_reply(client.receive().value())->rcode, 0);
  EXPECT_EQ(stats().forward_queue_full, 10U);
}

TEST_F(Kept, TheStaleIsToldWhenUpstreamIsSlow) {
  std::atomic<bool> answering{true};
  Upstream upstream([&](const std::string& query, bool) {
    return answering ? std::optional(reply_to(query, 0x8180, {a_record(7, 1)})) : std::nullopt;
  });
  auto limits = quiet();
  limits.stale_after = 100ms;
  limits.deadline = 5s;
  start_with({&upstream}, limits);
  ask(with_edns());
  answering = false;
  auto old = ask_until(with_edns(), [](const auto& reply) { return !reply.edns_options.empty(); });
  EXPECT_EQ(error_code(old), u16(3));
  EXPECT_EQ(old.answers, (std::vector<std::string>{"www.example.org. 30 IN A 192.0.2.7"}));
  // Nobody else waits for it now: the worker tells it itself.
  auto before = stats().forward_in_flight;
  EXPECT_EQ(error_code(ask(with_edns())), u16(3));
  EXPECT_EQ(before, 0U);
  EXPECT_EQ(stats().forward_failed, 0U);
}

TEST_F(Kept, TheStaleIsToldAtOnceWhenUpstreamFails) {
  std::atomic<bool> failing{false};
  Upstream upstream([&](const std::string& query, bool) {
    return failing ? reply_to(query, 0x8182, {}) : reply_to(query, 0x8180, {a_record(7, 1)});
  });
  auto limits = quiet();
  limits.stale_after = 10s;
  limits.deadline = 20s;
  start_with({&upstream}, limits);
  ask(with_edns());
  failing = true;
  auto old = ask_until(with_edns(), [](const auto& reply) { return !reply.edns_options.empty(); });
  EXPECT_EQ(error_code(old), u16(3));
  EXPECT_EQ(old.answers.size(), 1U);
  auto asked = stats().forwarded;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(error_code(ask(with_edns())), u16(3));
  EXPECT_EQ(stats().forwarded, asked);
  EXPECT_GE(stats().forward_stale, 11U);
}

TEST_F(Kept, AFailureIsNotAskedForAgainAtOnce) {
  Upstream upstream(always(0x8182, {}));
  start_with({&upstream});
  EXPECT_EQ(error_code(ask(with_edns())), u16(23));
  auto again = ask(with_edns());
  EXPECT_EQ(again.rcode, 2);
  EXPECT_EQ(error_code(again), u16(13));
  EXPECT_EQ(stats().forwarded, 1U);
  EXPECT_EQ(stats().forward_failure_hits, 1U);
}

TEST_F(Kept, APopularReplyIsFetchedBeforeItsEnd) {
  Upstream upstream(always(0x8180, {a_record(7, 3)}));
  start_with({&upstream});
  auto end = std::chrono::steady_clock::now() + kPatience;
  while (stats().forward_prefetched == 0 && std::chrono::steady_clock::now() < end)
    EXPECT_EQ(ask(foreign()).answers.size(), 1U);
  EXPECT_GE(stats().forward_prefetched, 1U);
}

// Random names, as somebody sends who wants to fill the cache.
TEST_F(Kept, TheCacheStaysWithinItsBytes) {
  Upstream upstream(always(0x8180, {a_record(7)}));
  auto limits = quiet();
  limits.cache_bytes = 16 * 4096;
  start_with({&upstream}, limits);
  UdpClient client(six());
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i)
      client.send(encode({.name = "r" + std::to_string(round * 50 + i) + ".example"}));
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(client.receive());
  }
  EXPECT_LE(stats().forward_cache_bytes, 16U * 4096);
  EXPECT_GT(stats().forward_cache_evicted, 500U);
  EXPECT_GT(stats().forward_cache_replies, 50U);
}

}  // namespace
}  // namespace sixpn::dns::testing
