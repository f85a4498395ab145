#include "mesh/core/first_handshake.h"

#include <algorithm>

namespace sixpn::mesh {

Instant FirstHandshake::Opening::due() const {
  if (over) return kNever;
  return since + (calls ? kCallAgain.at(tries) : kAwaitCall);
}

FirstHandshake::Verdict FirstHandshake::update(HostId self, const Peers& desired,
                                               const ObservedPeers& observed, Instant now) {
  std::erase_if(openings_, [&](const auto& item) { return !desired.contains(item.first); });
  Verdict verdict;
  for (const auto& [key, peer] : desired) {
    auto state = observed.find(key);
    bool exists = state != observed.end();
    auto [found, is_new] = openings_.try_emplace(key);
    Opening& opening = found->second;
    // An adopted peer may have a session that only the other end remembers: WireGuard's own matter.
    // So is a peer from before a reboot: it knows this host, and may not know that it must call.
    bool settled = exists || peer.candidates.empty() || (starting_ && peer.host < self);
    if (is_new) opening = {now, self < peer.host, 0, settled};
    if (exists && state->second.last_handshake) opening.over = true;
    if (opening.over) continue;
    if (now < opening.due()) {
      if (!opening.calls) verdict.await.insert(key);
    } else if (opening.calls) {
      verdict.again.insert(key);
      opening.over = ++opening.tries == kCallAgain.size();
    } else {
      verdict.call.insert(key);
      opening.over = true;
    }
  }
  starting_ = false;
  return verdict;
}

Instant FirstHandshake::next_check() const {
  Instant next = kNever;
  for (const auto& [key, opening] : openings_) next = std::min(next, opening.due());
  return next;
}

}  // namespace sixpn::mesh
