// TCP (RFC 7766, RFC 9210): streams of messages, and what bounds them.
#include <list>
#include <set>

#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

class TcpConformance : public Conformance {
 protected:
  void SetUp() override {}  // each starts as it likes

  static bool works(TcpClient& client) {
    client.send(encode({}));
    return client.receive().has_value();
  }
};

// RFC 7766 sections 6.2.1.1 and 8: pipelined, and each length with its message in one write.
TEST_F(TcpConformance, HundredsOfPipelinedQueriesAreAllAnswered) {
  start(conforming_options());
  for (std::uint16_t count : Words{100, 1000}) {
    TcpClient client(six());
    std::string burst;
    for (std::uint16_t id = 0; id < count; ++id) burst += behind_length(encode({.id = id}));
    client.send_raw(burst);
    std::set<int> ids;
    for (int i = 0; i < count; ++i) {
      auto reply = client.receive();
      ASSERT_TRUE(reply) << i;
      ids.insert(parse_reply(*reply)->id);
    }
    EXPECT_EQ(ids.size(), count);
  }
  EXPECT_EQ(stats().tcp_accepted, 2U);
}

// RFC 7766 section 8.
TEST_F(TcpConformance, LengthAndMessageComeTogether) {
  start(conforming_options());
  TcpClient client(six());
  client.send(encode({}));
  auto bytes = client.read_once();
  ASSERT_GT(bytes.size(), 14U);
  EXPECT_EQ(behind_length(bytes.substr(2)), bytes);
}

// RFC 7766 section 6.2.1.1, 7: what takes long does not hold up what does not.
TEST_F(TcpConformance, AnswersOvertakeForwardedQuestions) {
  Upstream silent([](const std::string&, bool) { return std::nullopt; });
  auto chosen = conforming_options();
  chosen.upstreams = {silent.endpoint()};
  start(chosen);
  TcpClient client(six());
  client.send(encode({.name = "example.org", .type = kTypeA, .id = 1}));
  client.send(encode({.id = 2}));
  auto first = client.receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(parse_reply(*first)->id, 2);
  auto second = client.receive();  // SERVFAIL, in the end
  ASSERT_TRUE(second);
  EXPECT_EQ(parse_reply(*second)->id, 1);
}

// RFC 7766 section 6.2.3: half of a connection may be closed.
TEST_F(TcpConformance, AHalfClosedClientStillGetsItsAnswers) {
  start(conforming_options());
  TcpClient client(six());
  for (std::uint16_t id = 0; id < 50; ++id) client.send(encode({.id = id}));
  client.shut_down_writing();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(client.receive()) << i;
  EXPECT_TRUE(client.wait_for_close());
}

// RFC 1035 section 4.2.2: a stream is bytes.
TEST_F(TcpConformance, MessagesArriveInAnyPieces) {
  start(conforming_options());
  auto bytes = behind_length(encode({.id = 1})) + behind_length(encode({.id = 2}));
  for (std::size_t cut = 1; cut < bytes.size(); cut += 7) {
    TcpClient client(six());
    client.send_raw(bytes.substr(0, cut));
    client.send_raw(bytes.substr(cut));
    EXPECT_EQ(parse_reply(client.receive().value())->id, 1) << cut;
    EXPECT_EQ(parse_reply(client.receive().value())->id, 2) << cut;
  }
  TcpClient client(six());
  for (char byte : behind_length(encode({})) + behind_length(encode({.name = "idle.internal"})))
    client.send_raw(std::string(1, byte));
  EXPECT_EQ(parse_reply(client.receive().value())->answers.size(), 4U);
  EXPECT_EQ(parse_reply(client.receive().value())->authority.size(), 1U);
}

// RFC 1035 sections 4.1.1 and 4.2.2.
TEST_F(TcpConformance, LengthZeroAndWhatIsNoQueryEndTheStream) {
  start(conforming_options());
  for (const auto& message : {""s, "x"s, encode({.flags = 0x8000})}) {
    TcpClient client(six());
    client.send(message);
    EXPECT_TRUE(client.wait_for_close());
  }
  EXPECT_EQ(stats().dropped, 3U);
  // What is only malformed does not.
  TcpClient client(six());
  client.send(encode({}) + "x");
  EXPECT_EQ(parse_reply(client.receive().value())->rcode, kFormErrCode);
  EXPECT_TRUE(works(client));
}

// RFC 1035 section 4.2.2: the greatest message is taken, and earns what a malformed one does.
TEST_F(TcpConformance, MessagesOfAnyLengthAreTaken) {
  start(conforming_options());
  TcpClient client(six());
  for (std::size_t size : {4095, 4096, 4097, 20000, 65535}) {
    client.send(encode({.id = 9}) + std::string(size - encode({}).size(), 'x'));
    client.send(encode({.id = 10}));
    auto reply = parse_reply(client.receive().value());
    EXPECT_EQ(reply->id, 9) << size;
    EXPECT_EQ(reply->rcode, kFormErrCode) << size;
    EXPECT_EQ(parse_reply(client.receive().value())->id, 10) << size;
  }
}

// RFC 7766 section 6.2.3, RFC 9210 section 4.3: idle connections end, and so do those that never
// complete a message.
TEST_F(TcpConformance, IdleAndSlowClientsAreClosed) {
  auto chosen = conforming_options();
  chosen.tcp.idle = 300ms;
  start(chosen);
  TcpClient idle(six()), slow(six());
  slow.send_raw("\0\x40"s);
  bool slow_closed = false;
  auto begun = std::chrono::steady_clock::now();
  while (!slow_closed && std::chrono::steady_clock::now() - begun < kPatience) {
    slow.send_raw("x");
    slow_closed = slow.wait_for_close(20ms);
  }
  EXPECT_TRUE(slow_closed);
  EXPECT_TRUE(idle.wait_for_close());
  EXPECT_TRUE(eventually([](const Stats& now) { return now.tcp_open == 0; }));
  EXPECT_EQ(stats().tcp_timed_out, 2U);
}

