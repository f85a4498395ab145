// What an HTTP request begins with goes to another host together with the question whether a
// machine there takes it: the machine has it before the answer is here, and no two machines do.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <future>
#include <optional>
#include <thread>

#include "flycast/core/exchange_frame.h"
#include "flycast/core/preamble.h"
#include "flycast/io/sockets.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

// Machine 2 on host 2, the nearer one, and machine 4 on host 3; clients on host 1.
struct Ahead : testing::TestWithParam<ConcurrencyType> {
  Ahead() {
    cluster.speak_http(GetParam());
    start_only(cluster, {2, 4});
  }
  // However slow the test is, nobody gives up.
  static FlycastOptions patient() {
    FlycastOptions options;
    options.retry.connect_timeout = std::chrono::seconds(25);
    options.retry.early_timeout = std::chrono::seconds(20);
    options.hop_link_idle = std::chrono::minutes(10);
    options.preamble_timeout = std::chrono::minutes(10);
    return options;
  }
  static Tcp first(Tcp& client, Server& server) {
    EXPECT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    Tcp machine = server.accept();
    read_message(machine);
    EXPECT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
    return machine;
  }
  void deafen_host1() { lab.host(1).lose("tcp sport 7947 drop"); }
  void TearDown() override { lab.host(1).mend(); }
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
};

