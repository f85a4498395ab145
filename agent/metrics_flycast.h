// Flycast's readings as metrics, under Fly's names and labels, and its counters under
// sixpn_flycast_ (docs/metrics.md). Pure.
#pragma once

#include <string>

#include "flycast/core/meters.h"
#include "flycast/core/stats.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// Machines and apps that the snapshot does not know are left out.
std::string flycast_metrics(const Snapshot& snapshot, const flycast::FlycastStats& stats,
                            const flycast::MeterReadings& readings);

}  // namespace sixpn::agent
