// The metrics in Prometheus's text format (version 0.0.4): Flycast's readings under Fly's names and
// labels, our own counters under sixpn_ (docs/metrics.md). Pure; served by admin_metrics.cc.
#pragma once

#include <string>

#include "flycast/core/meters.h"
#include "flycast/core/stats.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// Machines and apps that the snapshot does not know are left out.
std::string metrics_text(const Snapshot& snapshot, const flycast::FlycastStats& stats,
                         const flycast::MeterReadings& readings);

}  // namespace sixpn::agent
