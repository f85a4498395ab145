// What the registry tells an operator in the log: what became of the disk, who floods, who is gone
// and who says so, which hosts came, went or changed. Called by RegistryService.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "registry/core/flood_guard.h"
#include "registry/core/gossip.h"
#include "registry/core/snapshot.h"
#include "registry/core/store.h"
#include "registry/io/disk.h"

namespace sixpn::registry {

void log_setback(const Disk::Setback& setback);
// Rows on disk.
void log_unreadable(std::size_t count);
// Own records that this host does not remember, from others.
void log_later_life();
// `snapshot`: for names; null before the first.
void log_floods(const std::vector<FloodGuard::Report>& floods, const Snapshot* snapshot);
// Who said that a host is gone, and what is odd about the paths to others. `port`: of the gossip.
void log_members(const Gossip::Output& out, const Store& store, std::uint16_t port);
// Somebody else lives under this host's id.
void log_twin();
void log_hosts(const Snapshot& before, const Snapshot& after);

}  // namespace sixpn::registry
