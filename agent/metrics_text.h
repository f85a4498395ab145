// The metrics in Prometheus's text format (version 0.0.4): what every room told, as one text
// (docs/metrics.md). Pure; served by admin_metrics.cc.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/json_views.h"
#include "dns/io/stats.h"
#include "flycast/core/meters.h"
#include "flycast/core/stats.h"
#include "machine/core/machine_use.h"
#include "mesh/core/device_counters.h"
#include "registry/core/counters.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// One line for each other host: not told unasked, for with n hosts that are n times n series.
struct EachHost {
  MeshFacts mesh;
  std::map<HostId, std::chrono::milliseconds> clocks_ahead;  // of ours; where measured
};

struct AgentReadings {
  flycast::FlycastStats flycast;
  flycast::MeterReadings meters;
  dns::Stats dns;
  registry::Counters registry;
  std::vector<HostId> flooding;     // members that the registry limits now
  mesh::CountersByDevice devices;   // of the host's namespace, ours or not
  machine::MachineUses machines;    // of this host
  std::string wireguard_interface;  // [wireguard] interface
  std::size_t warnings = 0;         // as `sixpn status` has them
  bool on_disk = true;              // the registry is
  std::optional<EachHost> each_host;
};

std::string metrics_text(const Snapshot& snapshot, const AgentReadings& readings);

}  // namespace sixpn::agent
