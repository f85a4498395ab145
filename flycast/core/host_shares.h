// HostShares: what other hosts' proxies have open here, and whether one of them may have one more:
// no host, stolen or broken, takes so much of this proxy that the others find no place, and one
// that asks alone gets most of it. A host may hold kShare times as much as is left when it has it
// (a dynamic threshold: Choudhury and Hahne, 1998), so one alone has three quarters of all, and
// whoever holds little is refused last. A host without any may have the last place. Pure; one
// thread at a time. Memory: one entry per host with something open.
#pragma once

#include <cstddef>
#include <optional>

#include "base/ids.h"
#include "flycast/core/limits.h"

namespace sixpn::flycast {

class HostShares {
 public:
  using Ticket = OpenCounts<HostId>::Ticket;

  static constexpr std::size_t kShare = 3;

  // Nothing: it has its share. `left`: how many more this proxy has room for behind that one.
  std::optional<Ticket> admit(HostId host, std::size_t left) {
    std::size_t held = open(host);
    if (held != 0 && held >= kShare * left) return std::nullopt;
    return counts_.admit(host, 0);
  }
  [[nodiscard]] std::size_t open(HostId host) const { return counts_.open(host); }

 private:
  OpenCounts<HostId> counts_;
};

}  // namespace sixpn::flycast
