// The ids of machines: 56 bits of the hash of the address that the machine is born with. So an id
// proves its address, and nobody can claim it for another (snapshot_builder.h). Machines of older
// versions have random ids, which prove nothing. Pure.
#pragma once

#include "base/ids.h"
#include "base/ip.h"

namespace sixpn {

MachineId machine_id_of(const Ip6& address);  // never zero

}  // namespace sixpn
