#include "flycast/io/machine_starts.h"

namespace sixpn::flycast {

void MachineStarts::start(EventLoop& asker, MachineId machine, Done done) {
  Asker asking{asker, std::move(done)};
  if (home_.on_loop_thread()) return start_at_home(machine, std::move(asking));
  home_.post([weak = std::weak_ptr(alive_), machine, asking = std::move(asking)] {
    if (auto alive = weak.lock()) (*alive)->start_at_home(machine, asking);
  });
}

void MachineStarts::start_at_home(MachineId machine, Asker asker) {
  auto [found, is_first] = in_flight_.try_emplace(machine);
  found->second.push_back(std::move(asker));
  if (!is_first) return;
  auto done = [weak = std::weak_ptr(alive_), machine](const Result<void>& outcome) {
    if (auto alive = weak.lock()) (*alive)->on_started(machine, outcome);
  };
  if (start_) return start_(machine, done);
  home_.post([done] { done(Error("this host starts no machines")); });
}

void MachineStarts::on_started(MachineId machine, const Result<void>& outcome) {
  auto found = in_flight_.find(machine);
  if (found == in_flight_.end()) return;
  auto askers = std::move(found->second);
  in_flight_.erase(found);
  for (Asker& asker : askers) {
    if (asker.loop.on_loop_thread())
      asker.done(outcome);
    else
      asker.loop.post([done = std::move(asker.done), outcome] { done(outcome); });
  }
}

StartVerdict MachineStarts::judge(const MachineRecord& machine, std::uint16_t internal_port,
                                  bool last, Now now) const {
  std::lock_guard lock(guard_);
  return rules_.judge(machine, internal_port, last, now);
}

void MachineStarts::on_failed(MachineId machine, Instant now) {
  std::lock_guard lock(guard_);
  if (!rules_.is_punished(machine, now)) rules_.on_failed(machine, now);
}

void MachineStarts::on_open(MachineId machine) {
  std::lock_guard lock(guard_);
  rules_.on_open(machine);
}

MachineStarts::Wait::Wait(MachineStarts& starts, const ServiceKey& key)
    : starts_(starts), key_(key) {
  std::lock_guard lock(starts_.guard_);
  ++starts_.waking_[key_];
}

MachineStarts::Wait::~Wait() {
  std::lock_guard lock(starts_.guard_);
  auto found = starts_.waking_.find(key_);
  if (--found->second == 0) starts_.waking_.erase(found);
}

bool MachineStarts::is_waking(const ServiceKey& key) const {
  std::lock_guard lock(guard_);
  return waking_.contains(key);
}

}  // namespace sixpn::flycast
