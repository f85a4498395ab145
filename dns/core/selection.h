// Which machines a name stands for, and in what order they are sent. Most clients use the first
// address only, so order is behaviour: local region first, then regions by round trip, shuffled
// within a region. Pure.
#pragma once

#include <vector>

#include "dns/core/view.h"

namespace sixpn::dns {

using Machines = std::vector<MachinePtr>;

// Registered in .internal at all, in whatever state: not destroyed, not skip_dns.
bool is_registered(const MachineRecord& machine);
// Answered: registered, started, its host alive or merely suspected. The asker itself counts from
// its first instruction: it runs, whatever the registry has heard.
bool is_answered(const View& view, const MachineRecord& machine);

// The answered ones among `machines`, in no particular order.
Machines answered(const View& view, const Machines& machines);

// Local region, then regions by the round trip to their nearest host here, unmeasured ones last.
void order_by_region(const View& view, Machines& machines);
// Strictly by the round trip of the host: the asker, its host, measured hosts, unmeasured ones;
// equals shuffled.
void order_by_distance(const View& view, Machines& machines);

std::vector<Rdata> addresses(const Machines& machines);

}  // namespace sixpn::dns
