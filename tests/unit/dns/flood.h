// An upstream gone mad.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>

#include "dns/io/sockets.h"
#include "forwarding_fixture.h"

namespace sixpn::dns::testing {

// Answers the first query with nothing but noise, without end, from the right address to the right
// port.
class Flood {
 public:
  Flood() : socket_(std::move(*bind_udp({*parse_ip6("::1"), 0}))) {
    thread_ = std::thread([this] { run(); });
  }
  ~Flood() {
    ended_ = true;
    thread_.join();
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  [[nodiscard]] IpEndpoint endpoint() const { return local_endpoint(socket_); }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  void run() {
    std::array<char, 512> noise{};
    sockaddr_in6 victim{};
    socklen_t size = sizeof victim;
    auto* address = reinterpret_cast<sockaddr*>(&victim);
    ssize_t got = -1;
    while (!ended_ && got < 0) {
      pollfd ready{socket_.get(), POLLIN, 0};
      if (poll(&ready, 1, 10) > 0)
        got = recvfrom(socket_.get(), noise.data(), noise.size(), 0, address, &size);
    }
    noise[2] = static_cast<char>(0x80);  // a reply
    noise[13] = '?';                     // to another question
    while (!ended_) {
      noise[0] = static_cast<char>(noise[0] + 1);
      if (sendto(socket_.get(), noise.data(), 100, 0, address, size) > 0) ++sent_;
    }
  }

  Fd socket_;
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::thread thread_;
};

}  // namespace sixpn::dns::testing
