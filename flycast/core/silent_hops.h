// SilentHops: hop connections that have not sent their preamble yet, or are at rest between two
// exchanges, oldest first per host. An honest proxy sends it with its first packet, so beyond the
// limit the oldest one gives way: a host that opens connections and says nothing pushes out its
// own, and nobody else waits. Nor do a host's idle links hold more than a kPart of what this proxy
// has left. Who has spoken and was not read yet is spared: he is heard in this turn of the loop,
// and is silent no more or goes in the next. Pure; one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/ids.h"

namespace sixpn::flycast {

using SessionId = std::uint64_t;

class SilentHops {
 public:
  static constexpr std::size_t kPart = 8;  // an eighth

  explicit SilentHops(std::size_t limit_per_host) : limit_(limit_per_host) {}

  // The sessions that have to go in return, never this one. `left`: how many more connections this
  // proxy has room for; `may_go(session)`: it is not spared.
  template <class MayGo>
  std::vector<SessionId> add(HostId host, SessionId session, std::size_t left, MayGo may_go) {
    auto& waiting = hosts_[host];
    waiting.push_back(session);
    std::size_t most = std::max<std::size_t>(std::min(limit_, left / kPart), 1);
    if (waiting.size() <= most) return {};
    std::vector<SessionId> oldest;
    auto last = waiting.end() - static_cast<std::ptrdiff_t>(most);
    auto spared =
        std::stable_partition(waiting.begin(), last, [&](SessionId id) { return !may_go(id); });
    oldest.assign(spared, last);
    waiting.erase(spared, last);
    return oldest;
  }

  // It spoke, or ended. Harmless when it was pushed out before.
  void remove(HostId host, SessionId session) {
    auto found = hosts_.find(host);
    if (found == hosts_.end()) return;
    auto& waiting = found->second;
    // From the newest, which is the one that speaks.
    auto behind = std::find(waiting.rbegin(), waiting.rend(), session);
    if (behind != waiting.rend()) waiting.erase(std::prev(behind.base()));
    if (waiting.empty()) hosts_.erase(found);
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
