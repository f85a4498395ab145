#include "flycast/core/autostop.h"

#include <algorithm>

#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

// What the services that a machine serves want of it together.
struct Wish {
  AutoStop how = AutoStop::kOff;
  std::uint32_t least = 0;  // to be left running
};

Wish wish_for(const AppRecord& app, const MachineRecord& machine) {
  Wish wish;
  bool first = true;
  for (const Service& service : app.services) {
    if (!is_served_by(service, machine)) continue;
    if (service.auto_stop == AutoStop::kOff) return {};
    // Whoever asks for a stop does not want what it keeps in memory back.
    if (first || service.auto_stop == AutoStop::kStop) wish.how = service.auto_stop;
    wish.least = std::max(wish.least, service.min_machines_running);
    first = false;
  }
  // Counted in the primary region alone, where the app has one.
  if (!app.primary_region.empty() && app.primary_region != machine.region) wish.least = 0;
  return wish;
}

// Running machines of its region and process group that come before it.
std::uint32_t rank_of(const AppView& app, const MachineRecord& machine, const Snapshot& snapshot) {
  return static_cast<std::uint32_t>(
      std::count_if(app.machines.begin(), app.machines.end(), [&](const MachinePtr& other) {
        return other->id < machine.id && other->region == machine.region &&
               other->group == machine.group && !other->cordoned && snapshot.is_serving(*other);
      }));
}

bool is_open(const AppRecord& app, MachineId machine, const ServiceCounts& open) {
  return std::any_of(app.services.begin(), app.services.end(), [&](const Service& service) {
    return open.open({machine, service.internal_port}) != 0;
  });
}

bool wants_autostop(const AppRecord& app) {
  return std::any_of(app.services.begin(), app.services.end(),
                     [](const Service& service) { return service.auto_stop != AutoStop::kOff; });
}

}  // namespace

void Autostop::look_at(const AppView& app, const Scene& scene, std::vector<StopOrder>& orders) {
  for (const MachinePtr& machine : app.machines) {
    if (machine->host != scene.snapshot.self || machine->state != MachineState::kStarted) continue;
    Wish wish = wish_for(app.app, *machine);
    if (wish.how == AutoStop::kOff) continue;
    scene.use.watch(machine->id);
    std::uint64_t admitted = scene.use.admitted(machine->id);
    auto [at, added] = watched_.try_emplace(machine->id);
    Watched& watched = at->second;
    bool used = watched.admitted != admitted || is_open(app.app, machine->id, scene.open);
    if (added || used) watched = {admitted, scene.now, false, true};
    watched.seen = true;
    if (watched.ordered || scene.now - watched.idle_since < idle_after_) continue;
    if (rank_of(app, *machine, scene.snapshot) < wish.least) continue;
    if (!budget_.try_take({kStopInterval, kStopBurst}, scene.now)) continue;
    watched.ordered = true;
    orders.push_back({machine->id, machine->network, app.app.name, wish.how});
  }
}

std::vector<StopOrder> Autostop::pass(const Snapshot& snapshot, const ServiceCounts& open,
                                      MachineUse& use, Instant now) {
  std::vector<StopOrder> orders;
  for (auto& [id, watched] : watched_) watched.seen = false;
  for (const auto& [id, network] : snapshot.networks) {
    // Of a network that is not held, not all that run are seen.
    if (!snapshot.holds(id)) continue;
    for (const auto& [name, app] : network->apps)
      if (wants_autostop(app->app)) look_at(*app, {snapshot, open, use, now}, orders);
  }
  std::erase_if(watched_, [](const auto& entry) { return !entry.second.seen; });
  use.watch_only(watched_);
  return orders;
}

}  // namespace sixpn::flycast
