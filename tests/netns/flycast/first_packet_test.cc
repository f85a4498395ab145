// How a connection to a machine begins: with one packet where there is something to say, and at
// once where there is nothing.
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <functional>

#include "flycast/io/sockets.h"
#include "flycast/io/stream_connector.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

bool is_readable(int fd, int patience_ms) {
  pollfd wanted{fd, POLLIN, 0};
  return poll(&wanted, 1, patience_ms) == 1;
}

std::uint32_t packets_to(int stream) {
  tcp_info state{};
  socklen_t length = sizeof state;
  EXPECT_EQ(getsockopt(stream, IPPROTO_TCP, TCP_INFO, &state, &length), 0);
  return state.tcpi_segs_in;
}

// A connect to a listener over a loopback, which answers within the call.
struct FirstPacket : testing::Test {
  Fd listener;
  ConnectRequest request;

  void SetUp() override {
    Lab::instance().host(1).run([&] {
      auto opened = listen_on({kLoopback, 0});
      ASSERT_TRUE(opened) << opened.error().message;
      listener = std::move(*opened);
    });
    request.source = kLoopback;
    request.remote = *local_endpoint(listener.get());
  }
  BegunConnect begin() {
    BegunConnect begun;
    Lab::instance().host(1).run([&] { begun = begin_connect(request); });
    EXPECT_EQ(begun.error, 0);
    return begun;
  }
};

// How many packets bring a connection and its first bytes to a machine.
std::uint32_t packets_of(FirstPacket& stage) {
  BegunConnect begun = stage.begin();
  EXPECT_EQ(send(begun.stream.get(), "hello", 5, MSG_NOSIGNAL), 5);
  EXPECT_TRUE(is_readable(stage.listener.get(), kPatienceMs));
  auto accepted = accept_stream(stage.listener.get());
  EXPECT_TRUE(has_input(accepted->get()));
  return packets_to(accepted->get());
}

// Tried again where the machine on which this runs stood still for 200 ms between two calls.
TEST_F(FirstPacket, CarriesTheFirstBytes) {
  std::uint32_t apart = packets_of(*this);
  request.speaks_at_once = true;
  EXPECT_TRUE(eventually([&] { return packets_of(*this) == apart - 1; }));
}

TEST_F(FirstPacket, CarriesAGreeting) {
  std::uint32_t apart = packets_of(*this);
  request.greeting = "hello";
  EXPECT_TRUE(eventually([&] {
    BegunConnect begun = begin();
    EXPECT_TRUE(is_readable(listener.get(), kPatienceMs));
    auto accepted = accept_stream(listener.get());
    return accepted && packets_to(accepted->get()) == apart - 1;
  }));
}

TEST_F(FirstPacket, GoesAtOnceWhereThereIsNothingToSay) {
  BegunConnect begun = begin();
  EXPECT_TRUE(is_readable(listener.get(), 0));
}

// All that a stream needs which lasts, it gets later.
TEST_F(FirstPacket, ABareStreamIsMadeToLast) {
  auto option = [](int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(getsockopt(fd, level, name, &value, &length), 0);
    return value;
  };
  BegunConnect full = begin();
  request.lasting = Lasting::kLater;
  BegunConnect bare = begin();
  const std::pair<int, int> later[] = {{SOL_SOCKET, SO_KEEPALIVE},
                                       {IPPROTO_TCP, TCP_KEEPIDLE},
                                       {IPPROTO_TCP, TCP_KEEPINTVL},
                                       {IPPROTO_TCP, TCP_KEEPCNT},
                                       {IPPROTO_TCP, TCP_NOTSENT_LOWAT}};
  for (auto [level, name] : later)
    EXPECT_NE(option(bare.stream.get(), level, name), option(full.stream.get(), level, name));
  for (int name : {SO_OOBINLINE, SO_LINGER})
    EXPECT_EQ(option(bare.stream.get(), SOL_SOCKET, name),
              option(full.stream.get(), SOL_SOCKET, name));
  make_lasting(bare.stream.get());
  for (auto [level, name] : later)
    EXPECT_EQ(option(bare.stream.get(), level, name), option(full.stream.get(), level, name));
}

// What came to the machine when it has read the client's "hello".
std::uint32_t packets_until_hello(const Server& server, const std::function<void()>& say) {
  EXPECT_TRUE(is_readable(server.fd(), kPatienceMs));
  Fd accepted(accept4(server.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  say();
  std::array<char, 8> bytes{};
  EXPECT_TRUE(is_readable(accepted.get(), kPatienceMs));
  EXPECT_EQ(recv(accepted.get(), bytes.data(), bytes.size(), 0), 5);
  return packets_to(accepted.get());
}

// The proxy is held up until the client has spoken.
TEST(FirstPacketOfARelay, CarriesWhatTheClientHasSaid) {
  RunningHost host1(1, Lab::cluster());
  Server server(1);
  Tcp late = dial_web();
  std::uint32_t apart = packets_until_hello(server, [&] { EXPECT_TRUE(late.write_all("hello")); });
  EXPECT_TRUE(eventually([&] {
    Tcp early;
    host1.on_loop([&] {
      early = dial_web();
      EXPECT_TRUE(early.write_all("hello"));
    });
    return packets_until_hello(server, [] {}) == apart - 1;
  }));
}

}  // namespace
}  // namespace sixpn::flycast
