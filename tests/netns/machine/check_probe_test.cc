// One run of a check against real sockets on loopback: what passes, what fails and why, and that a
// run ends whatever the other side does.
#include "machine/io/check_probe.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"

namespace sixpn::machine {
namespace {

constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

// Listens on a port of the kernel's choice; takes one connection and does with it what it is told.
class Server {
 public:
  explicit Server(std::function<void(int peer)> serve = [](int) {})
      : fd_(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_.get(), raw, length), 0);
    EXPECT_EQ(getsockname(fd_.get(), raw, &length), 0);
    port_ = ntohs(address.sin6_port);
    EXPECT_EQ(listen(fd_.get(), 8), 0);
    thread_ = std::thread([this, serve = std::move(serve)] {
      Fd peer(accept(fd_.get(), nullptr, nullptr));
      if (peer) serve(peer.get());
    });
  }
  ~Server() {
    shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] IpEndpoint at() const { return {kLoopback, port_}; }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// Reads the request's head, then says `answer`.
std::function<void(int)> says(const std::string& answer) {
  return [answer](int peer) {
    std::string request;
    char bytes[512];
    while (request.find("\r\n\r\n") == std::string::npos) {
      ssize_t got = recv(peer, bytes, sizeof bytes, 0);
      if (got <= 0) return;
      request.append(bytes, static_cast<std::size_t>(got));
    }
    send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
  };
}

// Until the other side has gone.
void stay_silent(int peer) {
  char byte = 0;
  while (recv(peer, &byte, 1, 0) > 0) continue;
}

ServiceCheck check_of(CheckKind kind, Duration timeout = std::chrono::seconds(30)) {
  ServiceCheck check;
  check.kind = kind;
  check.timeout = timeout;
  return check;
}

class CheckProbeTest : public ::testing::Test {
 protected:
  CheckProbeTest() { loop_.start_thread(); }
  ~CheckProbeTest() override {
    loop_.stop();
    loop_.join();
  }
  Verdict run(const IpEndpoint& at, const ServiceCheck& check) {
    std::promise<Verdict> promise;
    auto verdict = promise.get_future();
    std::unique_ptr<CheckProbe> probe;
    loop_.post([&] {
      probe =
          std::make_unique<CheckProbe>(loop_, ProbeTarget{kLoopback, at}, check,
                                       [&](Verdict told) { promise.set_value(std::move(told)); });
    });
    Verdict told = verdict.get();
    std::promise<void> gone;
    loop_.post([&] {
      probe.reset();
      gone.set_value();
    });
    gone.get_future().get();
    return told;
  }
  EventLoop loop_{"probe"};
};

TEST_F(CheckProbeTest, APortThatTakesConnectionsPasses) {
  Server server;
  EXPECT_TRUE(run(server.at(), check_of(CheckKind::kTcp)).passed);
}

TEST_F(CheckProbeTest, AClosedPortFailsAndSaysWhy) {
  IpEndpoint closed;
  {
    Server server;
    closed = server.at();
    run(closed, check_of(CheckKind::kTcp));
  }
  for (CheckKind kind : {CheckKind::kTcp, CheckKind::kHttp}) {
    Verdict verdict = run(closed, check_of(kind));
    EXPECT_FALSE(verdict.passed);
    EXPECT_NE(verdict.output.find("refused"), std::string::npos) << verdict.output;
  }
}

TEST_F(CheckProbeTest, HttpIsJudgedByItsStatus) {
  const struct {
    const char* answer;
    bool passes;
    const char* says;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, "200 OK"},
      {"HTTP/1.1 204 None\r\n\r\n", true, "204"},
      {"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", false, "302 Found"},
      {"HTTP/1.1 503 Busy\r\n\r\nno database", false, "no database"},
      {"hello\r\n", false, "not HTTP/1"},
      {"HTTP/1.1 200 OK\r\n", false, "ended in its head"},
      {"", false, "without an answer"},
  };
  for (const auto& test : cases) {
    Server server(says(test.answer));
    Verdict verdict = run(server.at(), check_of(CheckKind::kHttp));
    EXPECT_EQ(verdict.passed, test.passes) << test.answer;
    EXPECT_NE(verdict.output.find(test.says), std::string::npos) << verdict.output;
  }
}

TEST_F(CheckProbeTest, WhoeverSaysNothingFailsAtTheDeadline) {
  Server server(stay_silent);
  Verdict verdict = run(server.at(), check_of(CheckKind::kHttp, std::chrono::milliseconds(200)));
  EXPECT_FALSE(verdict.passed);
  EXPECT_NE(verdict.output.find("no answer within 200 ms"), std::string::npos) << verdict.output;
}

TEST_F(CheckProbeTest, AnEndlessBodyIsCut) {
  Server server([](int peer) {
    says("HTTP/1.1 500 Oops\r\n\r\n")(peer);
    std::string more(4096, 'x');
    while (send(peer, more.data(), more.size(), MSG_NOSIGNAL) > 0) continue;
  });
  Verdict verdict = run(server.at(), check_of(CheckKind::kHttp));
  EXPECT_FALSE(verdict.passed);
  EXPECT_LT(verdict.output.size(), 16384u);
}

TEST_F(CheckProbeTest, DestroyedItSaysNothingMore) {
  Server server(stay_silent);
  std::promise<void> done;
  loop_.post([&] {
    CheckProbe probe(loop_, {kLoopback, server.at()}, check_of(CheckKind::kHttp),
                     [](const Verdict&) { ADD_FAILURE() << "it was destroyed"; });
    loop_.post([&] { done.set_value(); });
  });
  done.get_future().get();
}

}  // namespace
}  // namespace sixpn::machine
