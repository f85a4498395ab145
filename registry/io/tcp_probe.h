// TcpProbe: asks whether a host's agent answers on its TCP port, for membership: the last question
// before a host that UDP does not reach is suspected. Connected is not enough, since a kernel
// accepts for a process that hangs: the probe ends its side, and the agent answers by closing, or,
// when it is too busy for a sync, with a byte that says so. Bounded; control loop only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/ids.h"
#include "base/ip.h"

namespace sixpn {
class EventLoop;
}

namespace sixpn::registry {

inline constexpr std::size_t kMaxTcpProbes = 32;  // at one time; more are not asked
inline constexpr std::chrono::seconds kTcpProbeTimeout{2};

class TcpProbe {
 public:
  using OnAnswer = std::function<void(HostId host, bool answered)>;

  // Probes from `address`, where the sync endpoints of other hosts know this one, to `port`.
  TcpProbe(EventLoop& loop, const Ip6& address, std::uint16_t port, OnAnswer on_answer);
  ~TcpProbe();  // closes everything; no more callbacks
  TcpProbe(const TcpProbe&) = delete;
  TcpProbe& operator=(const TcpProbe&) = delete;

  void ask(HostId host);

 private:
  struct Impl;
  struct Attempt;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::registry
