// Writes for simulated clusters: one org, one network, a few apps that every host may change, and
// machines of each host.
#pragma once

#include "base/rng.h"
#include "registry/core/local_write.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {

inline constexpr NetworkId kSwarmNetwork{0xacce55};

registry::LocalWrite org_acme();
registry::LocalWrite app_change(unsigned app, const std::string& primary_region);
registry::LocalWrite app_erasure(unsigned app);
MachineRecord machine_of(const Simulator& sim, unsigned host, unsigned number, MachineState state);
registry::LocalWrite machine_erasure(const Simulator& sim, unsigned host, unsigned number);
// Apps are made, changed and erased by all, machines change state.
void write_at_random(Simulator& sim, Rng& rng, unsigned host);

}  // namespace sixpn::sim