// Nothing that host 2 says reaches host 1, and yet the machine has the request: it did not wait.
TEST_P(Ahead, TheMachineHasTheRequestBeforeTheAnswerIsHere) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, patient()), host2(2, cluster, patient());
  Server server(2);
  Tcp before = dial_web();
  Tcp machine = first(before, server);
  ASSERT_TRUE(eventually([&] { return host1.stats().spare_links > 0; }));
  Tcp client = dial_web();
  deafen_host1();
  ASSERT_TRUE(client.write_all("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"));
  Tcp next = server.accept();
  std::string seen = read_message(next, 4);
  EXPECT_TRUE(seen.starts_with("POST /early HTTP/1.1\r\n") && seen.ends_with("\r\n\r\nbody"));
  lab.host(1).mend();
  ASSERT_TRUE(next.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

// More of it than goes along, while nobody listens on the nearer machine.
TEST_P(Ahead, ARefusalLosesNothing) {
  start_only(cluster, {3, 4});
  RunningHost host1(1, cluster, patient()), host2(2, cluster, patient()), host3(3, cluster);
  Server four(4);
  std::string body(50'000, 'y');
  for (int i = 0; i < 5; ++i) {
    Tcp client = dial_web();
    ASSERT_TRUE(
        client.write_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n" + body));
    Tcp machine = four.accept();
    ASSERT_TRUE(machine);
    EXPECT_TRUE(read_message(machine, body.size()).ends_with("\r\n\r\n" + body));
    ASSERT_TRUE(machine.write_all(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"));
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  }
  EXPECT_GE(host2.stats().hops_refused, 1u);
  EXPECT_EQ(host1.stats().http_resends, 0u);
}

// The end of one exchange and the next question come in one piece, with what goes ahead.
TEST_P(Ahead, RequestsFollowEachOther) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, patient()), host2(2, cluster, patient());
  Server server(2);
  Tcp client = dial_web();
  Tcp machine = first(client, server);
  constexpr int kRequests = 50;
  std::string all;
  for (int i = 0; i < kRequests; ++i)
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_TRUE(client.write_all(all));
  for (int i = 0; i < kRequests; ++i) {
    EXPECT_TRUE(read_message(machine).starts_with("GET /" + std::to_string(i) + " "));
    ASSERT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  }
  EXPECT_EQ(host2.stats().hops_malformed, 0u);
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

// An owner that the test plays, on host 2.
struct ScriptedAhead : Ahead {
  ScriptedAhead() {
    lab.host(2).run([&] { hops = std::move(*listen_on({host_address(host(2)), 7947})); });
  }
  // The next connection that says something; spare links do not, until they are used.
  Tcp accept_speaking() {
    while (true) {
      std::vector<pollfd> waits{{hops.get(), POLLIN, 0}};
      for (const Fd& one : silent) waits.push_back({one.get(), POLLIN, 0});
      if (poll(waits.data(), waits.size(), kPatienceMs) < 1) return {};
      for (std::size_t i = 1; i < waits.size(); ++i)
        if (waits[i].revents != 0) return take(i - 1);
      silent.emplace_back(accept4(hops.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
  }
  Tcp take(std::size_t i) {
    Fd taken = std::move(silent[i]);
    silent.erase(silent.begin() + static_cast<std::ptrdiff_t>(i));
    char byte = 0;
    bool speaks = recv(taken.get(), &byte, 1, MSG_PEEK) == 1;
    return speaks ? Tcp(std::move(taken)) : accept_speaking();  // else it has ended
  }
  static Preamble read_preamble(Tcp& hop) {
    auto length = decode_frame_header(hop.read_exactly(kFrameHeaderBytes));
    EXPECT_TRUE(length);
    auto preamble = decode_preamble(hop.read_exactly(length ? *length : 0));
    EXPECT_TRUE(preamble);
    return preamble ? *preamble : Preamble{};
  }
  // Answers one request, so that its proxy knows this owner.
  void serve_one(Tcp& client, bool takes_ahead) {
    ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    Tcp hop = accept_speaking();
    Preamble asked = read_preamble(hop);
    EXPECT_FALSE(asked.ahead) << "nobody knows yet whether this owner takes it";
    HopReply reply{HopStatus::kOk, 1};
    reply.exchange = asked.exchange;
    reply.takes_ahead = takes_ahead;
    ASSERT_TRUE(hop.write_all(encode_reply(reply)));
    if (asked.exchange) hop.read_exactly(kExchangeHeaderBytes);
    read_message(hop);
    ASSERT_TRUE(
        hop.write_all("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"));
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  }
  Fd hops;
  std::vector<Fd> silent;
};

// It had the request and died without a word: a request that may not be asked twice is not.
TEST_P(ScriptedAhead, AnOwnerThatDiesWithAPostMayHaveDeliveredIt) {
  for (std::string method : {"POST", "GET"}) {
    RunningHost host1(1, cluster, patient()), host3(3, cluster);
    Server four(4);
    Tcp client = dial_web();
    serve_one(client, true);
    ASSERT_TRUE(
        client.write_all(method + " /last HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"));
    Tcp hop = accept_speaking();
    Preamble asked = read_preamble(hop);
    EXPECT_EQ(asked.ahead, asked.exchange);
    if (asked.ahead) hop.read_exactly(kExchangeHeaderBytes);
    EXPECT_TRUE(read_message(hop, 2).starts_with(method + " /last"));
    hop.send_reset();
    if (method == "GET") {
      Tcp machine = four.accept();
      ASSERT_TRUE(machine);
      EXPECT_TRUE(read_message(machine, 2).starts_with("GET /last"));
      ASSERT_TRUE(machine.write_all(ok("other")));
      EXPECT_TRUE(read_message(client, 5).ends_with("other"));
    } else {
      EXPECT_TRUE(read_message(client).starts_with("HTTP/1.1 50"));
      EXPECT_EQ(host3.stats().hops_accepted, 0u);
    }
  }
}

// On a link that has carried an exchange, what its machine says too late stands where the answer to
// the next preamble should: it may look like one, with a response to somebody else's request.
TEST_P(ScriptedAhead, AMachinesLateWordsAreNoAnswer) {
  FlycastOptions options = patient();
  options.loops = 1;  // each has its own links at rest
  RunningHost host1(1, cluster, options);
  auto answer = [](Tcp& hop, const Preamble& asked) {
    HopReply reply{HopStatus::kOk, 1};
    reply.exchange = asked.exchange;
    reply.nonce = asked.nonce;
    ASSERT_TRUE(hop.write_all(encode_reply(reply)));
    if (asked.exchange) hop.read_exactly(kExchangeHeaderBytes);
    read_message(hop);
    ASSERT_TRUE(hop.write_all(ok("hello")));
  };
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  Tcp hop = accept_speaking();
  answer(hop, read_preamble(hop));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  Tcp other = dial_web();
  ASSERT_TRUE(other.write_all("GET /other HTTP/1.1\r\nHost: h\r\n\r\n"));
  if (GetParam() == ConcurrencyType::kRequests) {  // else there is no link at rest
    EXPECT_EQ(hop.read_exactly(kExchangeHeaderBytes), encode_exchange_end());
    Preamble asked = read_preamble(hop);
    HopReply forged{HopStatus::kOk, 1};
    forged.exchange = true;
    forged.nonce = asked.nonce + 1;
    ASSERT_TRUE(hop.write_all(encode_reply(forged) + ok("false")));
  }
  Tcp fresh = accept_speaking();
  ASSERT_TRUE(fresh);
  answer(fresh, read_preamble(fresh));
  EXPECT_TRUE(read_message(other, 5).ends_with("hello"));
}

// Its request is sent once more, to a machine here that takes the connection at once, and only then
// the proxy sees that the client has gone.
TEST_P(ScriptedAhead, AClientMayGoAsItsRequestIsSentOnceMore) {
  RunningHost host1(1, cluster, patient());
  Server here(1);
  Tcp client = dial_web();
  serve_one(client, true);
  ASSERT_TRUE(client.write_all("GET /last HTTP/1.1\r\nHost: h\r\n\r\n"));
  Tcp hop = accept_speaking();
  if (read_preamble(hop).ahead) hop.read_exactly(kExchangeHeaderBytes);
  EXPECT_TRUE(read_message(hop).starts_with("GET /last"));
  start_only(cluster, {1});
  host1.set_snapshot(cluster);
  // Another request, which is not read yet: its socket is known to have something.
  ASSERT_TRUE(client.write_all("GET /next HTTP/1.1\r\nHost: h\r\n\r\n"));
  for (int i = 0; i < 10; ++i) host1.stats();  // turns of the loop
  std::promise<void> held;
  std::promise<void> go_on;
  std::jthread holder([&] {
    host1.on_loop([&] {
      held.set_value();
      go_on.get_future().wait();
    });
  });
  held.get_future().wait();
  hop.send_reset();
  client.send_reset();
  go_on.set_value();
  Tcp machine = here.accept();
  ASSERT_TRUE(machine);
  machine.read_to_end();
  EXPECT_EQ(host1.stats().http_resends, 1u);
  Tcp other = dial_web();
  ASSERT_TRUE(other.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  Tcp next = here.accept();
  ASSERT_TRUE(next);
  EXPECT_TRUE(read_message(next).starts_with("GET / "));
  ASSERT_TRUE(next.write_all(ok("hello")));
  EXPECT_TRUE(read_message(other, 5).ends_with("hello"));
}

TEST_P(ScriptedAhead, AnOlderOwnerGetsNoFramesAhead) {
  RunningHost host1(1, cluster, patient());
  Tcp client = dial_web();
  serve_one(client, false);
  serve_one(client, false);
}

std::string name_of(const testing::TestParamInfo<ConcurrencyType>& counted) {
  return counted.param == ConcurrencyType::kRequests ? "ByRequests" : "ByConnections";
}
constexpr auto kCounted = {ConcurrencyType::kConnections, ConcurrencyType::kRequests};
INSTANTIATE_TEST_SUITE_P(Limits, Ahead, testing::ValuesIn(kCounted), name_of);
INSTANTIATE_TEST_SUITE_P(Limits, ScriptedAhead, testing::ValuesIn(kCounted), name_of);

}  // namespace
}  // namespace sixpn::flycast
