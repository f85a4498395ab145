#include "flycast/core/autostart.h"

#include <algorithm>
#include <tuple>

#include "registry/core/service_health.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

Duration distance(const Candidate& candidate) {
  if (candidate.here) return Duration::zero();
  return candidate.round_trip.value_or(Duration::max());
}

// Its owner calls a service a warning until its checks pass for the first time.
bool is_starting(const MachineRecord& machine, std::uint16_t internal_port) {
  return machine.state == MachineState::kStarting ||
         (machine.state == MachineState::kStarted &&
          health_of(machine, internal_port) == Health::kWarning);
}

}  // namespace

bool may_wake(const MachineRecord& machine, const Service& service) {
  if (!service.auto_start || machine.cordoned || !is_served_by(service, machine)) return false;
  return machine.state == MachineState::kStopped || machine.state == MachineState::kSuspended ||
         is_starting(machine, service.internal_port);
}

std::vector<Sleeper> sleepers(const ServiceTable& table, const Route& route) {
  std::vector<Sleeper> found;
  const Snapshot& snapshot = *table.snapshot();
  for (const MachinePtr& machine : route.app->machines) {
    if (!may_wake(*machine, *route.service) || !table.trusts(machine->host)) continue;
    if (!snapshot.find_host(machine->host)->usable()) continue;
    found.push_back({{machine->id, machine->host, machine->region, machine->host == snapshot.self,
                      snapshot.round_trip_to(machine->host)},
                     is_starting(*machine, route.service->internal_port)});
  }
  return found;
}

std::optional<std::size_t> choose_sleeper(std::span<const Sleeper> sleepers,
                                          std::string_view home_region) {
  if (sleepers.empty()) return std::nullopt;
  std::map<std::string_view, Duration> nearest;  // of each region
  for (const Sleeper& sleeper : sleepers) {
    auto [at, added] = nearest.try_emplace(sleeper.candidate.region, distance(sleeper.candidate));
    if (!added) at->second = std::min(at->second, distance(sleeper.candidate));
  }
  auto rank = [&](const Sleeper& sleeper) {
    const Candidate& candidate = sleeper.candidate;
    std::string_view region = candidate.region;
    return std::make_tuple(region != home_region, nearest.at(region), region, !sleeper.starting,
                           candidate.machine);
  };
  auto best =
      std::min_element(sleepers.begin(), sleepers.end(),
                       [&](const Sleeper& a, const Sleeper& b) { return rank(a) < rank(b); });
  return static_cast<std::size_t>(best - sleepers.begin());
}

bool BackgroundStarts::begin(const StartKey& key, Instant now) {
  std::erase_if(starts_, [now](const auto& entry) {
    return !entry.second.in_flight && entry.second.quiet_until <= now;
  });
  if (starts_.size() >= kMaxBackgroundStarts) return false;
  return starts_.try_emplace(key).second;
}

void BackgroundStarts::end(const StartKey& key, bool started, Instant now) {
  auto found = starts_.find(key);
  if (found == starts_.end()) return;
  if (!started) {
    starts_.erase(found);
    return;
  }
  found->second = {false, now + kQuietAfterStart};
}

StartVerdict StartRules::judge(const MachineRecord& machine, std::uint16_t internal_port, bool last,
                               Now now) const {
  if (is_starting(machine, internal_port)) return StartVerdict::kStart;
  if (is_punished(machine.id, now.mono)) return StartVerdict::kFailedLately;
  bool recent = now.wall - machine.updated < kRestAfterStop && now.wall >= machine.updated;
  return recent && !last ? StartVerdict::kRecentlyStopped : StartVerdict::kStart;
}

bool StartRules::is_punished(MachineId machine, Instant now) const {
  auto found = failures_.find(machine);
  return found != failures_.end() && now < found->second.until;
}

void StartRules::on_failed(MachineId machine, Instant now) {
  if (failures_.size() >= kMaxFailedStarts && !failures_.contains(machine))
    failures_.erase(std::min_element(
        failures_.begin(), failures_.end(),
        [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
  Failures& failures = failures_[machine];
  Duration penalty = kMaxStartPenalty;
  if (failures.in_a_row < 6) penalty = kFirstStartPenalty * (1 << failures.in_a_row);
  ++failures.in_a_row;
  failures.until = now + penalty;
}

}  // namespace sixpn::flycast