// RFC 9210 section 4.3: when connections run short, the idle go sooner.
TEST_F(TcpConformance, IdleClientsAreClosedSoonerInACrowd) {
  auto chosen = conforming_options();
  chosen.tcp.idle = std::chrono::hours(1);
  chosen.tcp.idle_when_crowded = 100ms;
  chosen.tcp.connections = 8;
  start(chosen);
  std::list<TcpClient> few;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(works(few.emplace_back(six())));
  EXPECT_FALSE(few.front().wait_for_close(400ms));  // four times what a crowd is given
  EXPECT_TRUE(works(few.emplace_back(six())));
  EXPECT_TRUE(eventually([](const Stats& now) { return now.tcp_open < 6; }));
  EXPECT_GE(stats().tcp_timed_out, 1U);
}

// RFC 7766 section 6.2.2, RFC 9210 section 4.3: limits of all, of a source, and of a network,
// whichever worker accepts.
TEST_F(TcpConformance, ConnectionsAreLimitedAcrossWorkers) {
  auto chosen = conforming_options();
  chosen.threads = 4;
  chosen.tcp.connections_per_source = 3;
  chosen.tcp.connections = 4;
  start(chosen);
  std::list<TcpClient> clients;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(works(clients.emplace_back(six())));
  EXPECT_FALSE(works(clients.emplace_back(six())));
  std::list<TcpClient> others;
  EXPECT_TRUE(works(others.emplace_back(four())));
  // All are taken: the oldest of who has more makes room, until both have as many.
  EXPECT_TRUE(works(others.emplace_back(four())));
  EXPECT_TRUE(clients.front().wait_for_close());
  EXPECT_FALSE(works(others.emplace_back(four())));
  EXPECT_TRUE(eventually([](const Stats& now) { return now.tcp_open == 4; }));
  EXPECT_EQ(stats().tcp_rejected, 2U);
  EXPECT_EQ(stats().tcp_rejected_source, 1U);
  EXPECT_EQ(stats().tcp_displaced, 1U);
  // Whoever goes makes room for the next; the other source's stay.
  clients.clear();
  EXPECT_TRUE(eventually([](const Stats& now) { return now.tcp_open == 2; }));
  EXPECT_TRUE(works(clients.emplace_back(six())));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(works(*std::next(others.begin(), i)));
}

// RFC 7766 sections 6.2.2 and 10.
TEST_F(TcpConformance, ANetworkHasItsShare) {
  auto chosen = conforming_options();
  chosen.tcp.connections_per_network = 2;
  start(chosen);
  std::list<TcpClient> clients;
  EXPECT_TRUE(works(clients.emplace_back(four())));
  EXPECT_TRUE(works(clients.emplace_back(four())));
  EXPECT_FALSE(works(clients.emplace_back(four())));
  EXPECT_EQ(stats().tcp_rejected_network, 1U);
}

// RFC 9210 section 4.3. Connections that are asked on all the time never end by themselves.
TEST_F(TcpConformance, ANewcomerGetsInBesideASourceThatKeepsAllBusy) {
  auto chosen = conforming_options();
  chosen.threads = 4;
  chosen.tcp.connections = 20;
  start(chosen);
  std::list<TcpClient> busy;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(works(busy.emplace_back(four())));
  for (int i = 0; i < 30; ++i) {
    TcpClient newcomer(six());
    EXPECT_TRUE(works(newcomer)) << i;
    for (auto& one : busy) one.send(encode({}));
  }
  EXPECT_EQ(stats().tcp_rejected, 0U);
  EXPECT_GE(stats().tcp_displaced, 1U);
}

// RFC 7766 section 10: replies that nobody takes are bounded, and end the connection.
TEST_F(TcpConformance, AClientThatDoesNotReadIsEvicted) {
  auto chosen = conforming_options();
  chosen.tcp.idle = 500ms;
  start(chosen);
  on_loop([&] { service_->set_snapshot(big_world(1000)); });
  TcpClient stuck(six());
  // 64 kB of reply to each; far more than the kernel and the session will hold.
  std::string burst;
  for (int i = 0; i < 1000; ++i)
    burst += behind_length(encode({.name = "_instances.internal", .type = kTypeTxt}));
  stuck.send_raw(burst);
  EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
  EXPECT_TRUE(eventually([](const Stats& now) { return now.tcp_evicted == 1; }));
  EXPECT_LT(stats().tcp_queries, 1000U);
}

// RFC 7766 section 10: all clients that do not read share a bound too.
TEST_F(TcpConformance, UnreadRepliesAreBoundedInAll) {
  auto chosen = conforming_options();
  chosen.threads = 1;
  chosen.tcp.idle = std::chrono::hours(1);
  chosen.tcp.unsent_in_all = 100'000;
  start(chosen);
  on_loop([&] { service_->set_snapshot(big_world(1000)); });
  std::string burst;
  for (int i = 0; i < 200; ++i)
    burst += behind_length(encode({.name = "_instances.internal", .type = kTypeTxt}));
  std::list<TcpClient> stuck;
  for (int i = 0; i < 4; ++i) stuck.emplace_back(six()).send_raw(burst);
  EXPECT_TRUE(eventually([](const Stats& now) { return now.tcp_evicted >= 1; }));
  EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
}

}  // namespace
}  // namespace sixpn::dns::testing
