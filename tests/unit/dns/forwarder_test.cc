// Names that are not ours, against an upstream of the test's own on a real socket.
#include "dns/io/forwarder.h"

#include <algorithm>
#include <set>

#include "base/io/clock.h"
#include "forwarding_fixture.h"

namespace sixpn::dns::testing {
namespace {

TEST_F(Forwarding, TheAnswerComesBackAsTheClientAsked) {
  Upstream upstream(always(0x8180, {a_record(7)}));
  start_with({&upstream});
  auto reply = ask(foreign(0xbeef));
  EXPECT_EQ(reply.id, 0xbeef);
  EXPECT_EQ(reply.answers, (std::vector<std::string>{"Www.Example.ORG. 60 IN A 192.0.2.7"}));
  EXPECT_TRUE(reply.recursion_available);
  EXPECT_FALSE(reply.authoritative || reply.edns);
  EXPECT_TRUE(ask({.name = "example.org", .type = kTypeA, .edns_size = 1232}).edns);
  EXPECT_EQ(stats().forward_answered, 2U);
}

TEST_F(Forwarding, NegativeAnswersPassThrough) {
  Upstream upstream(always(0x8183, {}));
  start_with({&upstream});
  EXPECT_EQ(ask(foreign()).rcode, 3);
}

TEST_F(Forwarding, OwnNamesNeverLeave) {
  std::mutex lock;
  std::vector<std::string> seen;
  Upstream upstream([&](const std::string& query, bool) {
    std::lock_guard guard(lock);
    seen.push_back(to_string(parse_query(query).query.question->name.lower()));
    return reply_to(query, 0x8180, {});
  });
  start_with({&upstream});
  for (const char* name : {"nothing.internal", "INTERNAL", "web.flycast", "x.y.z.flycast", "local",
                           "f.a.a.d.f.ip6.arpa", "1.a.a.d.f.IP6.arpa", "x.onion", "a.localhost"})
    for (RrType type : {kTypeA, kTypeAaaa, kTypeTxt, kTypePtr, kTypeSoa})
      ask({.name = name, .type = type});
  ask(foreign());
  std::lock_guard guard(lock);
  EXPECT_EQ(seen, std::vector<std::string>{"www.example.org."});
}

TEST_F(Forwarding, IdsUpstreamAreNotTheClients) {
  std::mutex lock;
  std::set<std::string> ids;
  Upstream upstream([&](const std::string& query, bool) {
    std::lock_guard guard(lock);
    ids.insert(query.substr(0, 2));
    return reply_to(query, 0x8180, {});
  });
  start_with({&upstream});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(foreign(5)).id, 5);
  EXPECT_GT(ids.size(), 15U);
}

TEST_F(Forwarding, TruncatedUpstreamsAreAskedAgainOverTcp) {
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back(a_record(static_cast<char>(i)));
  Upstream upstream([&](const std::string& query, bool tcp) {
    return tcp ? reply_to(query, 0x8180, many) : reply_to(query, 0x8380, {});
  });
  start_with({&upstream});
  auto over_udp = ask(foreign());
  EXPECT_TRUE(over_udp.truncated);
  EXPECT_EQ(over_udp.answers.size(), (512U - 12 - 21) / 16);
  TcpClient client(six());
  client.send(encode(foreign()));
  auto over_tcp = *parse_reply(client.receive().value());
  EXPECT_FALSE(over_tcp.truncated);
  EXPECT_EQ(over_tcp.answers.size(), 100U);
}

// RFC 8914 section 4.24: one that is there, but not over TCP, is not one that did not answer.
TEST_F(Forwarding, AnUpstreamWithoutTcpIsToldApartFromNone) {
  Upstream upstream([&](const std::string& query, bool tcp) {
    return tcp ? std::optional<std::string>() : reply_to(query, 0x8380, {});
  });
  auto limits = quiet();
  limits.deadline = 1s;
  start_with({&upstream}, limits);
  auto reply = ask({.name = "example.org", .type = kTypeA, .edns_size = 1232});
  EXPECT_EQ(reply.rcode, 2);
  EXPECT_EQ(reply.edns_options.substr(4, 2), u16(23));
  EXPECT_NE(reply.edns_options.find("none came over TCP"), std::string::npos);
}

TEST_F(Forwarding, ALateReplyDoesNotHoldUpThePipeline) {
  Upstream upstream(kSilent);
  auto limits = quiet();
  limits.deadline = 300ms;
  start_with({&upstream}, limits);
  TcpClient client(six());
  client.send(encode(foreign(1)));
  client.send(encode({.id = 2}));
  EXPECT_EQ(parse_reply(client.receive().value())->id, 2);
  auto late = *parse_reply(client.receive().value());
  EXPECT_EQ(late.id, 1);
  EXPECT_EQ(late.rcode, 2);
}

TEST_F(Forwarding, ADeadUpstreamIsReportedInTime) {
  Upstream upstream(kSilent);
  auto limits = quiet();
  limits.deadline = 300ms;
  start_with({&upstream}, limits);
  auto begun = std::chrono::steady_clock::now();
  auto reply = ask({.name = "example.org", .type = kTypeA, .edns_size = 1232});
  EXPECT_EQ(reply.rcode, 2);
  EXPECT_EQ(reply.edns_options.substr(4, 2), u16(22));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 300ms);
  EXPECT_EQ(stats().forward_failed, 1U);
}

