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

bool AdmissionQueue::join(const ServiceKey& key, WaiterId waiter, std::uint32_t hard_limit,
                          Instant now) {
  auto found = queues_.find(key);
  std::size_t length = found == queues_.end() ? 0 : found->second.waiting.size();
  bool full = length >= std::min<std::size_t>(hard_limit, kMostWaiting);
  bool new_queue = found == queues_.end() && !full;
  if (full || (new_queue && queues_.size() >= kMostQueues) ||
      (!new_queue && drops_one(found->second, now))) {
    ++refused_;
    return false;
  }
  queues_[key].waiting.push_back({waiter, now});
  return true;
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
    turn.refused.push_back(queue.waiting.back().id);
    queue.waiting.pop_back();
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
