// Which machines names may stand for. The one place that says so. Pure.
#pragma once

#include "base/ip.h"
#include "registry/core/snapshot.h"

namespace sixpn::dns {

// Registered in .internal at all, in whatever state: not destroyed, not skip_dns.
bool is_registered(const MachineRecord& machine);

// Answered: registered, started, its host alive or merely suspected. The asker itself (`own`, may
// be null) counts from its first instruction to its last, also when it was withdrawn for all others
// because it is to end: it runs, whatever the registry has heard.
bool is_answered(const Snapshot& snapshot, const MachineRecord& machine, const Ip6* own);
// The same where it is known whether the machine's host is here: alive or suspected.
bool is_answered(const MachineRecord& machine, bool host_is_here, const Ip6* own);

// Its checks pass, or it has none.
bool is_healthy(const MachineRecord& machine);

}  // namespace sixpn::dns
