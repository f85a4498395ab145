#include "dns/core/view.h"

#include "dns/core/selection.h"
#include "registry/core/address.h"

namespace sixpn::dns {

const Ip6* own_address(const Snapshot& snapshot, const NetworkView& names, const Ip6& source) {
  auto machine = names.machines_by_address.find(source);
  if (machine == names.machines_by_address.end()) return nullptr;
  bool serves = snapshot.is_serving(*machine->second);
  return !serves && is_answered(snapshot, *machine->second, &source) ? &source : nullptr;
}

bool is_operator(const Ip6& source) {
  auto kind = classify(source);
  return kind != AddressKind::kMachine && kind != AddressKind::kPeer;
}

const MachineRecord* find_vm(const View& view, const AppView& app, std::string_view id) {
  auto parsed = parse_machine_id(id);
  auto found = parsed ? view.names.machines.find(*parsed) : view.names.machines.end();
  if (found == view.names.machines.end() || found->second->app != app.app.name) return nullptr;
  bool answered = is_answered(view.snapshot, *found->second, &view.source);
  return answered ? found->second.get() : nullptr;
}

std::string relative_wire(Labels labels) {
  std::string wire;
  for (auto label : labels) {
    wire += static_cast<char>(label.size());
    wire += label;
  }
  return wire;
}

std::optional<Name> machine_name(const MachineRecord& machine) {
  return Name::from_labels({to_string(machine.id), "vm", machine.app, "internal"});
}

}  // namespace sixpn::dns
