// One client's stream beside others' (dns/io/tcp_session.h, tcp_server.h): how much of the loop it
// may have in one turn, that it can be held, and who has to go when all keep too much.
#include "dns/io/tcp_session.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/io/run_on.h"
#include "base/io/sockaddr.h"
#include "dns/io/sockets.h"
#include "dns/io/tcp_server.h"
#include "loopback.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReplyBytes = 1000;

// As many messages as that.
std::string burst(std::size_t count) {
  std::string all;
  for (; count > 0; --count) all += behind_length("a message of some bytes");
  return all;
}

class OneSession : public ::testing::Test {
 protected:
  void SetUp() override {
    shared_.on_message = [this](auto, TcpSession& session) {
      ++handed_on_;
      if (on_message_) on_message_(session);
      session.reply(std::string(kReplyBytes, 'r'));
      return true;
    };
    shared_.on_closed = [](auto&, auto) {};
    shared_.chunk.resize(TcpSession::kReadBytes);
    shared_.relieve = [] {};
    loop_.start_thread();
  }
  void TearDown() override {
    run_on(loop_, [&] {
      session_->close(Close::kByServer);
      session_.reset();
    });
  }

  // Once all of `messages` has come.
  void start(const std::string& messages) {
    client_.send_raw(messages);
    Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    int there = 0;
    while (ioctl(socket.get(), FIONREAD, &there) == 0 &&
           static_cast<std::size_t>(there) < messages.size())
      std::this_thread::yield();
    run_on(loop_, [&] {
      session_ = std::make_shared<TcpSession>(shared_, std::move(socket), Ip6{});
      session_->start();
    });
  }

  void expect_replies(int count) {
    for (; count > 0; --count) {
      auto reply = client_.receive();
      ASSERT_TRUE(reply);
      EXPECT_EQ(reply->size(), kReplyBytes);
    }
  }

  EventLoop loop_{"session"};
  TcpShared shared_{loop_, {}, {}, {}, {}, 0, {}};
  std::function<void(TcpSession&)> on_message_;
  int handed_on_ = 0;
  std::shared_ptr<TcpSession> session_;
  Fd listener_ = std::move(*listen_tcp({*parse_ip("::1"), 0}));
  TcpClient client_{local_endpoint(listener_)};
};

// However quickly the client takes its replies.
TEST_F(OneSession, HasItsTurnAndNoMore) {
  shared_.limits.unsent_bytes = 5'000;
  shared_.limits.turn_bytes = 10'000;
  int in_first_turn = 0;
  on_message_ = [&](auto&) {
    if (handed_on_ == 1) loop_.post([&] { in_first_turn = handed_on_; });
  };
  start(burst(200));
  expect_replies(200);
  run_on(loop_, [&] {
    EXPECT_GE(in_first_turn, 10);
    EXPECT_LE(in_first_turn, 17);
  });
}

TEST_F(OneSession, IsNotHandedOnWhileItIsHeld) {
  on_message_ = [&](TcpSession& session) {
    if (handed_on_ == 3) session.hold(1h);
  };
  start(burst(20));
  expect_replies(3);
  run_on(loop_, [&] { EXPECT_EQ(handed_on_, 3); });
  client_.send_raw(burst(1));
  run_on(loop_, [&] { EXPECT_EQ(handed_on_, 3); });
}

TEST_F(OneSession, GoesOnWhenItWasHeld) {
  on_message_ = [&](TcpSession& session) { session.hold(1ms); };
  start(burst(20));
  expect_replies(20);
}

// What its other streams asked counts: else each of them would have one answer for nothing.
TEST_F(OneSession, IsHandedNothingWhileItsSourceIsAhead) {
  std::atomic<int> asked{0};
  shared_.ahead = [&](const Ip6&) { return ++asked < 3 ? Duration(1ms) : Duration(1h); };
  start(burst(20));
  while (asked < 3) std::this_thread::yield();
  run_on(loop_, [&] { EXPECT_EQ(handed_on_, 0); });
}

TEST_F(OneSession, GoesOnWhenItsSourceIsNotAheadAnyMore) {
  int asked = 0;
  shared_.ahead = [&](const Ip6&) { return ++asked < 3 ? Duration(1ms) : Duration::zero(); };
  start(burst(20));
  expect_replies(20);
}

// Else it would keep its place until then.
TEST_F(OneSession, EndsWithItsClientThoughItIsHeld) {
  std::atomic<bool> closed{false};
  shared_.on_closed = [&](auto&, Close why) {
    EXPECT_EQ(why, Close::kByClient);
    closed = true;
  };
  on_message_ = [&](TcpSession& session) { session.hold(1h); };
  start(burst(1));
  expect_replies(1);
  client_.shut_down_writing();
  while (!closed) std::this_thread::yield();
}

// Little goes into the kernel's buffers.
Fd connect_narrowly(const IpEndpoint& server) {
  Fd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  constexpr int kLeast = 4096;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kLeast, sizeof kLeast);
  auto address = to_sockaddr(server);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

void send_to(const Fd& fd, const std::string& bytes) {
  EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
}

// A client that reads, if slowly, does not pay for one that takes nothing.
TEST(TcpServer, WhoKeepsMostHasToGo) {
  constexpr std::size_t kLarge = 60'000;
  TcpLimits limits;
  limits.unsent_bytes = 150'000;
  limits.unsent_in_all = 200'000;
  TcpQuota quota(limits);
  std::atomic<int> handed_on{0};
  EventLoop loop("server");
  loop.start_thread();
  auto listener = std::move(*listen_tcp({*parse_ip("::1"), 0}));
  constexpr int kLeast = 4096;
  setsockopt(listener.get(), SOL_SOCKET, SO_SNDBUF, &kLeast, sizeof kLeast);
  auto endpoint = local_endpoint(listener);
  std::unique_ptr<TcpServer> server;
  run_on(loop, [&] {
    server = std::make_unique<TcpServer>(loop, limits, quota, [&](auto, TcpSession& session) {
      session.reply(std::string(kLarge, 'r'));
      ++handed_on;
      return true;
    });
    server->add_listener(std::move(listener));
  });
  auto hog = connect_narrowly(endpoint);
  send_to(hog, burst(3));
  while (handed_on < 3) std::this_thread::yield();
  auto slow = connect_narrowly(endpoint);
  send_to(slow, burst(1));
  std::string reply(2 + kLarge, '\0');
  EXPECT_EQ(recv(slow.get(), reply.data(), reply.size(), MSG_WAITALL), std::ssize(reply));
  run_on(loop, [&] {
    EXPECT_EQ(server->counters().evicted, 1U);
    EXPECT_EQ(server->counters().open, 1U);
    server.reset();
  });
}

}  // namespace
}  // namespace sixpn::dns::testing
