#include "flycast/io/begun_connects.h"

#include <utility>
#include <vector>

namespace sixpn::flycast {
namespace {

// One that stops may serve yet.
bool runs(const Snapshot& snapshot, NetworkId network, MachineId machine) {
  const NetworkView* view = snapshot.find_network(network);
  if (view == nullptr) return false;
  auto found = view->machines.find(machine);
  if (found == view->machines.end()) return false;
  MachineState state = found->second->state;
  return state == MachineState::kStarting || state == MachineState::kStarted ||
         state == MachineState::kStopping;
}

}  // namespace

BegunConnects::Watch::Watch(BegunConnects& all, NetworkId network, MachineId machine,
                            std::function<void()> on_ended)
    : all_(all), number_(++all.last_number_) {
  all_.begun_[number_] = {network, machine, std::move(on_ended)};
}

BegunConnects::Watch::~Watch() {
  all_.begun_.erase(number_);
}

void BegunConnects::on_snapshot(const Snapshot& snapshot) {
  std::vector<std::uint64_t> ended;
  for (const auto& [number, one] : begun_)
    if (!runs(snapshot, one.network, one.machine)) ended.push_back(number);
  for (std::uint64_t number : ended) {
    auto found = begun_.find(number);  // who was told before may have ended it
    if (found == begun_.end()) continue;
    auto tell = std::move(found->second.on_ended);
    begun_.erase(found);
    tell();
  }
}

}  // namespace sixpn::flycast
