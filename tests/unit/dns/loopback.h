// Real sockets on loopback for DNS tests: blocking clients with deadlines, and an upstream resolver
// that answers as it is told.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"

namespace sixpn::dns::testing {

// How long a test waits for what must come: long enough for a machine that is busy with other
// builds.
inline constexpr std::chrono::milliseconds kPatience{20000};

// One UDP exchange; nothing when no reply came in time.
std::optional<std::string> udp_ask(const IpEndpoint& server, const std::string& query,
                                   std::chrono::milliseconds patience = kPatience);

class UdpClient {
 public:
  explicit UdpClient(const IpEndpoint& server);
  void send(const std::string& message) const;
  [[nodiscard]] std::optional<std::string> receive(
      std::chrono::milliseconds patience = kPatience) const;

 private:
  Fd socket_;
};

class TcpClient {
 public:
  explicit TcpClient(const IpEndpoint& server);
  [[nodiscard]] bool connected() const { return static_cast<bool>(socket_); }
  void send_raw(const std::string& bytes) const;
  void send(const std::string& message) const;  // behind its length
  void shut_down_writing() const;
  // The next whole message; nothing at end of stream or when none came in time.
  std::optional<std::string> receive(std::chrono::milliseconds patience = kPatience);
  // True when the server closed, within the time.
  bool wait_for_close(std::chrono::milliseconds patience = kPatience);
  // The bytes that one read() gives, at least one.
  [[nodiscard]] std::string read_once(std::chrono::milliseconds patience = kPatience) const;

 private:
  Fd socket_;
  std::string input_;
};

std::string behind_length(const std::string& message);

// A resolver on [::1], UDP and TCP on one port, on its own thread. `respond` gets each query and
// says what to send back, or nothing to stay silent; it runs on that thread.
class Upstream {
 public:
  using Respond = std::function<std::optional<std::string>(const std::string& query, bool tcp)>;
  explicit Upstream(Respond respond);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  [[nodiscard]] IpEndpoint endpoint() const;
  [[nodiscard]] int queries() const { return queries_; }
  // The source port of each datagram that came, in order. Once all that is to come has come.
  [[nodiscard]] std::vector<std::uint16_t> ports() const;

 private:
  void run();
  void serve_tcp();

  Respond respond_;
  Fd udp_, tcp_, wake_read_, wake_write_;
  std::atomic<int> queries_{0};
  mutable std::mutex ports_lock_;
  std::vector<std::uint16_t> ports_;
  std::thread thread_;
};

}  // namespace sixpn::dns::testing