TEST_F(Forwarding, TheNextUpstreamIsTried) {
  Upstream refusing(always(0x8185, {}));
  Upstream failing(always(0x8182, {}));
  Upstream working(always(0x8180, {a_record(9)}));
  start_with({&refusing, &failing, &working});
  EXPECT_EQ(ask(foreign()).answers.size(), 1U);
  EXPECT_GE(refusing.queries(), 1);
  EXPECT_GE(failing.queries(), 1);
}

// RFC 8914 section 4.24: one that says no was reached, and the client is told so.
TEST_F(Forwarding, FailureOfAllUpstreamsIsPassedOn) {
  Upstream failing(always(0x8182, {}));
  start_with({&failing});
  auto reply = ask({.name = "example.org", .type = kTypeA, .edns_size = 1232});
  EXPECT_EQ(reply.rcode, 2);
  EXPECT_EQ(reply.edns_options.substr(4, 2), u16(23));
}

TEST_F(Forwarding, ARefusalCountsBesideSilence) {
  Upstream silent(kSilent), refusing(always(0x8185, {}));
  auto limits = quiet();
  limits.deadline = 1s;
  start_with({&silent, &refusing}, limits);
  auto reply = ask({.name = "example.org", .type = kTypeA, .edns_size = 1232});
  EXPECT_EQ(reply.rcode, 5);
  EXPECT_EQ(reply.edns_options.substr(4, 2), u16(23));
}

// From before EDNS: answers FORMERR without OPT to anything that has one. Again and again, because
// c-ares changes its mind about EDNS at the first.
TEST_F(Forwarding, UpstreamsWithoutEdnsAreUnderstood) {
  Upstream old([](const std::string& query, bool) {
    bool edns = parse_query(query).query.edns.has_value();
    return edns ? reply_to(query, 0x8181, {}) : reply_to(query, 0x8180, {a_record(3)});
  });
  start_with({&old});
  for (std::uint16_t i = 0; i < 6; ++i) EXPECT_EQ(ask(foreign(i)).answers.size(), 1U) << i;
}

