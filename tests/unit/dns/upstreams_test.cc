// The ways to upstream, of a whole service: what a forger would have to guess, upstreams from
// before EDNS, several of which some are dead or slow, rules for domains, loops. Workers ask first
// here (decision 0132); c-ares by itself, and its traps, are upstream_pool_test.cc's.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "c_ares_calls.h"
#include "dns/io/sockets.h"
#include "flood.h"
#include "forwarding_fixture.h"
#include "guessing.h"

namespace sixpn::dns::testing {
namespace {

using Health = UpstreamChoice::Health;

std::string name_of(const std::string& query) {
  auto question = parse_query(query).query.question;
  return question ? to_string(question->name) : "";
}

class Upstreams : public Forwarding {
 protected:
  // Distinct names, so many in flight at once.
  void ask_many(int count, int window = 64) {
    UdpClient client(six());
    int sent = 0, received = 0;
    while (received < count) {
      for (; sent < count && sent - received < window; ++sent)
        client.send(encode({.name = "host" + std::to_string(sent) + ".some.example"}));
      ASSERT_TRUE(client.receive()) << received;
      ++received;
    }
  }
};

// Ids, ports and spellings of many queries, as upstream sees them: of those that workers ask, which
// are nearly all. ThroughCAres.WhatAForgerWouldHaveToGuess is the same of c-ares.
TEST_F(Upstreams, WhatAForgerWouldHaveToGuess) {
  Guessing notes;
  Upstream upstream([&](const std::string& query, bool) { return notes.respond(query); });
  start_with({&upstream});
  int through_c_ares = c_ares_calls().sends;
  ask_many(Guessing::kQueries);
  EXPECT_LT(c_ares_calls().sends - through_c_ares, Guessing::kQueries / 2);
  notes.judge(upstream.ports());
}

// A reply in another spelling than ours is a forger's, or of an upstream that does not keep it.
TEST_F(Upstreams, AnotherSpellingIsAskedForAgainOverTcp) {
  std::atomic<int> over_tcp{0};
  Upstream lowering([&](const std::string& query, bool tcp) {
    if (tcp) ++over_tcp;
    auto reply = reply_to(query, 0x8180, {a_record(tcp ? 2 : 6)});
    auto question = reply.begin() + kHeaderBytes;
    std::transform(question, question + 33, question, [](char c) { return to_lower(c); });
    return reply;
  });
  start_with({&lowering});
  auto reply = ask({.name = "a.name.with.many.letters.example", .type = kTypeA});
  EXPECT_EQ(reply.answers,
            (std::vector<std::string>{"a.name.with.many.letters.example. 60 IN A 192.0.2.2"}));
  EXPECT_EQ(over_tcp, 1);
  EXPECT_EQ(stats().forward_misspelled, 1U);
}

// Of workers, which take the first for a sign; then c-ares meets no FORMERR, because what it gets
// has no OPT. ThroughCAres.ManyFormerrsAtOnceHarmNoQuery is where it does.
TEST_F(Upstreams, ManyFormerrsAtOnceHarmNoQuery) {
  std::mutex lock;
  std::vector<std::string> broken;
  std::atomic<int> with_edns{0};
  Upstream old([&](const std::string& query, bool) {
    auto parsed = parse_query(query);
    if (parsed.verdict != Verdict::kAnswer || !to_lower(name_of(query)).ends_with(".example.")) {
      std::lock_guard hold(lock);
      broken.push_back(query);
    }
    if (!parsed.query.edns) return reply_to(query, 0x8180, {a_record(3)});
    ++with_edns;
    return reply_to(query, 0x8181, {});
  });
  start_with({&old});
  UdpClient client(six());
  for (int i = 0; i < 100; ++i)
    client.send(encode({.name = "n" + std::to_string(i) + ".example", .type = kTypeA}));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(parse_reply(client.receive().value())->answers.size(), 1U) << i;
  EXPECT_TRUE(broken.empty());
  EXPECT_FALSE(stats().upstreams.at(0).edns);
  // It is not asked with EDNS again.
  auto asked = with_edns.load();
  ask({.name = "once.example", .type = kTypeA});
  EXPECT_EQ(with_edns, asked);
}

// What is truncated without EDNS: over 512 bytes.
TEST_F(Upstreams, LargeRepliesComeOverUdp) {
  std::atomic<int> over_tcp{0};
  std::vector<std::string> records(60, a_record(1));
  Upstream upstream([&](const std::string& query, bool tcp) {
    if (tcp) ++over_tcp;
    return with_opt(reply_to(query, 0x8180, records));
  });
  start_with({&upstream});
  EXPECT_EQ(ask({.name = "large.example", .type = kTypeA, .edns_size = 1232}).answers.size(), 60U);
  EXPECT_EQ(over_tcp, 0);
}

// Descriptors: every socket of workers and, where they do not know, of c-ares is closed, in
// whatever order things end. ThroughCAres.NoDescriptorIsLost wears out the channels of c-ares.
TEST_F(Upstreams, NoDescriptorIsLost) {
  auto open_descriptors = [] {
    std::set<std::string> open;
    for (int fd = 0; fd < 1024; ++fd)
      if (fcntl(fd, F_GETFD) >= 0) open.insert(std::to_string(fd));
    return open.size();
  };
  auto before = open_descriptors();
  {
    Upstream answering(always(0x8180, {a_record(1)}));
    Upstream cutting([](const std::string& query, bool tcp) {
      return tcp ? reply_to(query, 0x8180, {a_record(1)}) : reply_to(query, 0x8380, {});
    });
    auto chosen = options();
    chosen.forward = quiet();
    chosen.upstreams = {answering.endpoint()};
    chosen.forward_rules = {{"cut.example", {cutting.endpoint()}, {}},
                            {"gone.example", {{*parse_ip("::1"), 9}}, {}}};
    start(chosen);
    ask_many(6000);  // the workers' sockets are replaced meanwhile
    for (int i = 0; i < 20; ++i) {
      ask({.name = "n" + std::to_string(i) + ".cut.example", .type = kTypeA});
      EXPECT_EQ(ask({.name = "n" + std::to_string(i) + ".gone.example"}).rcode, 2);
    }
    on_loop([&] { service_.reset(); });
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Upstreams, AFloodingOneHoldsUpNobody) {
  Flood flood;
  Upstream alive(always(0x8180, {a_record(1)}));
  auto chosen = options();
  chosen.forward = quiet();
  chosen.forward.deadline = 10s;
  chosen.upstreams = {alive.endpoint()};
  chosen.forward_rules = {{"flood.example", {flood.endpoint()}, {}}};
  start(chosen);
  UdpClient client(six());
  client.send(encode({.name = "a.flood.example"}));
  while (flood.sent() < 1000) std::this_thread::yield();
  auto before = flood.sent();
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
    EXPECT_EQ(ask({.name = "n" + std::to_string(i) + ".example", .type = kTypeA}).answers.size(),
              1U);
  }
  EXPECT_GT(flood.sent(), before);  // and all the while it went on
  EXPECT_EQ(stats().forward_answered, 300U);
}

TEST_F(Upstreams, ASilentOneIsPassedOver) {
  Upstream dead(kSilent);
  Upstream alive(always(0x8180, {a_record(1)}));
  start_with({&dead, &alive});
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(ask({.name = "n" + std::to_string(i) + ".example", .type = kTypeA}).answers.size(),
              1U);
  EXPECT_LT(dead.queries(), 5);  // the first, and where the other one was slow
}

TEST_F(Upstreams, ADeadOneIsProbedUntilItAnswers) {
  std::atomic<bool> alive{false};
  Upstream upstream([&](const std::string& query, bool) {
    return alive ? std::optional(reply_to(query, 0x8180, {a_record(1)})) : std::nullopt;
  });
  ForwardLimits limits;
  limits.deadline = 200ms;
  start_with({&upstream}, limits);
  UdpClient client(six());
  for (int i = 0; i < 5; ++i) client.send(encode({.name = "n" + std::to_string(i) + ".example"}));
  EXPECT_TRUE(
      eventually([](const Stats& now) { return now.upstreams.at(0).health == Health::kDown; }));
  alive = true;
  EXPECT_TRUE(
      eventually([](const Stats& now) { return now.upstreams.at(0).health == Health::kUp; }));
  EXPECT_EQ(ask({.name = "after.example", .type = kTypeA}).answers.size(), 1U);
}

TEST_F(Upstreams, RulesDecideWhoIsAsked) {
  Upstream everywhere(always(0x8180, {a_record(1)}));
  Upstream corp(always(0x8180, {a_record(2)}));
  Upstream of_acme(always(0x8180, {a_record(3)}));
  std::atomic<int> leaked{0};
  Upstream thief([&](const std::string& query, bool) {
    ++leaked;
    return reply_to(query, 0x8180, {a_record(4)});
  });
  auto chosen = options();
  chosen.forward = quiet();
  chosen.upstreams = {everywhere.endpoint()};
  chosen.forward_rules = {{"corp.example", {corp.endpoint()}, {}},
                          {"corp.example", {of_acme.endpoint()}, {"acme/default"}},
                          {"internal", {thief.endpoint()}, {}},
                          {"flycast", {thief.endpoint()}, {}},
                          {"a.a.d.f.ip6.arpa", {thief.endpoint()}, {}},
                          {"localhost", {thief.endpoint()}, {}}};
  start(chosen);
  World world;
  world.network(kAcme).network = {kAcme, "acme", "default"};
  world.network(kGlobex).network = {kGlobex, "globex", "default"};
  on_loop([&] { service_->set_snapshot(world.snapshot()); });
  auto last = [](const std::string& reply) { return parse_reply(reply)->answers.at(0).back(); };
  auto ask_as = [&](const IpEndpoint& server, const std::string& name) {
    return last(udp_ask(server, encode({.name = name, .type = kTypeA})).value());
  };
  // Twice: what one network is told is not kept for the other.
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(ask_as(six(), "a.example"), '1');
    EXPECT_EQ(ask_as(six(), "git.corp.example"), '3');
    EXPECT_EQ(ask_as(four(), "git.corp.example"), '2');
    EXPECT_EQ(ask_as(four(), "a.example"), '1');
  }
  EXPECT_EQ(stats().forwarded, 3U);
  for (const char* name : {"internal", "web.internal", "nothing.internal", "x.flycast",
                           "1.a.a.d.f.ip6.arpa", "a.localhost"})
    for (RrType type : {kTypeA, kTypeAaaa, kTypeTxt, kTypePtr}) ask({.name = name, .type = type});
  EXPECT_EQ(leaked, 0);
}

// As after a restart without a registry: the name of one network's own domain goes to nobody else.
TEST_F(Upstreams, UntilTheNetworkIsKnownARuleOfNetworksHoldsTheNameBack) {
  Upstream everywhere(always(0x8180, {a_record(1)}));
  Upstream of_acme(always(0x8180, {a_record(3)}));
  auto chosen = options();
  chosen.forward = quiet();
  chosen.upstreams = {everywhere.endpoint()};
  chosen.forward_rules = {{"corp.example", {of_acme.endpoint()}, {"acme/default"}}};
  start(chosen);
  on_loop([&] { service_->set_snapshot(nullptr); });
  QueryBytes own{.name = "hr.corp.example", .type = kTypeA, .edns_size = 1232};
  auto reply = ask(own);
  EXPECT_EQ(reply.rcode, 2);
  EXPECT_EQ(reply.edns_options.substr(4, 2), u16(14));
  EXPECT_EQ(everywhere.queries(), 0);
  EXPECT_EQ(ask({.name = "a.example", .type = kTypeA}).answers.at(0).back(), '1');
  World world;
  world.network(kAcme).network = {kAcme, "acme", "default"};
  on_loop([&] { service_->set_snapshot(world.snapshot()); });
  EXPECT_EQ(ask(own).answers.at(0).back(), '3');
}

TEST_F(Upstreams, OwnAddressesAreRefused) {
  loop_.start_thread();
  on_loop([&] {
    auto chosen = options();
    chosen.forward_rules = {{"corp.example", {*parse_endpoint("[fdaa::3]:53")}, {}}};
    DnsService service(loop_, chosen);
    auto started = service.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message,
              "an upstream resolver is this resolver itself: queries would loop");
  });
}

