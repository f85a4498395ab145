// TLS that ends in the proxy, the machine's side scripted: what is inside reaches it, ends pass
// each for itself, and who does not shake hands is bounded. Certificates and real clients:
// tests/netns/cluster/tls_test.cc.
#include "base/io/clock.h"
#include "tests/netns/flycast/http_words.h"
#include "tests/netns/flycast/tls_fixture.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;

constexpr char kAlert = 21;  // a record's first byte

TEST_F(TlsFlycast, BytesReachTheMachinePlainAndEachSideEndsAlone) {
  RunningHost host1(1, cluster, options);
  Server server(1);
  TlsEnd client;
  ASSERT_TRUE(client.shake_hands()) << client.error();
  client.write("question");
  Tcp machine = server.accept();
  EXPECT_EQ(machine.read_exactly(8), "question");
  EXPECT_EQ(machine.remote().ip, lab.address(9));
  ASSERT_TRUE(machine.write_all("answer"));
  EXPECT_EQ(client.read(6), "answer");
  machine.send_fin();
  EXPECT_TRUE(client.ends_cleanly());
  // The other direction still flows.
  client.write("more");
  EXPECT_EQ(machine.read_exactly(4), "more");
  EXPECT_EQ(host1.stats().tls_handshakes, 1u);
}

TEST_F(TlsFlycast, ACutIsNoEnd) {
  RunningHost host1(1, cluster, options);
  Server server(1);
  TlsEnd client;
  ASSERT_TRUE(client.shake_hands());
  client.write("half of it");
  Tcp machine = server.accept();
  EXPECT_EQ(machine.read_exactly(10), "half of it");
  client.tcp().send_fin();  // without a close_notify
  machine.read_to_end();
  EXPECT_TRUE(machine.got_reset());

  TlsEnd second;
  ASSERT_TRUE(second.shake_hands());
  second.write("x");
  Tcp other = server.accept();
  EXPECT_EQ(other.read_exactly(1), "x");
  other.send_reset();
  EXPECT_FALSE(second.ends_cleanly());
}

// Of a side that cannot be read, for the other takes nothing, a reset is seen all the same.
TEST_F(TlsFlycast, AResetIsSeenBehindWhatNobodyTakes) {
  RunningHost host1(1, cluster, options);
  Server server(1);
  enum class Who { kClient, kMachine, kClientOfAMachineThatEnded };
  for (Who who : {Who::kClient, Who::kMachine, Who::kClientOfAMachineThatEnded}) {
    TlsEnd client;
    ASSERT_TRUE(client.shake_hands());
    client.write("x");
    Tcp machine = server.accept();
    EXPECT_EQ(machine.read_exactly(1), "x");
    if (who == Who::kClientOfAMachineThatEnded) {
      machine.send_fin();
      EXPECT_TRUE(client.ends_cleanly());
    }
    if (who == Who::kMachine) {
      machine.write_until_stuck(std::string(65536, 'd'), 20'000'000);
      machine.send_reset();
    } else {
      client.write_until_stuck();
      client.tcp().send_reset();
    }
    EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 0; })) << static_cast<int>(who);
  }
}

TEST_F(TlsFlycast, RequestsAreToldOfItAndUpgradesPass) {
  handlers({"tls", "http"});
  RunningHost host1(1, cluster, options);
  Server server(1);
  TlsEnd client;
  ASSERT_TRUE(client.shake_hands());
  client.write(
      "GET /chat HTTP/1.1\r\nHost: web.flycast\r\nX-Forwarded-Proto: gopher\r\n"
      "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  Tcp machine = server.accept();
  std::string seen = read_message(machine);
  EXPECT_TRUE(has(seen, "X-Forwarded-Proto: https\r\n") && has(seen, "X-Forwarded-SSL: on\r\n"))
      << seen;
  EXPECT_FALSE(has(seen, "gopher"));
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
                        "websocket\r\n\r\nfirst"));
  std::string answer;
  while (!answer.ends_with("first")) {
    std::string more = client.read(1);
    if (more.empty()) break;
    answer += more;
  }
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 ")) << answer;
  client.write("frame");
  EXPECT_EQ(machine.read_exactly(5), "frame");
  machine.send_fin();
  EXPECT_TRUE(client.ends_cleanly());
}

