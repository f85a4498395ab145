// The hop listener against everything that is not an honest proxy, and the limits of both
// listeners.
#include <gtest/gtest.h>

#include <optional>

#include "base/rng.h"
#include "flycast/core/preamble.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

const IpEndpoint kHop{host_address(host(2)), 7947};

// Host 2 owns machine 2, the only one that runs; hosts 1 and 3 may ask for it.
struct Hop : testing::Test {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({2});
  std::optional<RunningHost> host2{std::in_place, 2u, cluster};

  // As host n's proxy would connect.
  Tcp dial_as(std::uint32_t n) { return dial(lab.host(n), kHop, host_address(host(n))); }

  Preamble preamble() { return {kNetwork, MachineId{2}, {lab.address(9), 41000}, kDialled, 8080}; }
  // What host 2 answers host n to a preamble; nothing when it resets.
  std::optional<HopReply> ask(std::uint32_t n, const Preamble& asked) {
    Tcp hop = dial_as(n);
    return ask(hop, asked);
  }
  static std::optional<HopReply> ask(Tcp& hop, const Preamble& asked) {
    hop.write_all(encode_preamble(asked));
    auto length = decode_frame_header(hop.read_exactly(kFrameHeaderBytes));
    if (!length) return std::nullopt;
    auto reply = decode_reply(hop.read_exactly(*length));
    return reply ? std::optional(*reply) : std::nullopt;
  }
  void expect_served() {
    RunningHost host1(1, cluster);
    Server server(2);
    Tcp client = dial_web();
    Tcp accepted = server.accept();
    ASSERT_TRUE(client && accepted);
    ASSERT_TRUE(client.write_all("ping"));
    EXPECT_EQ(accepted.read_exactly(4), "ping");
  }
};

TEST_F(Hop, AnswersSayWhyNot) {
  auto status = [&](auto change) {
    Preamble asked = preamble();
    change(asked);
    auto reply = ask(1, asked);
    return reply ? reply->status : HopStatus::kOk;
  };
  EXPECT_EQ(status([](Preamble& p) { p.machine = MachineId{3}; }), HopStatus::kStopped);
  EXPECT_EQ(status([](Preamble& p) { p.machine = MachineId{1}; }), HopStatus::kUnknown);
  EXPECT_EQ(status([](Preamble& p) { p.internal_port = 22; }), HopStatus::kUnknown);
  EXPECT_EQ(status([&](Preamble& p) { p.client.ip = lab.address(4); }), HopStatus::kNotPermitted)
      << "a client of host 3, spoken for by host 1";
  EXPECT_EQ(status([&](Preamble& p) { p.client.ip = lab.address(8); }), HopStatus::kNotPermitted)
      << "a client of another network";
  auto refused = ask(1, preamble());  // nothing listens on the machine
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, HopStatus::kConnectFailed);
  EXPECT_EQ(refused->connect_errno, ECONNREFUSED);
  EXPECT_EQ(refused->load, 0u);
}

TEST_F(Hop, TheReplyCarriesTheLoad) {
  Server server(2);
  auto probe = ask(3, preamble());  // a client that does not live there
  Tcp first = dial_as(1);
  first.write_all(encode_preamble(preamble()));
  ASSERT_TRUE(server.accept());
  auto second = ask(1, preamble());
  ASSERT_TRUE(probe && second);
  EXPECT_EQ(second->status, HopStatus::kOk);
  EXPECT_EQ(second->load, 2u);
  EXPECT_EQ(second->sequence, probe->sequence + 2);
}

TEST_F(Hop, MachinesAreNoHosts) {
  Tcp tried = dial(lab.machine(9), kHop);
  EXPECT_EQ(tried.read_to_end(), "");
  EXPECT_TRUE(!tried || tried.got_reset());
  EXPECT_EQ(host2->stats().hops_foreign, 1u);
}

TEST_F(Hop, RevokedHostsAreNoHosts) {
  cluster.revoked.insert(host(1));
  host2->set_snapshot(cluster);
  Tcp tried = dial_as(1);
  EXPECT_EQ(tried.read_to_end(), "");
  EXPECT_EQ(host2->stats().hops_foreign, 1u);
}

