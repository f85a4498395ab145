// What a Flycast test plays with: services running in host namespaces, and plain blocking TCP ends
// (each call bounded by a deadline) inside machines.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "flycast/io/flycast_service.h"
#include "tests/netns/flycast/lab.h"

namespace sixpn::flycast {

// A FlycastService of host n on a loop thread inside the host's namespace.
class RunningHost {
 public:
  // `limits`: all of its options but who and where it is.
  RunningHost(std::uint32_t n, const TestCluster& cluster, FlycastOptions limits = {},
              FlycastCallbacks callbacks = {});
  ~RunningHost();

  void set_snapshot(const TestCluster& cluster);
  FlycastStats stats();
  void stop();

  // Runs `body` on the loop and waits for it.
  void on_loop(const std::function<void()>& body);
  FlycastService& service() { return *service_; }

 private:
  std::uint32_t n_;
  EventLoop loop_;
  std::unique_ptr<FlycastService> service_;
};

// A connected TCP socket; every call waits at most kPatience.
class Tcp {
 public:
  Tcp() = default;
  explicit Tcp(Fd fd);
  // One whose reset connect() told.
  static Tcp reset_at_once(Fd fd);

  // Empty when nothing came in time or the end was reset; `got_reset` tells.
  std::string read_exactly(std::size_t size);
  std::string read_some();    // what is there, at least a byte
  std::string read_to_end();  // until FIN, reset or nothing for kPatience
  bool write_all(std::string_view bytes);
  // Writes `block` over and over until nothing was taken for a while, or `most` bytes were: all
  // that went.
  std::string write_until_stuck(std::string_view block, std::size_t most);
  // Waits until this end's kernel has sent out all that was written; false at kPatience.
  bool all_sent() const;
  void send_fin();
  void send_reset();  // closes with SO_LINGER 0
  void close() { fd_.close(); }

  [[nodiscard]] bool ended() const { return ended_; }      // saw a FIN
  [[nodiscard]] bool got_reset() const { return reset_; }  // saw a reset
  // Without reading: a FIN is the next that there is to read.
  [[nodiscard]] bool sees_fin() const;
  [[nodiscard]] IpEndpoint remote() const;
  [[nodiscard]] IpEndpoint local() const;
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  Fd fd_;
  bool ended_ = false;
  bool reset_ = false;
};

// Two blocking ends of a TCP stream over the loopback of host 1.
std::pair<Fd, Fd> make_stream();

// A server socket inside a machine, on its address and port 8080.
class Server {
 public:
  explicit Server(std::uint32_t machine, int backlog = 512);
  // The next connection, or nothing within kPatience.
  Tcp accept();
  [[nodiscard]] std::uint32_t machine() const { return machine_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  std::uint32_t machine_;
  Fd fd_;
};

inline constexpr int kPatienceMs = 10000;

// Connects from inside a namespace, bound to `source` when given; nothing when refused.
// Invalid if it is refused or not answered within kPatience; one that is accepted and reset at once
// is valid, and may have got its reset already.
Tcp dial(const NetNs& from, const IpEndpoint& to, std::optional<Ip6> source = {});
// From client machine 9 to web's Flycast address.
Tcp dial_web();

// Waits for the first of the servers that gets a connection: its machine, or 0 within kPatience.
std::uint32_t who_accepts(std::vector<Server*> servers, Tcp* accepted = nullptr);

// Polls until `holds` is true or kPatience is over.
bool eventually(const std::function<bool()>& holds);

}  // namespace sixpn::flycast
