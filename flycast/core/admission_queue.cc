#include "flycast/core/admission_queue.h"

#include <algorithm>
#include <cmath>

namespace sixpn::flycast {

bool AdmissionQueue::drops_one(Queue& queue, Instant now) {
  if (!queue.stands(now) || now < queue.next_drop) return false;
  ++queue.drops;
  queue.next_drop = now + Duration(static_cast<Duration::rep>(
                              static_cast<double>(kInterval.count()) / std::sqrt(queue.drops)));
  return true;
}

// Two more than the asker has: with one more, they would only change places. So it is never the
// first of its queue that gives way.
std::optional<AdmissionQueue::WaiterId> AdmissionQueue::make_place(Queue& queue,
                                                                   std::optional<HostId> asker) {
  std::map<HostId, std::size_t> places;
  std::size_t most = 0;
  for (const Waiter& waiter : queue.waiting) most = std::max(most, ++places[waiter.asker]);
  if (asker && most < places[*asker] + 2) return std::nullopt;
  auto newest = std::find_if(queue.waiting.rbegin(), queue.waiting.rend(),
                             [&](const Waiter& one) { return places[one.asker] == most; });
  WaiterId gives_way = newest->id;
  queue.waiting.erase(std::next(newest).base());
  return gives_way;
}

AdmissionQueue::Joined AdmissionQueue::join(const ServiceKey& key, WaiterId waiter,
                                            std::uint32_t hard_limit, Instant now, HostId asker) {
  Joined joined;
  auto found = queues_.find(key);
  std::size_t length = found == queues_.end() ? 0 : found->second.waiting.size();
  bool full = length >= std::min<std::size_t>(hard_limit, kMostWaiting);
  bool is_new = found == queues_.end();
  bool one_too_many =
      full || (is_new ? queues_.size() >= kMostQueues : drops_one(found->second, now));
  if (one_too_many) {
    ++refused_;
    if (!is_new) joined.gave_way = make_place(found->second, asker);
    if (!joined.gave_way) return joined;
  }
  queues_[key].waiting.push_back({waiter, now, asker});
  joined.waits = true;
  return joined;
}

void AdmissionQueue::leave(const ServiceKey& key, WaiterId waiter) {
  auto found = queues_.find(key);
  if (found == queues_.end()) return;
  std::erase_if(found->second.waiting, [&](const Waiter& w) { return w.id == waiter; });
  if (found->second.waiting.empty()) queues_.erase(found);
}

std::optional<AdmissionQueue::WaiterId> AdmissionQueue::front(const ServiceKey& key) const {
  auto found = queues_.find(key);
  if (found == queues_.end()) return std::nullopt;
  return found->second.waiting.front().id;
}

AdmissionQueue::Turn AdmissionQueue::on_free(const ServiceKey& key, Instant now) {
  Turn turn;
  auto found = queues_.find(key);
  if (found == queues_.end()) return turn;
  Queue& queue = found->second;
  turn.admitted = queue.waiting.front().id;
  Duration waited = now - queue.waiting.front().since;
  queue.waiting.pop_front();
  if (waited < kTarget) {
    queue.standing_at = kNever;
    queue.drops = 0;
  } else if (queue.standing_at == kNever) {
    queue.standing_at = now + kInterval;
    queue.next_drop = queue.standing_at;
  }
  if (!queue.waiting.empty() && drops_one(queue, now)) {
    turn.refused.push_back(*make_place(queue, std::nullopt));
    ++refused_;
  }
  if (queue.waiting.empty()) queues_.erase(found);
  return turn;
}

std::vector<AdmissionQueue::WaiterId> AdmissionQueue::expire(Instant now) {
  std::vector<WaiterId> expired;
  for (auto at = queues_.begin(); at != queues_.end();) {
    auto& waiting = at->second.waiting;
    while (!waiting.empty() && now - waiting.front().since >= kLongestWait) {
      expired.push_back(waiting.front().id);
      waiting.pop_front();
    }
    at = waiting.empty() ? queues_.erase(at) : std::next(at);
  }
  refused_ += expired.size();
  return expired;
}

Instant AdmissionQueue::next_expiry() const {
  Instant next = kNever;
  for (const auto& [key, queue] : queues_)
    next = std::min(next, queue.waiting.front().since + kLongestWait);
  return next;
}

std::uint32_t AdmissionQueue::length(const ServiceKey& key) const {
  auto found = queues_.find(key);
  return found == queues_.end() ? 0 : static_cast<std::uint32_t>(found->second.waiting.size());
}

}  // namespace sixpn::flycast