TEST_F(Forwarding, RepliesToAnotherQuestionAreIgnored) {
  Upstream spoofing([](const std::string& query, bool) {
    auto other = encode({.name = "evil.example", .type = kTypeA});
    return reply_to(query.substr(0, 2) + other.substr(2), 0x8180, {a_record(6)});
  });
  auto limits = quiet();
  limits.deadline = 300ms;
  start_with({&spoofing}, limits);
  auto reply = ask(foreign());
  EXPECT_EQ(reply.rcode, 2);
  EXPECT_TRUE(reply.answers.empty());
}

TEST_F(Forwarding, GarbageFromUpstreamIsSurvived) {
  Rng rng(11);
  Upstream broken([&](const std::string& query, bool) {
    auto reply = reply_to(query, 0x8180, {a_record(1), a_record(2)});
    for (int i = 0; i < 4; ++i) reply[2 + rng.below(reply.size() - 2)] = static_cast<char>(rng());
    reply.resize(12 + rng.below(reply.size() - 12));
    return reply;
  });
  auto limits = quiet();
  limits.deadline = 200ms;
  start_with({&broken}, limits);
  UdpClient client(six());
  for (std::uint16_t id = 0; id < 100; ++id)
    client.send(encode({.name = "n" + std::to_string(id) + ".example", .type = kTypeA, .id = id}));
  for (int i = 0; i < 100; ++i) {
    auto reply = client.receive();
    ASSERT_TRUE(reply) << i;
    EXPECT_TRUE(parse_reply(*reply).has_value() || reply->size() >= 12);
  }
  EXPECT_EQ(ask({}).answers.size(), 4U);
}

TEST_F(Forwarding, BudgetsAreKeptPerClientAndInAll) {
  Upstream upstream(kSilent);
  auto limits = quiet();
  limits.in_flight_per_client = 5;
  limits.in_flight = 16;  // of which two leave half to others (dns/core/waiting_shares.h)
  limits.deadline = 3s;
  start_with({&upstream}, limits);
  UdpClient client(six());
  for (std::uint16_t id = 0; id < 20; ++id) client.send(encode(foreign(id)));
  // Those over the budget are told at once.
  for (int i = 0; i < 15; ++i) EXPECT_EQ(parse_reply(client.receive(1000ms).value())->rcode, 2);
  EXPECT_EQ(stats().forward_in_flight, 5U);
  EXPECT_EQ(stats().forward_rejected, 15U);
  UdpClient other(four());
  for (std::uint16_t id = 0; id < 20; ++id) other.send(encode(foreign(id)));
  for (int i = 0; i < 17; ++i) EXPECT_TRUE(other.receive(1000ms));
  EXPECT_EQ(stats().forward_in_flight, 8U);
  // The budget comes back when c-ares gives up.
  EXPECT_TRUE(eventually([](const Stats& now) { return now.forward_in_flight == 0; }));
}

TEST_F(Forwarding, APortWhereNobodyListensFailsAtOnce) {
  start(options());
  EXPECT_EQ(ask(foreign()).rcode, 2);
}

// The kernel tells of a refusal once, at the next call, and not whose it was: no question waits for
// its deadline.
TEST_F(Forwarding, ManyQuestionsToSuchAPortFailAtOnce) {
  auto chosen = options();
  chosen.forward = quiet();
  chosen.forward.deadline = 10 * kPatience;
  start(chosen);
  constexpr std::uint16_t kMany = 100;
  UdpClient client(six());
  for (std::uint16_t id = 0; id < kMany; ++id)
    client.send(encode({.name = "n" + std::to_string(id) + ".example", .type = kTypeA, .id = id}));
  for (int i = 0; i < kMany; ++i) {
    auto reply = client.receive();
    ASSERT_TRUE(reply) << i << " were told";
    EXPECT_EQ(parse_reply(*reply)->rcode, 2);
  }
}