// An upstream that asks us: found by the first probe, and not asked any more.
TEST_F(Upstreams, ALoopIsFound) {
  std::promise<IpEndpoint> known;
  auto ours = known.get_future().share();
  Upstream looping(
      [=](const std::string& query, bool) { return udp_ask(ours.get(), query, 300ms); });
  start_with({&looping}, ForwardLimits{});
  known.set_value(six());
  ASSERT_TRUE(
      eventually([](const Stats& now) { return now.upstreams.at(0).health == Health::kLooping; }));
  auto reply = ask({.name = "www.example.org", .type = kTypeA, .edns_size = 1232});
  EXPECT_EQ(reply.rcode, 2);
  EXPECT_EQ(reply.edns_options.substr(6), "the upstream resolver asks this one");
  EXPECT_GE(stats().forward_loops, 1U);
  EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
}

// Before any probe: our own spelling of a question comes back.
TEST_F(Upstreams, OurOwnSpellingIsKnownAgain) {
  std::promise<IpEndpoint> known;
  auto ours = known.get_future().share();
  Upstream looping(
      [=](const std::string& query, bool) { return udp_ask(ours.get(), query, 300ms); });
  start_with({&looping});
  known.set_value(six());
  EXPECT_EQ(ask({.name = "a.name.with.many.letters.example"}).rcode, 2);
  EXPECT_EQ(stats().forward_loops, 1U);
  EXPECT_EQ(looping.queries(), 1);  // whichever worker it came back to
}

}  // namespace
}  // namespace sixpn::dns::testing
