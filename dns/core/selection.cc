#include "dns/core/selection.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace sixpn::dns {
namespace {

constexpr Duration kUnmeasured = Duration::max();

Duration distance(const View& view, HostId host) {
  if (host == view.viewer.self) return Duration::zero();
  return view.snapshot.round_trip_to(host).value_or(kUnmeasured);
}

// Sorts by `rank`, which is called once per machine; equals keep the order they have.
template <class Rank>
void sort_by(Machines& machines, Rank rank) {
  using Ranked = std::pair<decltype(rank(*machines.front())), MachinePtr>;
  std::vector<Ranked> ranked;
  ranked.reserve(machines.size());
  for (auto& machine : machines) ranked.emplace_back(rank(*machine), std::move(machine));
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < ranked.size(); ++i) machines[i] = std::move(ranked[i].second);
}

}  // namespace

bool is_registered(const MachineRecord& machine) {
  return !machine.skip_dns && machine.state != MachineState::kDestroyed;
}

bool is_answered(const View& view, const MachineRecord& machine) {
  if (!is_registered(machine)) return false;
  bool running =
      machine.state == MachineState::kStarting || machine.state == MachineState::kStarted;
  if (running && machine.address == view.viewer.source) return true;
  return view.snapshot.is_serving(machine);
}

Machines answered(const View& view, const Machines& machines) {
  Machines found;
  for (const auto& machine : machines)
    if (is_answered(view, *machine)) found.push_back(machine);
  return found;
}

void order_by_region(const View& view, Machines& machines) {
  view.rng.shuffle(machines);
  std::map<std::string_view, Duration> nearest;
  for (const auto& machine : machines) {
    auto [region, added] = nearest.try_emplace(machine->region, kUnmeasured);
    region->second = std::min(region->second, distance(view, machine->host));
  }
  // Two regions at one distance must not interleave: the name is the last word.
  sort_by(machines, [&](const MachineRecord& machine) {
    bool elsewhere = machine.region != view.viewer.region;
    return std::tuple(elsewhere, nearest.at(machine.region), std::string_view(machine.region));
  });
}

void order_by_distance(const View& view, Machines& machines) {
  view.rng.shuffle(machines);
  sort_by(machines, [&](const MachineRecord& machine) {
    bool other = machine.address != view.viewer.source;
    return std::pair(other, distance(view, machine.host));
  });
}

std::vector<Rdata> addresses(const Machines& machines) {
  std::vector<Rdata> rdata;
  rdata.reserve(machines.size());
  for (const auto& machine : machines) rdata.emplace_back(machine->address);
  return rdata;
}

}  // namespace sixpn::dns
