#include "flycast/io/admission_line.h"

#include <algorithm>
#include <utility>

#include "base/io/clock.h"

namespace sixpn::flycast {

AdmissionLine::AdmissionLine(EventLoop& loop, ServiceCounts& counts)
    : counts_(counts), turn_(loop, [this] { hand_out(); }), expiry_(loop, [this] { expire(); }) {
  // From inside a destructor of somebody's: only noted there.
  counts_.on_free([this](const ServiceKey& key) {
    if (queue_.length(key) == 0) return;
    arm_turn();
    freed_.insert(key);
  });
}

// Before anything is noted for it: a timer that is armed anew in every turn of the loop never
// fires.
void AdmissionLine::arm_turn() {
  if (freed_.empty() && gave_way_.empty()) turn_.arm_after(Duration::zero());
}

AdmissionLine::~AdmissionLine() {
  counts_.on_free(nullptr);
}

std::optional<ServiceCounts::Ticket> AdmissionLine::admit(const ServiceKey& key,
                                                          std::uint32_t hard_limit) {
  if (hard_limit != 0 && queue_.length(key) > 0) return std::nullopt;
  return counts_.admit(key, hard_limit);
}

std::unique_ptr<AdmissionLine::Place> AdmissionLine::join(const ServiceKey& key,
                                                          std::uint32_t hard_limit, HostId asker,
                                                          Done done) {
  // Not full: the gate holds it back, because it is about to stop. Nothing to wait for.
  if (counts_.open(key) < hard_limit && queue_.length(key) == 0) return nullptr;
  Instant now = monotonic_now();
  AdmissionQueue::WaiterId id = ++last_id_;
  auto joined = queue_.join(key, id, hard_limit, now, asker);
  if (joined.gave_way) {
    arm_turn();
    gave_way_.push_back(waiters_.extract(*joined.gave_way).mapped().done);
  }
  if (!joined) return nullptr;
  ++joined_;
  waiters_[id] = {hard_limit, std::move(done)};
  if (waiters_.size() == 1) expiry_.arm_after(queue_.next_expiry() - now);
  return std::make_unique<Place>(*this, key, id);
}

void AdmissionLine::leave(const ServiceKey& key, AdmissionQueue::WaiterId id) {
  if (waiters_.erase(id) > 0) queue_.leave(key, id);
}

void AdmissionLine::hand_out() {
  std::vector<Done> refused = std::exchange(gave_way_, {});
  for (const ServiceKey& key : std::exchange(freed_, {})) hand_out(key, refused);
  for (const Done& done : refused) done(std::nullopt);
}

void AdmissionLine::hand_out(const ServiceKey& key, std::vector<Done>& refused) {
  Instant now = monotonic_now();
  while (auto next = queue_.front(key)) {
    auto ticket = counts_.admit(key, waiters_.at(*next).hard_limit);
    if (!ticket) return;
    auto turn = queue_.on_free(key, now);
    for (auto id : turn.refused) refused.push_back(waiters_.extract(id).mapped().done);
    Done done = waiters_.extract(*turn.admitted).mapped().done;
    done(std::move(ticket));
  }
}

void AdmissionLine::expire() {
  Instant now = monotonic_now();
  std::vector<Done> expired;
  for (auto id : queue_.expire(now)) expired.push_back(waiters_.extract(id).mapped().done);
  if (!queue_.empty()) expiry_.arm_after(std::max(Duration::zero(), queue_.next_expiry() - now));
  for (const Done& done : expired) done(std::nullopt);
}

}  // namespace sixpn::flycast
