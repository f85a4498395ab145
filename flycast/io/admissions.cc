#include "flycast/io/admissions.h"

#include <algorithm>
#include <utility>

#include "base/io/clock.h"

namespace sixpn::flycast {

Admissions::Admissions(EventLoop& home) : home_(home), expiry_(home, [this] { expire(); }) {
  counts_.set_gate([this](const ServiceKey& key) {
    if (!use_.pass(key.machine)) return false;
    meter_.on_admitted(key);
    return true;
  });
  // From inside a destructor of somebody's, under the lock: only noted there.
  counts_.on_free([this](const ServiceKey& key) {
    if (queue_.length(key) == 0) return;
    ask_for_turn();
    freed_.insert(key);
  });
}

Admissions::~Admissions() {
  std::lock_guard lock(*guard_);
  counts_.on_free(nullptr);
}

std::optional<AdmissionTicket> Admissions::admit(const ServiceKey& key, std::uint32_t hard_limit) {
  std::lock_guard lock(*guard_);
  if (hard_limit != 0 && queue_.length(key) > 0) return std::nullopt;
  auto ticket = counts_.admit(key, hard_limit);
  if (!ticket) return std::nullopt;
  return AdmissionTicket(guard_, std::move(*ticket));
}

std::unique_ptr<Admissions::Place> Admissions::join(EventLoop& loop, const ServiceKey& key,
                                                    std::uint32_t hard_limit, HostId asker,
                                                    Done done) {
  std::lock_guard lock(*guard_);
  // Not full: the gate holds it back, because it is about to stop. Nothing to wait for.
  if (counts_.open(key) < hard_limit && queue_.length(key) == 0) return nullptr;
  AdmissionQueue::WaiterId id = ++last_id_;
  auto joined = queue_.join(key, id, hard_limit, monotonic_now(), asker);
  if (joined.gave_way) {
    ask_for_turn();
    gave_way_.push_back(take(*joined.gave_way));
  }
  if (!joined) return nullptr;
  ++joined_;
  auto waiter = std::make_shared<Waiter>(Waiter{loop, hard_limit, std::move(done)});
  waiters_[id] = waiter;
  if (waiters_.size() == 1) at_home(&Admissions::arm_expiry);
  return std::make_unique<Place>(*this, key, id, std::move(waiter));
}

void Admissions::leave(const ServiceKey& key, AdmissionQueue::WaiterId id, Waiter& waiter) {
  waiter.left = true;
  std::lock_guard lock(*guard_);
  if (waiters_.erase(id) > 0) queue_.leave(key, id);
}

std::shared_ptr<Admissions::Waiter> Admissions::take(AdmissionQueue::WaiterId id) {
  return waiters_.extract(id).mapped();
}

// Before anything is noted for it: one turn is enough for all that comes until then.
void Admissions::ask_for_turn() {
  if (freed_.empty() && gave_way_.empty()) at_home(&Admissions::hand_out);
}

void Admissions::at_home(void (Admissions::*what)()) {
  home_.post([weak = std::weak_ptr(alive_), what] {
    if (auto alive = weak.lock()) ((*alive)->*what)();
  });
}

void Admissions::hand_out() {
  std::vector<Answer> answers;
  {
    std::lock_guard lock(*guard_);
    for (auto& waiter : std::exchange(gave_way_, {})) answers.push_back({std::move(waiter), {}});
    for (const ServiceKey& key : std::exchange(freed_, {})) hand_out(key, answers);
  }
  tell(std::move(answers));
}

void Admissions::hand_out(const ServiceKey& key, std::vector<Answer>& answers) {
  Instant now = monotonic_now();
  while (auto next = queue_.front(key)) {
    auto ticket = counts_.admit(key, waiters_.at(*next)->hard_limit);
    if (!ticket) return;
    auto turn = queue_.on_free(key, now);
    for (auto id : turn.refused) answers.push_back({take(id), {}});
    answers.push_back({take(*turn.admitted), AdmissionTicket(guard_, std::move(*ticket))});
  }
}

void Admissions::arm_expiry() {
  std::lock_guard lock(*guard_);
  if (queue_.empty()) return;
  expiry_.arm_after(std::max(Duration::zero(), queue_.next_expiry() - monotonic_now()));
}

void Admissions::expire() {
  std::vector<Answer> answers;
  {
    std::lock_guard lock(*guard_);
    for (auto id : queue_.expire(monotonic_now())) answers.push_back({take(id), {}});
  }
  arm_expiry();
  tell(std::move(answers));
}

// Each on its own loop; a place that nobody takes there is given back.
void Admissions::tell(std::vector<Answer> answers) {
  for (Answer& answer : answers) {
    EventLoop& loop = answer.waiter->loop;
    auto carried = std::make_shared<Answer>(std::move(answer));
    auto task = [carried] {
      Waiter& waiter = *carried->waiter;
      if (!waiter.left) waiter.done(std::move(carried->place));
    };
    if (loop.on_loop_thread())
      task();
    else
      loop.post(std::move(task));
  }
}

std::uint32_t Admissions::open(const ServiceKey& key) const {
  std::lock_guard lock(*guard_);
  return counts_.open(key);
}

std::uint32_t Admissions::length(const ServiceKey& key) const {
  std::lock_guard lock(*guard_);
  return queue_.length(key);
}

std::map<ServiceKey, std::uint32_t> Admissions::all() const {
  std::lock_guard lock(*guard_);
  return counts_.all();
}

void Admissions::set_exact(ServicePool& pool, std::uint16_t internal_port) const {
  std::lock_guard lock(*guard_);
  pool.set_exact(counts_, internal_port);
}

std::uint64_t Admissions::joined() const {
  std::lock_guard lock(*guard_);
  return joined_;
}

std::uint64_t Admissions::refused() const {
  std::lock_guard lock(*guard_);
  return queue_.refused();
}

void Admissions::hold(MachineId machine) {
  std::lock_guard lock(*guard_);
  use_.hold(machine);
}

void Admissions::release(MachineId machine) {
  std::lock_guard lock(*guard_);
  use_.release(machine);
}

}  // namespace sixpn::flycast
