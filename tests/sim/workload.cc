#include "tests/sim/workload.h"

#include "registry/core/address.h"

namespace sixpn::sim {

using registry::LocalWrite;

LocalWrite org_acme() {
  return {OrgRecord{"acme"}, false, {}, "acme"};
}

LocalWrite app_change(unsigned app, const std::string& primary_region) {
  AppRecord record;
  record.name = "app" + std::to_string(app);
  record.org = "acme";
  record.network = kSwarmNetwork;
  record.primary_region = primary_region;
  return {record, false, {}, "acme"};
}

LocalWrite app_erasure(unsigned app) {
  return {{}, true, app_key(kSwarmNetwork, "app" + std::to_string(app)), "acme"};
}

MachineRecord machine_of(const Simulator& sim, unsigned host, unsigned number, MachineState state) {
  MachineRecord machine;
  machine.id = MachineId{0x10000 * (host + 1) + number};
  machine.host = sim.identity(host).id;
  machine.network = kSwarmNetwork;
  machine.app = "app" + std::to_string(number % 4);
  machine.group = "app";
  machine.region = sim.identity(host).record.region;
  machine.address = machine_address(kSwarmNetwork, machine.host, kFirstMachineField + number);
  machine.state = state;
  return machine;
}

LocalWrite machine_erasure(const Simulator& sim, unsigned host, unsigned number) {
  return {{}, true, machine_key(machine_of(sim, host, number, MachineState::kStopped).id), ""};
}

void write_at_random(Simulator& sim, Rng& rng, unsigned host) {
  auto number = static_cast<unsigned>(rng.below(6));
  switch (rng.below(4)) {
    case 0:
      sim.write(host, app_change(number, rng.chance(0.5) ? "iad" : "fra"));
      return;
    case 1:
      sim.write(host, app_erasure(number));
      return;
    default: {
      auto state = rng.chance(0.5) ? MachineState::kStarted : MachineState::kStopped;
      sim.write(host, {machine_of(sim, host, number % 3, state), false, {}, ""});
    }
  }
}

}  // namespace sixpn::sim
