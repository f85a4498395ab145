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

HopLinks::HopLinks(EventLoop& home, const Ip6& own, Duration idle)
    : home_(home), own_(own), idle_(idle), expiry_(home, [this] { expire(); }) {}

// On the home loop, in a turn of its own: nobody waits for it.
template <class Task>
void HopLinks::at_home(Task task) {
  home_.post([weak = std::weak_ptr(alive_), task] {
    if (auto alive = weak.lock()) task(**alive);
  });
}

Fd HopLinks::take(const IpEndpoint& proxy) {
  if (idle_ == Duration::zero()) return {};
  std::lock_guard lock(guard_);
  if (!peers_.contains(proxy) && peers_.size() >= kMaxPeers) return {};
  Peer& peer = peers_[proxy];
  peer.used = monotonic_now();
  peer.wanted = std::min(peer.wanted + 1, kMaxSpare);
  Fd taken = take_newest(peer.spare);
  std::size_t coming = peer.spare.size() + peer.connecting;
  if (coming >= peer.wanted) return taken;
  std::size_t missing = peer.wanted - coming;
  peer.connecting += missing;
  at_home([proxy, missing](HopLinks& self) { self.connect(proxy, missing); });
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

bool HopLinks::is_unused(const Peer& peer, Instant now) const {
  return peer.spare.empty() && peer.connecting == 0 && peer.used + idle_ <= now;
}

void HopLinks::note_takes_ahead(const IpEndpoint& proxy) {
  std::lock_guard lock(guard_);
  bool is_one_too_many = !peers_.contains(proxy) && peers_.size() >= kMaxPeers;
  if (idle_ == Duration::zero() || is_one_too_many) return;
  Peer& peer = peers_[proxy];
  peer.takes_ahead = true;
  peer.used = monotonic_now();
  if (!armed_) at_home([](HopLinks& self) { self.expire(); });
}

bool HopLinks::takes_ahead(const IpEndpoint& proxy) const {
  std::lock_guard lock(guard_);
  auto found = peers_.find(proxy);
  return found != peers_.end() && found->second.takes_ahead;
}

void HopLinks::forget(const IpEndpoint& proxy) {
  std::erase_if(connecting_, [&](const auto& one) { return one.first.first == proxy; });
  std::lock_guard lock(guard_);
  peers_.erase(proxy);
}

void HopLinks::connect(const IpEndpoint& proxy, std::size_t count) {
  for (; count > 0; --count) {
    Connecting which{proxy, ++last_number_};
    ConnectRequest request{own_, SourceKind::kOwn, proxy, kConnectTimeout, {}};
    connecting_[which] = std::make_unique<StreamConnector>(
        home_, request,
        [this, which](ConnectOutcome outcome) { on_connected(which, std::move(outcome)); });
  }
}

// A host that cannot be reached is left alone until it is used again.
void HopLinks::on_connected(const Connecting& which, ConnectOutcome outcome) {
  IpEndpoint proxy = which.first;
  connecting_.erase(which);
  std::lock_guard lock(guard_);
  auto found = peers_.find(proxy);
  if (found == peers_.end()) return;  // forgotten after it was asked for
  Peer& peer = found->second;
  if (peer.connecting > 0) --peer.connecting;
  if (outcome.error == 0) {
    peer.spare.push_back({std::move(outcome.stream), monotonic_now() + idle_});
    arm();
  } else {
    peer.wanted = 0;
    if (peer.spare.empty() && peer.connecting == 0) peers_.erase(found);
  }
}

void HopLinks::expire() {
  std::lock_guard lock(guard_);
  Instant now = monotonic_now();
  for (auto at = peers_.begin(); at != peers_.end();) {
    Peer& peer = at->second;
    while (!peer.spare.empty() && peer.spare.front().until <= now) {
      close_unused(peer.spare.front().stream);
      peer.spare.pop_front();
      if (peer.wanted > 0) --peer.wanted;
    }
    at = is_unused(peer, now) ? peers_.erase(at) : std::next(at);
  }
  armed_ = false;
  arm();
}

void HopLinks::arm() {
  if (armed_) return;
  Instant first = kNever;
  for (const auto& [proxy, peer] : peers_) {
    if (!peer.spare.empty())
      first = std::min(first, peer.spare.front().until);
    else if (peer.connecting == 0)
      first = std::min(first, peer.used + idle_);
  }
  armed_ = first != kNever;
  expiry_.arm_at(first);
}

void HopLinks::stop() {
  connecting_.clear();
  expiry_.cancel();
  std::lock_guard lock(guard_);
  for (auto& [proxy, peer] : peers_)
    for (Spare& spare : peer.spare) close_unused(spare.stream);
  peers_.clear();
  armed_ = false;
}

std::size_t HopLinks::spare() const {
  std::lock_guard lock(guard_);
  std::size_t sum = 0;
  for (const auto& [proxy, peer] : peers_) sum += peer.spare.size();
  return sum;
}

}  // namespace sixpn::flycast
