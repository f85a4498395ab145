// SilentHops: hop connections that have not sent their preamble yet, oldest first per host. An
// honest proxy sends it with its first packet, so beyond the limit the oldest one gives way: a host
// that opens connections and says nothing pushes out its own, and nobody else waits. Pure; one
// loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/ids.h"

namespace sixpn::flycast {

using SessionId = std::uint64_t;

class SilentHops {
 public:
  explicit SilentHops(std::size_t limit_per_host) : limit_(limit_per_host) {}

  // The session that has to go in return, if any.
  std::optional<SessionId> add(HostId host, SessionId session) {
    auto& waiting = hosts_[host];
    waiting.push_back(session);
    if (waiting.size() <= limit_) return std::nullopt;
    SessionId oldest = waiting.front();
    waiting.pop_front();
    return oldest;
  }

  // It spoke, or ended. Harmless when it was pushed out before.
  void remove(HostId host, SessionId session) {
    auto found = hosts_.find(host);
    if (found == hosts_.end()) return;
    std::erase(found->second, session);
    if (found->second.empty()) hosts_.erase(found);
  }

  [[nodiscard]] std::size_t waiting(HostId host) const {
    auto found = hosts_.find(host);
    return found == hosts_.end() ? 0 : found->second.size();
  }

 private:
  std::size_t limit_;
  std::map<HostId, std::deque<SessionId>> hosts_;
};

}  // namespace sixpn::flycast
