#include "dns/core/upstream_choice.h"

#include <algorithm>
#include <tuple>

namespace sixpn::dns {
namespace {

constexpr int kSmoothing = 8;  // as TCP's (RFC 6298): the newest counts an eighth

}  // namespace

void UpstreamChoice::on_reply(std::size_t upstream, Duration round_trip, Instant now) {
  One& one = all_[upstream];
  bool fresh = !one.measured || is_down(one);
  one.smoothed = fresh ? round_trip : one.smoothed + (round_trip - one.smoothed) / kSmoothing;
  one.measured = true;
  one.silent = 0;
  one.pause = kMostProbe;
  one.next_probe = now + kMostProbe;
}

void UpstreamChoice::on_late(std::size_t upstream) {
  One& one = all_[upstream];
  one.smoothed = std::min(one.smoothed * 2, kMostPatience);
}

bool UpstreamChoice::on_silence(std::size_t upstream, Instant now) {
  One& one = all_[upstream];
  if (is_down(one)) return false;
  ++one.silent;
  if (!is_down(one)) return false;
  one.pause = kFirstProbe;
  one.next_probe = now + kFirstProbe;
  return true;
}

std::vector<std::size_t> UpstreamChoice::order(const std::vector<std::size_t>& group) const {
  std::vector<std::size_t> out;
  out.reserve(group.size());
  for (auto upstream : group)
    if (!all_[upstream].looping) out.push_back(upstream);
  if (out.size() < 2) return out;
  std::stable_sort(out.begin(), out.end(), [this](std::size_t a, std::size_t b) {
    auto rank = [this](std::size_t i) {
      return std::make_tuple(is_down(all_[i]), all_[i].smoothed);
    };
    return rank(a) < rank(b);
  });
  return out;
}

Duration UpstreamChoice::patience(std::size_t upstream) const {
  return std::clamp(all_[upstream].smoothed * 4, kLeastPatience, kMostPatience);
}

UpstreamChoice::Health UpstreamChoice::health(std::size_t upstream) const {
  if (all_[upstream].looping) return Health::kLooping;
  return is_down(all_[upstream]) ? Health::kDown : Health::kUp;
}

bool UpstreamChoice::probe_due(std::size_t upstream, Instant now) {
  One& one = all_[upstream];
  if (now < one.next_probe) return false;
  if (is_down(one)) one.pause = std::min(one.pause * 2, kMostProbe);
  one.next_probe = now + one.pause;
  return true;
}

Instant UpstreamChoice::next_probe() const {
  Instant soonest = kNever;
  for (const One& one : all_) soonest = std::min(soonest, one.next_probe);
  return soonest;
}

}  // namespace sixpn::dns
