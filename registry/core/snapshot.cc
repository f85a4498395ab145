#include "registry/core/snapshot.h"

#include <iterator>
#include <utility>

namespace sixpn {

std::string_view to_string(HostStatus status) {
  switch (status) {
    case HostStatus::kAlive:
      return "alive";
    case HostStatus::kSuspected:
      return "suspected";
    case HostStatus::kDown:
      return "down";
    case HostStatus::kLeft:
      return "left";
  }
  return "unknown";
}

void AppChanges::add(std::uint64_t generation, std::string app) {
  if (changes.size() >= kMost) {
    auto half = changes.begin() + kMost / 2;
    since = std::prev(half)->generation;
    changes.erase(changes.begin(), half);
  }
  changes.push_back({generation, std::move(app)});
}

const NetworkView* Snapshot::find_network(NetworkId id) const {
  auto found = networks.find(id);
  return found == networks.end() ? nullptr : found->second.get();
}

const NetworkView* Snapshot::find_network(const std::string& org, const std::string& name) const {
  for (const auto& [id, view] : networks)
    if (view->network.org == org && view->network.name == name) return view.get();
  return nullptr;
}

const HostView* Snapshot::find_host(HostId id) const {
  auto found = hosts.find(id);
  return found == hosts.end() ? nullptr : &found->second;
}

const HostView* Snapshot::find_host(const std::string& name) const {
  for (const auto& [id, view] : hosts)
    if (view.record.name == name) return &view;
  return nullptr;
}

bool Snapshot::is_serving(const MachineRecord& machine) const {
  if (machine.state != MachineState::kStarted) return false;
  const HostView* host = find_host(machine.host);
  return host != nullptr && host->usable();
}

std::optional<Duration> Snapshot::round_trip_to(HostId host) const {
  const HostView* view = find_host(host);
  return view == nullptr ? std::nullopt : view->round_trip;
}

}  // namespace sixpn