TEST_F(Forwarding, WithoutUpstreamsItSaysSo) {
  loop_.start_thread();
  ForwardShared shared(quiet(), std::vector<std::vector<IpEndpoint>>(1));
  std::unique_ptr<Forwarder> forwarder;
  on_loop([&] { forwarder = std::make_unique<Forwarder>(loop_, shared); });
  std::promise<std::string> reply;
  ForwardRequest request;
  ASSERT_TRUE(read_foreign_query(encode({.name = "example.org", .edns_size = 1232}),
                                 Transport::kUdp, request.query));
  request.done = [&](const std::string& said) { reply.set_value(said); };
  EXPECT_TRUE(forwarder->reserve());
  std::vector<ForwardRequest> requests;
  requests.push_back(std::move(request));
  forwarder->submit(std::move(requests));
  auto said = *parse_reply(reply.get_future().get());
  EXPECT_EQ(said.rcode, 2);
  EXPECT_EQ(said.edns_options.substr(6), "no upstream resolver is configured");
  on_loop([&] { forwarder.reset(); });
}

// However long its worker had it: what is left of the deadline is all there is.
TEST_F(Forwarding, TheDeadlineCountsFromTheClientsQuery) {
  Upstream upstream(kSilent);
  auto limits = quiet();
  limits.deadline = 20s;
  loop_.start_thread();
  ForwardShared shared(limits, {{upstream.endpoint()}});
  std::unique_ptr<Forwarder> forwarder;
  on_loop([&] { forwarder = std::make_unique<Forwarder>(loop_, shared); });
  std::promise<std::string> reply;
  ForwardRequest request;
  ASSERT_TRUE(read_foreign_query(encode(foreign()), Transport::kUdp, request.query));
  request.since = monotonic_now() - 20s;
  request.tried = DirectTry{0, DirectTry::End::kLate, {}};
  request.done = [&](const std::string& said) { reply.set_value(said); };
  ASSERT_TRUE(forwarder->reserve());
  std::vector<ForwardRequest> requests;
  requests.push_back(std::move(request));
  forwarder->submit(std::move(requests));
  auto said = reply.get_future();
  ASSERT_EQ(said.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(parse_reply(said.get())->rcode, 2);
  EXPECT_EQ(shared.budget.waiting(), 0U);
  on_loop([&] { forwarder.reset(); });
}

// What a worker got and found no lock for.
TEST_F(Forwarding, AReplyThatAWorkerCouldNotKeepIsKept) {
  loop_.start_thread();
  ForwardShared shared(quiet(), std::vector<std::vector<IpEndpoint>>(1));
  std::unique_ptr<Forwarder> forwarder;
  on_loop([&] { forwarder = std::make_unique<Forwarder>(loop_, shared); });
  DirectOutcome outcome;
  ASSERT_TRUE(read_foreign_query(encode(foreign()), Transport::kUdp, outcome.query));
  outcome.hash = hash_of(key_of(outcome.query, 0));
  outcome.what = UpstreamOutcome::What::kReply;
  outcome.reply.lifetime = 60;
  DirectNews news;
  news.outcomes.push_back(outcome);
  forwarder->submit({}, std::move(news));
  on_loop([&] { forwarder.reset(); });
  auto state = ForwardCache::State::kMissing;
  shared.cache.find(key_of(outcome.query, 0), outcome.hash, monotonic_now(),
                    [&](const auto& found) { state = found.state; });
  EXPECT_EQ(state, ForwardCache::State::kFresh);
}

TEST_F(Forwarding, StoppingForgetsWhatIsInFlight) {
  Upstream upstream(kSilent);
  start_with({&upstream});
  UdpClient client(six());
  for (std::uint16_t id = 0; id < 50; ++id) client.send(encode(foreign(id)));
  TcpClient stream(six());
  stream.send(encode(foreign()));
  ASSERT_TRUE(eventually([](const Stats& now) { return now.forward_in_flight == 51; }));
  on_loop([&] { service_->stop(); });
  EXPECT_TRUE(stream.wait_for_close());
  on_loop([&] { service_.reset(); });
}

}  // namespace
}  // namespace sixpn::dns::testing
