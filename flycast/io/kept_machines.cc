#include "flycast/io/kept_machines.h"

#include <algorithm>
#include <utility>

#include "base/io/clock.h"
#include "flycast/core/kept_briefly.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {

KeptMachines::KeptMachines(EventLoop& loop) : expiry_(loop, [this] { expire(); }) {}

KeptMachines::~KeptMachines() = default;

std::unique_ptr<HttpStream> KeptMachines::take(const Key& key) {
  while (true) {
    auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    auto newest = remove(found->second.back());
    if (newest->is_quiet()) {
      newest->set_ready(nullptr);
      return newest;
    }
    allow_clean_close(newest->fd());
  }
}

void KeptMachines::keep(const Key& key, std::unique_ptr<HttpStream> stream, std::size_t most) {
  if (!stream->rests()) return allow_clean_close(stream->fd());  // an end, or what nobody asked
  if (auto found = by_key_.find(key); found != by_key_.end() && found->second.size() >= kMaxOfKey)
    drop(found->second.front());
  while (!by_age_.empty() && by_age_.size() >= std::min(most, kMaxInAll)) drop(by_age_.begin());
  Instant now = monotonic_now();
  by_age_.push_back({key, std::move(stream), now, {}});
  Place place = std::prev(by_age_.end());
  Places& places = by_key_[key];
  place->of_key = places.insert(places.end(), place);
  // Whatever comes now, it is not kept any longer.
  place->stream->set_ready([this, place] {
    if (!place->stream->rests()) drop(place);
  });
  expiry_.arm_by(now + (places.size() > kOfKeyAtRest ? kKeptBriefly : kIdle));
}

std::unique_ptr<HttpStream> KeptMachines::remove(Place place) {
  auto found = by_key_.find(place->key);
  found->second.erase(place->of_key);
  if (found->second.empty()) by_key_.erase(found);
  auto stream = std::move(place->stream);
  by_age_.erase(place);
  return stream;
}

void KeptMachines::drop(Place place) {
  auto stream = remove(place);
  allow_clean_close(stream->fd());
}

void KeptMachines::expire() {
  Instant now = monotonic_now();
  while (!by_age_.empty() && by_age_.front().since + kIdle <= now) drop(by_age_.begin());
  if (!by_age_.empty()) expiry_.arm_by(by_age_.front().since + kIdle);
  for (auto& [key, places] : by_key_) {
    while (places.size() > kOfKeyAtRest && places.front()->since + kKeptBriefly <= now)
      drop(places.front());
    if (places.size() > kOfKeyAtRest) expiry_.arm_by(places.front()->since + kKeptBriefly);
  }
}

void KeptMachines::clear() {
  while (!by_age_.empty()) drop(by_age_.begin());
}

}  // namespace sixpn::flycast
