#include "flycast/io/kept_streams.h"

#include <algorithm>
#include <utility>

#include "base/io/clock.h"
#include "flycast/core/kept_briefly.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {

template <class Key>
KeptStreams<Key>::KeptStreams(EventLoop& loop, const KeptLimits& limits)
    : limits_(limits), expiry_(loop, [this] { expire(); }) {}

template <class Key>
KeptStreams<Key>::~KeptStreams() = default;

template <class Key>
std::unique_ptr<HttpStream> KeptStreams<Key>::take(const Key& key) {
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

template <class Key>
void KeptStreams<Key>::keep(const Key& key, std::unique_ptr<HttpStream> stream, std::size_t most) {
  // With an end, or what nobody asked for, it is good for nothing.
  if (limits_.idle == Duration::zero() || !stream->rests()) return allow_clean_close(stream->fd());
  if (auto found = by_key_.find(key);
      found != by_key_.end() && found->second.size() >= limits_.of_key)
    drop(found->second.front());
  while (!by_age_.empty() && by_age_.size() >= std::min(most, limits_.in_all))
    drop(by_age_.begin());
  Instant now = monotonic_now();
  by_age_.push_back({key, std::move(stream), now, {}});
  Place place = std::prev(by_age_.end());
  Places& places = by_key_[key];
  place->of_key = places.insert(places.end(), place);
  // Whatever comes now, it is not kept any longer.
  place->stream->set_ready([this, place] {
    if (!place->stream->rests()) drop(place);
  });
  bool is_brief = places.size() > limits_.at_rest;
  expiry_.arm_by(now + (is_brief ? std::min(kKeptBriefly, limits_.idle) : limits_.idle));
}

template <class Key>
std::unique_ptr<HttpStream> KeptStreams<Key>::remove(Place place) {
  auto found = by_key_.find(place->key);
  found->second.erase(place->of_key);
  if (found->second.empty()) by_key_.erase(found);
  auto stream = std::move(place->stream);
  by_age_.erase(place);
  return stream;
}

template <class Key>
void KeptStreams<Key>::drop(Place place) {
  auto stream = remove(place);
  allow_clean_close(stream->fd());
}

template <class Key>
void KeptStreams<Key>::expire() {
  Instant now = monotonic_now();
  while (!by_age_.empty() && by_age_.front().since + limits_.idle <= now) drop(by_age_.begin());
  if (!by_age_.empty()) expiry_.arm_by(by_age_.front().since + limits_.idle);
  for (auto& [key, places] : by_key_) {
    while (places.size() > limits_.at_rest && places.front()->since + kKeptBriefly <= now)
      drop(places.front());
    if (places.size() > limits_.at_rest) expiry_.arm_by(places.front()->since + kKeptBriefly);
  }
}

template <class Key>
void KeptStreams<Key>::drop_all_of(const Key& key) {
  for (auto found = by_key_.find(key); found != by_key_.end(); found = by_key_.find(key))
    drop(found->second.front());
}

template <class Key>
void KeptStreams<Key>::clear() {
  while (!by_age_.empty()) drop(by_age_.begin());
}

template class KeptStreams<KeptMachineKey>;
template class KeptStreams<IpEndpoint>;

}  // namespace sixpn::flycast
