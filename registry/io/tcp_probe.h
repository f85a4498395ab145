// TcpProbe: asks a host's agent on its TCP port, for membership: the last question before a host
// that UDP does not reach is suspected, and the way on which it hears of that. The question is a
// gossip datagram in a frame of sync (sync_codec.h), and so are the answers. An agent that knows no
// questions (0.1) closes, one that is too busy for a sync says so: that is an answer, but being
// connected is none, since a kernel accepts for a process that hangs. Bounded; control loop only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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
  // `said`: the datagrams of its answer.
  using OnAnswer =
      std::function<void(HostId host, bool answered, const std::vector<std::string>& said)>;

  // Probes from `address`, where the sync endpoints of other hosts know this one, to `port`.
  TcpProbe(EventLoop& loop, const Ip6& address, std::uint16_t port, OnAnswer on_answer);
  ~TcpProbe();  // closes everything; no more callbacks
  TcpProbe(const TcpProbe&) = delete;
  TcpProbe& operator=(const TcpProbe&) = delete;

  void ask(HostId host, std::string datagram);

 private:
  struct Impl;
  struct Attempt;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::registry
