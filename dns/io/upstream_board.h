// UpstreamBoard: all upstream resolvers, each once, who belongs to which group, and what the
// forwarder thinks of them: of each group the one to ask first. It writes, workers read, without a
// lock.
//
// Owned by ForwardShared; any thread. Sizes are those of the configuration (forward_rules.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace sixpn::dns {

class UpstreamBoard {
 public:
  // `groups`: the servers of each, as ForwardRules::groups().
  explicit UpstreamBoard(const std::vector<std::vector<IpEndpoint>>& groups);

  [[nodiscard]] const std::vector<IpEndpoint>& upstreams() const { return upstreams_; }
  // By group: places in upstreams().
  [[nodiscard]] const std::vector<std::vector<std::size_t>>& groups() const { return groups_; }

  struct Best {
    std::size_t upstream = 0;
    std::chrono::microseconds patience{};  // then the next is asked too
    bool edns = true;
  };
  // Nothing: none of them is well; the forwarder knows what to do.
  [[nodiscard]] std::optional<Best> best(std::size_t group) const;
  void set_best(std::size_t group, const std::optional<Best>& best);

 private:
  std::vector<IpEndpoint> upstreams_;
  std::vector<std::vector<std::size_t>> groups_;
  std::vector<std::atomic<std::uint64_t>> best_;  // packed; 0: nothing
};

}  // namespace sixpn::dns