TEST_F(Hop, GarbageIsResetAndOthersAreServed) {
  Rng rng(5);
  std::vector<std::string> garbage = {
      "GET / HTTP/1.1\r\n\r\n",
      std::string(4096, '\0'),
      std::string("F\x01\xff\xff", 4),
      std::string("F\x01\x00\x05xxxxx", 9),
      encode_preamble(preamble()).substr(0, 20),  // and a FIN
  };
  for (int i = 0; i < 50; ++i) {
    std::string bytes(1 + rng.below(600), '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng());
    garbage.push_back(bytes);
  }
  for (const std::string& bytes : garbage) {
    Tcp hop = dial_as(3);
    hop.write_all(bytes);
    hop.send_fin();
    EXPECT_EQ(hop.read_to_end(), "");
  }
  EXPECT_TRUE(eventually([&] { return host2->stats().sessions == 0; }));
  EXPECT_EQ(host2->stats().hops_malformed, garbage.size());
  expect_served();
}

TEST_F(Hop, AThousandSilentConnectionsAreBoundedAndOthersAreServed) {
  host2.reset();
  FlycastOptions
      patient;  // else a slow machine sees the first of them end before the last one comes
  patient.preamble_timeout = std::chrono::minutes(10);
  host2.emplace(2u, cluster, patient);
  std::vector<Tcp> silent;
  for (int i = 0; i < 1000; ++i) silent.push_back(dial_as(3));
  EXPECT_TRUE(eventually([&] { return host2->stats().hops_accepted == 1000; }));
  FlycastStats stats = host2->stats();
  EXPECT_EQ(stats.sessions, 128u);
  EXPECT_EQ(stats.hops_evicted, 1000u - 128u);
  EXPECT_EQ(silent.front().read_to_end(), "");
  EXPECT_TRUE(silent.front().got_reset()) << "the oldest gave way";
  expect_served();
}

TEST_F(Hop, ASilentConnectionDoesNotStayForEver) {
  host2.reset();
  FlycastOptions hasty;
  hasty.preamble_timeout = std::chrono::milliseconds(50);
  host2.emplace(2u, cluster, hasty);
  Tcp silent = dial_as(3);
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_TRUE(silent.got_reset());
  EXPECT_TRUE(eventually([&] { return host2->stats().sessions == 0; }));
  EXPECT_EQ(host2->stats().hops_malformed, 1u);
}

// What one host leaves is the others'; it is told so, and takes its clients elsewhere.
TEST_F(Hop, OneHostCannotTakeAllConnections) {
  cluster = Lab::cluster_of({2, 4});
  FlycastOptions narrow;
  narrow.max_sessions = 16;
  host2.reset();
  host2.emplace(2u, cluster, narrow);
  Server server(2);
  std::vector<Tcp> open;
  for (int i = 0; i < 12; ++i) {
    open.push_back(dial_as(1));
    auto reply = ask(open.back(), preamble());
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->status, HopStatus::kOk) << i;
    open.push_back(server.accept());
    ASSERT_TRUE(open.back());
  }
  for (int i = 0; i < 20; ++i) {
    auto refused = ask(1, preamble());
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, HopStatus::kBusy);
  }
  EXPECT_EQ(host2->stats().over_host_share, 20u);
  Preamble of_another = preamble();
  of_another.client.ip = lab.address(4);
  auto served = ask(3, of_another);
  ASSERT_TRUE(served);
  EXPECT_EQ(served->status, HopStatus::kOk);
  server.accept();

  RunningHost host1(1, cluster);
  RunningHost host3(3, cluster);
  Server elsewhere(4);
  for (int i = 0; i < 10; ++i) {
    Tcp client = dial_web();
    EXPECT_EQ(who_accepts({&server, &elsewhere}), 4u);
  }
  open.resize(2);
  EXPECT_TRUE(eventually([&] { return host2->stats().sessions <= 4; }));
  auto again = ask(1, preamble());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, HopStatus::kOk);
}

TEST_F(Hop, IdleLinksOfAHostGiveWayWhereRoomIsScarce) {
  FlycastOptions narrow;
  narrow.max_sessions = 40;
  narrow.preamble_timeout = std::chrono::minutes(10);
  host2.reset();
  host2.emplace(2u, cluster, narrow);
  std::vector<Tcp> silent;
  for (int i = 0; i < 60; ++i) silent.push_back(dial_as(3));
  EXPECT_TRUE(eventually([&] { return host2->stats().hops_accepted == 60; }));
  EXPECT_EQ(host2->stats().sessions, 4u);
  EXPECT_EQ(host2->stats().hops_evicted, 56u);
  EXPECT_EQ(host2->stats().over_session_limit, 0u);
  expect_served();
}

TEST_F(Hop, OneClientCannotTakeAllConnections) {
  FlycastOptions narrow;
  narrow.max_sessions_per_client = 3;
  RunningHost host1(1, cluster, narrow);
  Server server(2);
  std::vector<Tcp> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(dial_web());
    open.push_back(server.accept());
    ASSERT_TRUE(open.back());
  }
  Tcp refused = dial_web();
  EXPECT_EQ(refused.read_to_end(), "");
  EXPECT_EQ(host1.stats().over_client_limit, 1u);
  open[0].close();
  open[1].close();
  EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 2; }));
  Tcp again = dial_web();
  EXPECT_TRUE(server.accept());
}

TEST_F(Hop, TheHopPortIsTakenOnlyOnce) {
  host2->on_loop([&] {
    EventLoop loop("second");
    FlycastOptions options;
    options.self = host(2);
    FlycastService second(loop, options);
    auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, EADDRINUSE);
  });
}

}  // namespace
}  // namespace sixpn::flycast
