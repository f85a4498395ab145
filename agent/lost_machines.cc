#include "agent/lost_machines.h"

#include <utility>

#include "base/log.h"
#include "registry/core/record.h"

namespace sixpn::agent {

void LostMachines::look() {
  if (!rooms_.registry) return;
  timer_.arm_after(kLostPause);
  const SnapshotPtr snapshot = rooms_.registry->snapshot();
  // The records of another enrolment of this host's id are not this host's to erase.
  if (rooms_.registry->own_host_record() == nullptr) return;
  std::vector<MachineId> named;
  for (const auto& [id, network] : snapshot->networks)
    for (const auto& [machine, record] : network->machines)
      if (record->host == snapshot->self && record->state != MachineState::kDestroyed)
        named.push_back(machine);
  if (named.empty()) return missing_.clear();
  rooms_.list_machines(
      [this, named = std::move(named)](const std::vector<machine::LocalMachine>& known) {
        compare(named, known);
      });
}

void LostMachines::compare(const std::vector<MachineId>& named,
                           const std::vector<machine::LocalMachine>& known) {
  std::set<MachineId> here;
  for (const auto& machine : known) here.insert(machine.record.id);
  std::set<MachineId> before = std::exchange(missing_, {});
  std::vector<registry::LocalWrite> erased;
  for (MachineId id : named) {
    if (here.contains(id)) continue;
    if (!before.contains(id)) {
      missing_.insert(id);
      continue;
    }
    log::warn("agent",
              "machine {} is in the registry as one of this host, which knows nothing of it (was "
              "its state folder lost or restored?): its record is erased; if something of it still "
              "runs, it is in the network namespace of that name",
              to_string(id));
    registry::LocalWrite write;
    write.erase = true;
    write.key = machine_key(id);
    erased.push_back(std::move(write));
  }
  if (!missing_.empty()) timer_.arm_after(kLostLook);
  if (erased.empty()) return;
  rooms_.write(std::move(erased), [](const Result<void>& written) {
    if (!written)
      log::error("agent", "erasing records of lost machines: {}", written.error().message);
  });
}

}  // namespace sixpn::agent
