// NetNs: an anonymous network namespace for tests; it vanishes with the last process in it. And
// small blocking sockets made inside one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"
#include "base/time.h"

namespace sixpn::mesh {

class NetNs {
 public:
  NetNs();  // throws std::runtime_error without the right to make one

  // Calls `body` on a thread inside; sockets made there stay there.
  void run(const std::function<void()>& body) const;
  // Moves the calling thread in.
  void enter() const;
  // Opens this namespace, from any thread of this process.
  [[nodiscard]] std::string path() const;

  // Runs a program inside to its end; its exit code, output in `out` when given.
  int exec(const std::vector<std::string>& argv, std::string* out = nullptr) const;
  // The same for words separated by spaces; throws when the program fails.
  void must(const std::string& words) const;
  // One echo request that must be answered within a second.
  [[nodiscard]] bool can_ping(const Ip6& target) const;

 private:
  Fd fd_;
};

enum class Transparent { kNo, kYes };

// A bound UDP socket inside `netns`. Transparent: any address may be bound (as a spoofer does).
Fd udp_socket(const NetNs& netns, const IpEndpoint& local, Transparent how = Transparent::kNo);
void send_to(const Fd& socket, const IpEndpoint& target, const std::string& text);
struct Datagram {
  std::string text;
  IpEndpoint source;
  friend bool operator==(const Datagram&, const Datagram&) = default;
};
// Nothing within the limit: nullopt.
std::optional<Datagram> receive(const Fd& socket, Duration limit);

Fd tcp_listener(const NetNs& netns, const IpEndpoint& local, Transparent how = Transparent::kNo);
// Connects from `local` (all zero: the kernel chooses). On failure the errno in `error`, and no
// socket.
Fd tcp_connect(const NetNs& netns, const IpEndpoint& local, const IpEndpoint& target, int& error,
               Transparent how = Transparent::kNo);
// Nothing within two seconds: no socket.
Fd accept_one(const Fd& listener);
IpEndpoint local_of(const Fd& socket);
IpEndpoint remote_of(const Fd& socket);
// One exchange: true when `text` sent on one arrives on the other.
bool passes(const Fd& from, const Fd& to, const std::string& text);

}  // namespace sixpn::mesh
