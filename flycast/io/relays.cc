#include "flycast/io/relays.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sixpn::flycast {

Relays::Relays(EventLoop& loop, Duration hop_silence, Callbacks callbacks)
    : loop_(loop), hop_silence_(hop_silence), callbacks_(std::move(callbacks)) {}

Result<void> Relays::start(unsigned threads, unsigned first) {
  for (unsigned i = 0; i < std::min(threads, kMaxRelayLoops); ++i)
    if (auto started = start_lane(first + i); !started) return started;
  brief_.emplace(
      loop_, hop_silence_,
      BriefRelays::Callbacks{
          [this](const std::vector<SessionId>& ended) { on_ended(ended); },
          [this](std::vector<RelayPoller::Loose> relays) { on_lasting(std::move(relays)); },
          [this](const std::vector<SessionId>& silent) { on_silent(silent); }});
  return brief_->start();
}

Result<void> Relays::start_lane(std::size_t number) {
  using Told = void (Relays::*)(const std::vector<SessionId>&);
  auto tell = [&loop = loop_, weak = std::weak_ptr(self_)](Told what) {
    return [&loop, weak, what](std::vector<SessionId> ids) {
      loop.post([weak, what, ids = std::move(ids)] {
        if (auto self = weak.lock()) ((*self)->*what)(ids);
      });
    };
  };
  auto started = RelayLoop::start("relay" + std::to_string(number), hop_silence_,
                                  tell(&Relays::on_ended), tell(&Relays::on_silent));
  if (!started) return std::move(started).error();
  lanes_.push_back({std::move(*started), 0});
  return {};
}

void Relays::add(RelayStreams streams, SessionTickets tickets,
                 const std::optional<MachineEnd>& end) {
  Open& open = open_.insert_or_assign(streams.id, Open{std::move(tickets), end, streams.hop_host()})
                   .first->second;
  if (brief_->has_room()) return brief_->add(std::move(streams));
  open.lane = take_lane();
  lanes_[open.lane].loop->add(std::move(streams));
}

// The one with the fewest, which has one more now.
std::size_t Relays::take_lane() {
  auto lane = std::min_element(lanes_.begin(), lanes_.end(),
                               [](const Lane& a, const Lane& b) { return a.open < b.open; });
  ++lane->open;
  return static_cast<std::size_t>(lane - lanes_.begin());
}

void Relays::on_ended(const std::vector<SessionId>& ended) {
  for (SessionId id : ended) {
    auto found = open_.find(id);
    if (found == open_.end()) continue;  // stopped meanwhile
    if (found->second.lane != kBrief) --lanes_[found->second.lane].open;
    open_.erase(found);
  }
  callbacks_.on_fewer();
}

void Relays::on_lasting(std::vector<RelayPoller::Loose> relays) {
  std::vector<std::vector<RelayPoller::Loose>> of_lane(lanes_.size());
  for (RelayPoller::Loose& relay : relays) {
    std::size_t lane = open_.at(relay.key()).lane = take_lane();
    of_lane[lane].push_back(std::move(relay));
  }
  for (std::size_t i = 0; i < of_lane.size(); ++i)
    if (!of_lane[i].empty()) lanes_[i].loop->add(std::move(of_lane[i]));
}

void Relays::on_silent(const std::vector<SessionId>& silent) {
  for (SessionId id : silent) {
    auto found = open_.find(id);
    if (found != open_.end() && found->second.end) callbacks_.on_silent(*found->second.end);
  }
}

bool Relays::deal_with(HostId host) const {
  return std::any_of(open_.begin(), open_.end(),
                     [host](const auto& one) { return one.second.hop_host == host; });
}

void Relays::on_host_dead(HostId host) {
  std::vector<SessionId> brief;
  std::vector<std::vector<SessionId>> of_lane(lanes_.size());
  for (const auto& [id, open] : open_)
    if (open.hop_host == host) (open.lane == kBrief ? brief : of_lane[open.lane]).push_back(id);
  for (std::size_t i = 0; i < of_lane.size(); ++i)
    if (!of_lane[i].empty()) lanes_[i].loop->lose_hops(std::move(of_lane[i]));
  if (!brief.empty()) brief_->lose_hops(brief);
}

void Relays::stop() {
  before_ = counts();
  brief_.reset();
  lanes_.clear();
  open_.clear();
}

std::vector<RelayLoop*> Relays::loops() const {
  std::vector<RelayLoop*> loops;
  for (const Lane& lane : lanes_) loops.push_back(lane.loop.get());
  return loops;
}

RelayCounts Relays::counts() const {
  RelayCounts sum = before_;
  if (brief_) sum += brief_->counts();
  for (const Lane& lane : lanes_) sum += lane.loop->counts();
  return sum;
}

}  // namespace sixpn::flycast