TEST_F(TlsFlycast, ABulkResponseWaitsForItsReader) {
  handlers({"tls", "http"});
  RunningHost host1(1, cluster, options);
  Server server(1);
  TlsEnd client;
  ASSERT_TRUE(client.shake_hands());
  constexpr std::size_t kSize = 20'000'000;
  client.write("GET / HTTP/1.1\r\nHost: web.flycast\r\n\r\n");
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all("HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n"));
  // Nobody reads: what is taken is what kernels and bounds hold.
  std::string written = machine.write_until_stuck(std::string(65536, 'b'), kSize);
  EXPECT_LT(written.size(), kSize);
  auto rest = std::async(std::launch::async, [&] {
    return machine.write_all(std::string(kSize - written.size(), 'b'));
  });
  std::string answer = client.read(kSize);
  while (answer.size() < kSize) {
    std::string more = client.read(1);
    if (more.empty()) break;
    answer += more;
  }
  EXPECT_TRUE(rest.get());
  std::size_t head = answer.find("\r\n\r\n") + 4;
  while (answer.size() < head + kSize) {
    std::string more = client.read(1);
    if (more.empty()) break;
    answer += more;
  }
  EXPECT_EQ(answer.size(), head + kSize);
  EXPECT_EQ(answer.find_first_not_of('b', head), std::string::npos);
}

TEST_F(TlsFlycast, WhoDoesNotShakeHandsIsBoundedInTimeAndNumber) {
  options.tls_handshake_timeout = milliseconds(300);
  options.max_tls_handshakes = 3;
  RunningHost host1(1, cluster, options);
  std::vector<Tcp> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(dial_web());
  Tcp surplus = dial_web();
  surplus.read_to_end();
  EXPECT_TRUE(surplus.got_reset());
  EXPECT_EQ(host1.stats().over_tls_limit, 1u);
  Instant before = monotonic_now();
  for (Tcp& each : silent) each.read_to_end();
  EXPECT_LT(monotonic_now() - before, milliseconds(3000));
  EXPECT_EQ(host1.stats().tls_failed, 3u);
  // Their places are free again.
  Server server(1);
  TlsEnd client;
  EXPECT_TRUE(client.shake_hands());
  EXPECT_TRUE(eventually([&] { return host1.stats().tls_handshakes == 1; }));
}

TEST_F(TlsFlycast, NonsenseGetsAnAlert) {
  RunningHost host1(1, cluster, options);
  Tcp stranger = dial_web();
  ASSERT_TRUE(stranger.write_all("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(stranger.read_to_end(), "");  // who speaks no TLS would not understand an alert
  EXPECT_TRUE(stranger.ended());
  Tcp broken = dial_web();
  ASSERT_TRUE(broken.write_all(std::string_view("\x16\x03\x01\0\x05hello", 10)));
  std::string said = broken.read_to_end();
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said.front(), kAlert);
  TlsEnd misled("other.flycast");
  EXPECT_FALSE(misled.shake_hands());
  EXPECT_NE(misled.error().find("unrecognized name"), std::string::npos) << misled.error();
  EXPECT_EQ(host1.stats().tls_failed, 3u);
}

TEST_F(TlsFlycast, WithoutACertificateTheClientIsReset) {
  cluster.tls_grants.erase(tls_grant_key("acme", host(1)).id);
  RunningHost host1(1, cluster, options);
  Tcp client = dial_web();
  client.read_to_end();
  EXPECT_TRUE(client.got_reset());
  EXPECT_EQ(host1.stats().tls_uncertified, 1u);
}

// See dead_host_test.cc.
TEST_F(TlsFlycast, AHostThatDiesEndsItsStreams) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, options), host2(2, cluster);
  Server server(2);
  TlsEnd client;
  ASSERT_TRUE(client.shake_hands());
  client.write("question");
  Tcp machine = server.accept();
  EXPECT_EQ(machine.read_exactly(8), "question");
  lab.host(2).lose("iifname wire drop");
  cluster.hosts.at(host(2)).status = HostStatus::kDown;
  host1.set_snapshot(cluster);
  EXPECT_FALSE(client.ends_cleanly());
  EXPECT_EQ(host1.stats().silent_hops, 1u);
  lab.host(2).mend();
}

}  // namespace
}  // namespace sixpn::flycast
