// Ports with the handler pg_tls, byte by byte. With a real server and psql:
// tests/netns/cluster/postgres_test.cc.
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/io/clock.h"
#include "tests/netns/flycast/tls_fixture.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using namespace std::string_literals;

const std::string kSslRequest = "\0\0\0\x08\x04\xd2\x16\x2f"s;
const std::string kGssRequest = "\0\0\0\x08\x04\xd2\x16\x30"s;
const std::string kCancelRequest = "\0\0\0\x10\x04\xd2\x16\x2e\0\0\x12\x34sECR"s;
const std::string kStartup = "\0\0\0\x12\0\3\0\0user\0ada\0\0"s;

struct PostgresFlycast : TlsFlycast {
  PostgresFlycast() { handlers({"pg_tls"}); }

  void expect_through(TlsEnd& client) {
    ASSERT_TRUE(client.shake_hands()) << client.error();
    client.write(kStartup);
    Tcp machine = server.accept();
    EXPECT_EQ(machine.read_exactly(kStartup.size()), kStartup);
    ASSERT_TRUE(machine.write_all("R"));
    EXPECT_EQ(client.read(1), "R");
  }

  Server server{1};
};

TEST_F(PostgresFlycast, TlsFollowsTheRequestForIt) {
  RunningHost host1(1, cluster, options);
  Tcp tcp = dial_web();
  ASSERT_TRUE(tcp.write_all(kSslRequest));
  EXPECT_EQ(tcp.read_exactly(1), "S");
  TlsEnd client("web.flycast", std::move(tcp));
  expect_through(client);
  EXPECT_EQ(host1.stats().tls_handshakes, 1u);
}

// In pieces, so that what has come is no opening yet.
TEST_F(PostgresFlycast, ThereIsNoGssapiAndNoHurry) {
  RunningHost host1(1, cluster, options);
  Tcp tcp = dial_web();
  for (char byte : kGssRequest) {
    ASSERT_TRUE(tcp.write_all(std::string(1, byte)));
    std::this_thread::yield();
  }
  EXPECT_EQ(tcp.read_exactly(1), "N");
  ASSERT_TRUE(tcp.write_all(kSslRequest.substr(0, 3)));
  EXPECT_TRUE(eventually([&] { return host1.stats().accepted == 1; }));
  ASSERT_TRUE(tcp.write_all(kSslRequest.substr(3)));
  EXPECT_EQ(tcp.read_exactly(1), "S");
  TlsEnd client("web.flycast", std::move(tcp));
  expect_through(client);
}

TEST_F(PostgresFlycast, TlsMayComeUnasked) {
  RunningHost host1(1, cluster, options);
  TlsEnd client;
  expect_through(client);
}

TEST_F(PostgresFlycast, ARequestToCancelPassesAsItCame) {
  RunningHost host1(1, cluster, options);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(kCancelRequest));
  Tcp machine = server.accept();
  EXPECT_EQ(machine.read_exactly(kCancelRequest.size()), kCancelRequest);
  machine.send_fin();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_FALSE(client.got_reset());
  EXPECT_EQ(host1.stats().tls_handshakes + host1.stats().tls_failed, 0u);
}

TEST_F(PostgresFlycast, WhoWantsNoTlsIsToldInItsOwnProtocol) {
  RunningHost host1(1, cluster, options);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(kStartup));
  std::string said = client.read_to_end();
  EXPECT_FALSE(client.got_reset());
  ASSERT_GT(said.size(), 5u);
  EXPECT_EQ(said.front(), 'E');
  EXPECT_EQ(static_cast<std::size_t>(static_cast<unsigned char>(said[4])), said.size() - 1);
  EXPECT_NE(said.find("C28000\0"s), std::string::npos);
  EXPECT_NE(said.find("sslmode=require"), std::string::npos);
  EXPECT_EQ(host1.stats().tls_failed, 1u);
}

TEST_F(PostgresFlycast, StrangersAndTheSilentGoInTime) {
  options.tls_handshake_timeout = milliseconds(300);
  RunningHost host1(1, cluster, options);
  Tcp garbage = dial_web();
  ASSERT_TRUE(garbage.write_all("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(garbage.read_to_end(), "");
  Tcp cut = dial_web();
  ASSERT_TRUE(cut.write_all(kSslRequest.substr(0, 7)));
  cut.send_fin();
  EXPECT_EQ(cut.read_to_end(), "");
  Tcp insists = dial_web();
  ASSERT_TRUE(insists.write_all(kGssRequest + kGssRequest + kGssRequest));
  EXPECT_EQ(insists.read_to_end(), "N");
  Tcp slow = dial_web();
  ASSERT_TRUE(slow.write_all(kSslRequest.substr(0, 7)));
  Tcp silent = dial_web();
  Tcp asked = dial_web();
  ASSERT_TRUE(asked.write_all(kSslRequest));
  Instant before = monotonic_now();
  EXPECT_EQ(slow.read_to_end(), "");
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(asked.read_to_end(), "S");
  EXPECT_LT(monotonic_now() - before, milliseconds(3000));
  EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 0; }));
  EXPECT_EQ(host1.stats().tls_failed, 6u);
}

// The agent is replaced before the client has said a word: the next one hears it.
TEST_F(PostgresFlycast, WhoHasNotBegunIsPassedOn) {
  options.handover_path = testing::TempDir() + "handover." + std::to_string(getpid());
  std::atomic<bool> succeeded = false;
  RunningHost before(1, cluster, options);
  Tcp tcp = dial_web();
  ASSERT_TRUE(eventually([&] { return before.stats().sessions == 1; }));
  before.on_loop([&] { before.service().depart({[&] { succeeded = true; }, [] {}}); });
  RunningHost after(1, cluster, options);
  ASSERT_TRUE(eventually([&] { return succeeded.load(); }));
  ASSERT_TRUE(tcp.write_all(kSslRequest));
  EXPECT_EQ(tcp.read_exactly(1), "S");
  TlsEnd client("web.flycast", std::move(tcp));
  expect_through(client);
  EXPECT_EQ(after.stats().tls_handshakes, 1u);
  EXPECT_EQ(before.stats().tls_handshakes, 0u);
}

}  // namespace
}  // namespace sixpn::flycast
