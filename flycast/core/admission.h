// Admission: the owner's answer to "may this client have a connection to that machine of yours".
// Everything is judged by the owner's own snapshot, the freshest about its machines; what the other
// host says is only believed where WireGuard already binds it: its own address. Limits are counted
// after this (limits.h). Pure; one loop.
#pragma once

#include <string>
#include <variant>

#include "flycast/core/limits.h"
#include "flycast/core/options.h"
#include "flycast/core/preamble.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

// What to connect, as whom, and under which limit.
struct Admitted {
  IpEndpoint machine;  // its address and the service's internal port
  Ip6 source;          // see source_for
  ServiceKey key;
  std::uint32_t hard_limit = 0;  // 0: none
  bool asleep = false;           // to be started first; only where the preamble wants it
  std::string greeting;          // for the machine, ahead of the client's bytes: proxy_header.h
};

// kOk never stands for a refusal.
using Admission = std::variant<Admitted, HopStatus>;

// `from`: the host whose proxy asks; the table's own host for clients of this one. A client of
// another host must live there by the registry, so that a stolen host cannot speak for machines of
// others.
//
// The machine may be of another app than the one that was dialled, if that may replay requests to
// it (replay_reach.h), as this host's own settings say.
Admission admit(const ServiceTable& table, HostId from, const Preamble& preamble,
                const ReplayReach& reach = {});

// The client's own address where it shares a network with the machine, else this host's proxy
// address in the machine's network. The proxy's too for a machine that reached itself: from its own
// address it would answer itself over its loopback, and never this host.
Ip6 source_for(const Ip6& client, const MachineRecord& machine, HostId self);

}  // namespace sixpn::flycast
