#include "flycast/io/hop_links.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/io/clock.h"

namespace sixpn::flycast {
namespace {

// A link nobody waits for may take its time.
constexpr Duration kConnectTimeout = std::chrono::seconds(5);

// Nothing may come on a link before its preamble: bytes, an end or an error all spoil it.
bool is_unspoilt(int stream) {
  char byte = 0;
  return recv(stream, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

// A link that was not used has nothing to tell by a reset.
void close_unused(Fd& stream) {
  allow_clean_close(stream.get());
  stream.close();
}

}  // namespace

HopLinks::HopLinks(EventLoop& loop, const Ip6& own, Duration idle)
    : loop_(loop), own_(own), idle_(idle), expiry_(loop, [this] { expire(); }) {}

Fd HopLinks::take_rested(const IpEndpoint& proxy) {
  auto found = peers_.find(proxy);
  return found == peers_.end() ? Fd() : take_newest(found->second.rested);
}

Fd HopLinks::take(const IpEndpoint& proxy) {
  if (idle_ == Duration::zero()) return {};
  if (!peers_.contains(proxy) && peers_.size() >= kMaxPeers) return {};
  Peer& peer = peers_[proxy];
  peer.wanted = std::min(peer.wanted + 1, kMaxSpare);
  Fd taken = take_newest(peer.spare);
  refill(proxy, peer);
  return taken;
}

Fd HopLinks::take_newest(std::deque<Spare>& from) {
  while (!from.empty()) {
    Fd newest = std::move(from.back().stream);
    from.pop_back();
    if (is_unspoilt(newest.get())) return newest;
  }
  return {};
}

void HopLinks::give_back(const IpEndpoint& proxy, Fd link) {
  auto found = peers_.find(proxy);
  if (idle_ == Duration::zero() || found == peers_.end()) return close_unused(link);
  std::deque<Spare>& rested = found->second.rested;
  if (rested.size() >= kMaxRested) {
    close_unused(rested.front().stream);
    rested.pop_front();
  }
  rested.push_back({std::move(link), monotonic_now() + idle_});
  arm();
}

void HopLinks::note_takes_ahead(const IpEndpoint& proxy) {
  auto found = peers_.find(proxy);
  if (found != peers_.end()) found->second.takes_ahead = true;
}

bool HopLinks::takes_ahead(const IpEndpoint& proxy) const {
  auto found = peers_.find(proxy);
  return found != peers_.end() && found->second.takes_ahead;
}

void HopLinks::forget(const IpEndpoint& proxy) {
  peers_.erase(proxy);
}

void HopLinks::refill(const IpEndpoint& proxy, Peer& peer) {
  while (peer.spare.size() + peer.connecting.size() < peer.wanted) {
    std::uint64_t number = ++last_number_;
    ConnectRequest request{own_, SourceKind::kOwn, proxy, kConnectTimeout, {}};
    peer.connecting[number] = std::make_unique<StreamConnector>(
        loop_, request, [this, proxy, number](ConnectOutcome outcome) {
          on_connected(proxy, number, std::move(outcome));
        });
  }
}

// A host that cannot be reached is left alone until it is used again.
void HopLinks::on_connected(const IpEndpoint& proxy, std::uint64_t number, ConnectOutcome outcome) {
  Peer& peer = peers_[proxy];
  peer.connecting.erase(number);
  if (outcome.error == 0) {
    peer.spare.push_back({std::move(outcome.stream), monotonic_now() + idle_});
    arm();
  } else {
    peer.wanted = 0;
    if (peer.spare.empty() && peer.rested.empty() && peer.connecting.empty()) peers_.erase(proxy);
  }
}

void HopLinks::expire() {
  Instant now = monotonic_now();
  for (auto at = peers_.begin(); at != peers_.end();) {
    Peer& peer = at->second;
    while (!peer.spare.empty() && peer.spare.front().until <= now) {
      close_unused(peer.spare.front().stream);
      peer.spare.pop_front();
      if (peer.wanted > 0) --peer.wanted;
    }
    while (!peer.rested.empty() && peer.rested.front().until <= now) {
      close_unused(peer.rested.front().stream);
      peer.rested.pop_front();
    }
    bool unused = peer.spare.empty() && peer.rested.empty() && peer.connecting.empty();
    at = unused ? peers_.erase(at) : std::next(at);
  }
  armed_ = false;
  arm();
}

// For the one that is the oldest now: under load those that are kept change all the time.
void HopLinks::arm() {
  if (armed_) return;
  Instant first = kNever;
  for (const auto& [proxy, peer] : peers_) {
    if (!peer.spare.empty()) first = std::min(first, peer.spare.front().until);
    if (!peer.rested.empty()) first = std::min(first, peer.rested.front().until);
  }
  armed_ = first != kNever;
  expiry_.arm_at(first);
}

void HopLinks::stop() {
  for (auto& [proxy, peer] : peers_)
    for (auto* kept : {&peer.spare, &peer.rested})
      for (Spare& spare : *kept) close_unused(spare.stream);
  peers_.clear();
  armed_ = false;
  expiry_.cancel();
}

std::size_t HopLinks::spare() const {
  std::size_t sum = 0;
  for (const auto& [proxy, peer] : peers_) sum += peer.spare.size();
  return sum;
}

}  // namespace sixpn::flycast
