// A member whose keys were stolen, at the sync port of a real host: connections held open and
// silent must not keep the others from synchronising.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "base/fd.h"
#include "registry/core/address.h"
#include "registry/core/gossip_codec.h"
#include "registry/core/sync_codec.h"
#include "registry/io/sync_endpoint.h"
#include "registry/io/tcp_probe.h"
#include "tests/netns/registry/private_network.h"
#include "tests/netns/registry/test_host.h"

namespace sixpn::test {
namespace {

using namespace std::chrono_literals;

sockaddr_in6 address_of(HostId host, std::uint16_t port) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  std::memcpy(&out.sin6_addr, host_address(host).bytes.data(), 16);
  return out;
}

Fd connect_as(HostId from, HostId to) {
  Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto local = address_of(from, 0);
  auto remote = address_of(to, registry::kGossipPort);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&local), sizeof local), 0);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&remote), sizeof remote), 0);
  return socket;
}

// Whether the other end has closed.
bool is_closed(const Fd& socket) {
  char byte = 0;
  ssize_t got = ::recv(socket.get(), &byte, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

TEST(HostilePeer, HoldsOnePlaceAtTheSyncPortAndNoMore) {
  if (!enter_private_network()) GTEST_SKIP() << "needs the right to make a network namespace";
  std::string pattern = std::filesystem::temp_directory_path() / "sixpn-hostile-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  sim::TestCluster cluster;
  {
    TestHost victim(cluster, 0, pattern + "/victim");
    ASSERT_TRUE(victim.open_and_start());
    auto thief = cluster.enrol(1);
    auto honest = cluster.enrol(2);
    for (const auto& host : {thief, honest}) {
      add_host_address(host.id);
      victim.on_loop([&](auto& service) {
        service.admit(host.signed_host());
        return true;
      });
    }
    std::vector<Fd> held;
    for (std::size_t i = 0; i < 3 * registry::kMaxSyncsServed; ++i)
      held.push_back(connect_as(thief.id, victim.id()));
    // Only the newest is served; an honest host finds a place while the thief holds on.
    auto open = [&held] {
      return std::count_if(held.begin(), held.end(), [](const Fd& s) { return !is_closed(s); });
    };
    EXPECT_TRUE(eventually([&] { return open() == 1; }, 20s));
    Fd asking = connect_as(honest.id, victim.id());
    EXPECT_FALSE(eventually([&] { return is_closed(asking); }, 1s));
    EXPECT_EQ(open(), 1);
    // Silence ends it too.
    EXPECT_TRUE(eventually([&] { return open() == 0 && is_closed(asking); }, 15s));
  }
  std::filesystem::remove_all(pattern);
}

// What the other end says to `question`, until it closes.
std::string answer_to(const std::string& question, HostId from, HostId to) {
  Fd socket = connect_as(from, to);
  EXPECT_EQ(::send(socket.get(), question.data(), question.size(), 0),
            static_cast<ssize_t>(question.size()));
  timeval patience{2, 0};
  EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  std::string said(8192, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while ((got = ::recv(socket.get(), said.data() + size, said.size() - size, 0)) > 0)
    size += static_cast<std::size_t>(got);
  EXPECT_EQ(got, 0) << std::strerror(errno);
  said.resize(size);
  return said;
}

// As TcpProbe asks, and as it did before there were questions: nothing is sent, and the agent, not
// its kernel, closes.
TEST(HostilePeer, AProbeIsAnsweredAtOnceAndBreaksNoSessionOfItsHost) {
  if (!enter_private_network()) GTEST_SKIP() << "needs the right to make a network namespace";
  std::string pattern = std::filesystem::temp_directory_path() / "sixpn-hostile-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  sim::TestCluster cluster;
  {
    TestHost asked(cluster, 0, pattern + "/asked");
    ASSERT_TRUE(asked.open_and_start());
    auto peer = cluster.enrol(1);
    add_host_address(peer.id);
    asked.on_loop([&](auto& service) {
      service.admit(peer.signed_host());
      return true;
    });
    Fd session = connect_as(peer.id, asked.id());
    // The beginning of a frame: how long it is.
    ASSERT_EQ(::send(session.get(), "\0", 1, 0), 1);
    for (int i = 0; i < 3; ++i) {
      Fd probe = connect_as(peer.id, asked.id());
      ASSERT_EQ(::shutdown(probe.get(), SHUT_WR), 0);
      EXPECT_TRUE(eventually([&] { return is_closed(probe); }, registry::kTcpProbeTimeout));
    }
    registry::GossipDatagram ping;
    ping.incarnation = 1;
    ping.probe =
        registry::ProbeMessage{registry::ProbeMessage::Kind::kPing, asked.id(), 77, asked.id()};
    auto said = answer_to(registry::encode_frame(registry::TalkFrame{{encode_datagram(ping)}}),
                          peer.id, asked.id());
    auto frame = registry::take_frame(said);
    ASSERT_TRUE(frame && *frame && std::holds_alternative<registry::TalkFrame>(**frame));
    bool answered = false;
    for (const auto& each : std::get<registry::TalkFrame>(**frame).datagrams) {
      auto datagram = registry::decode_datagram(each);
      ASSERT_TRUE(datagram);
      answered |= datagram->probe && datagram->probe->kind == registry::ProbeMessage::Kind::kAck &&
                  datagram->probe->sequence == 77;
    }
    EXPECT_TRUE(answered);
    EXPECT_EQ(said, "");
    // What is no datagram has no answer.
    EXPECT_EQ(answer_to(registry::encode_frame(registry::TalkFrame{{"none"}}), peer.id, asked.id()),
              "");
    EXPECT_FALSE(is_closed(session));
    // Of two that speak the newer stays.
    Fd newer = connect_as(peer.id, asked.id());
    ASSERT_EQ(::send(newer.get(), "\0", 1, 0), 1);
    EXPECT_TRUE(eventually([&] { return is_closed(session); }, 3s));
    EXPECT_FALSE(is_closed(newer));
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace sixpn::test
