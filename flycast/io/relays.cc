#include "flycast/io/relays.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

namespace sixpn::flycast {

Relays::Relays(EventLoop& loop, Duration hop_silence) : loop_(loop), hop_silence_(hop_silence) {}

Result<void> Relays::start(unsigned threads) {
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxRelayLoops);
  for (std::size_t i = 0; i < std::min(threads, kMaxRelayLoops); ++i)
    if (auto started = start_lane(i); !started) return started;
  return {};
}

Result<void> Relays::start_lane(std::size_t number) {
  auto on_ended = [&loop = loop_, weak = std::weak_ptr(self_)](std::vector<SessionId> ended) {
    loop.post([weak, ended = std::move(ended)] {
      if (auto self = weak.lock()) (*self)->on_ended(ended);
    });
  };
  auto started =
      RelayLoop::start("relay" + std::to_string(number), hop_silence_, std::move(on_ended));
  if (!started) return std::move(started).error();
  lanes_.push_back({std::move(*started), 0});
  return {};
}

void Relays::add(RelayStreams streams, SessionTickets tickets) {
  auto lane = std::min_element(lanes_.begin(), lanes_.end(),
                               [](const Lane& a, const Lane& b) { return a.open < b.open; });
  ++lane->open;
  open_.insert_or_assign(streams.id,
                         Open{std::move(tickets), static_cast<std::size_t>(lane - lanes_.begin())});
  lane->loop->add(std::move(streams));
}

void Relays::on_ended(const std::vector<SessionId>& ended) {
  for (SessionId id : ended) {
    auto found = open_.find(id);
    if (found == open_.end()) continue;  // stopped meanwhile
    --lanes_[found->second.loop].open;
    open_.erase(found);
  }
}

void Relays::stop() {
  before_ = counts();
  lanes_.clear();
  open_.clear();
}

RelayLoop::Counts Relays::counts() const {
  RelayLoop::Counts sum = before_;
  for (const Lane& lane : lanes_) {
    RelayLoop::Counts counts = lane.loop->counts();
    sum.bytes += counts.bytes;
    sum.idle_timeouts += counts.idle_timeouts;
    sum.silent_hops += counts.silent_hops;
  }
  return sum;
}

}  // namespace sixpn::flycast
