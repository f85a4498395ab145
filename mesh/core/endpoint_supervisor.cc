#include "mesh/core/endpoint_supervisor.h"

#include <algorithm>

namespace sixpn::mesh {
namespace {

bool contains(const std::vector<IpEndpoint>& endpoints, const IpEndpoint& endpoint) {
  return std::ranges::find(endpoints, endpoint) != endpoints.end();
}

// A handshake from the future (the clock was set back) counts as fresh: it will age.
bool is_fresh(const ObservedPeer* peer, WallTime now) {
  return peer != nullptr && peer->last_handshake && now - *peer->last_handshake < kFreshHandshake;
}

}  // namespace

EndpointSupervisor::Attempt EndpointSupervisor::begin(const DesiredPeer& peer,
                                                      const ObservedPeer* observed, Instant now) {
  Attempt attempt{peer.candidates, 0, now};
  if (observed == nullptr || !observed->endpoint) return attempt;
  auto found = std::ranges::find(peer.candidates, *observed->endpoint);
  // An adopted peer that uses none of the candidates: the first one is next.
  attempt.current = found != peer.candidates.end()
                        ? static_cast<std::size_t>(found - peer.candidates.begin())
                        : peer.candidates.size() - 1;
  return attempt;
}

const IpEndpoint* EndpointSupervisor::on_new_candidates(const DesiredPeer& peer,
                                                        const ObservedPeer* observed,
                                                        Attempt& attempt, Instant now) {
  auto previous = std::exchange(attempt.candidates, peer.candidates);
  bool roamed =
      observed != nullptr && observed->endpoint && !contains(previous, *observed->endpoint);
  bool listed =
      observed != nullptr && observed->endpoint && contains(peer.candidates, *observed->endpoint);
  attempt.current = 0;
  attempt.since = now;
  attempt.probation = kProbation;
  if (peer.candidates.empty() || (attempt.fresh && (roamed || listed))) return nullptr;
  return &attempt.candidates.front();
}

const IpEndpoint* EndpointSupervisor::on_silence(Attempt& attempt, Instant now) {
  if (attempt.candidates.empty() || now < attempt.since + attempt.probation) return nullptr;
  attempt.since = now;
  if (++attempt.current >= attempt.candidates.size()) {
    attempt.current = 0;
    attempt.probation = std::min(attempt.probation * 2, kMaxProbation);
  }
  return &attempt.candidates[attempt.current];
}

EndpointSupervisor::Pins EndpointSupervisor::update(const Peers& desired,
                                                    const ObservedPeers& observed, Now now) {
  std::erase_if(attempts_, [&](const auto& item) { return !desired.contains(item.first); });
  Pins pins;
  for (const auto& [key, peer] : desired) {
    auto seen = observed.find(key);
    const ObservedPeer* state = seen == observed.end() ? nullptr : &seen->second;
    auto known = attempts_.find(key);
    if (known == attempts_.end())
      known = attempts_.emplace(key, begin(peer, state, now.mono)).first;
    Attempt& attempt = known->second;
    attempt.fresh = is_fresh(state, now.wall);
    const IpEndpoint* pin = nullptr;
    if (attempt.candidates != peer.candidates) {
      pin = on_new_candidates(peer, state, attempt, now.mono);
    } else if (attempt.fresh) {
      attempt.since = now.mono;
      attempt.probation = kProbation;
    } else {
      pin = on_silence(attempt, now.mono);
    }
    if (pin != nullptr) pins.emplace(key, *pin);
  }
  return pins;
}

Instant EndpointSupervisor::next_check() const {
  Instant next = kNever;
  for (const auto& [key, attempt] : attempts_)
    if (!attempt.fresh && !attempt.candidates.empty())
      next = std::min(next, attempt.since + attempt.probation);
  return next;
}

}  // namespace sixpn::mesh
