// Addresses of new machines, drawn at random so that hosts need not ask one another; their ids
// follow from them (machine_id_of).
// Pure: the generator is passed in (seed it from the kernel's).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"

namespace sixpn::machine {

// The machine field of an address: >= kFirstMachineField, not `taken` by another machine of this
// host, in whatever network: the host's end of its veth is named after it.
std::uint32_t allocate_machine_field(Rng& rng, const std::function<bool(std::uint32_t)>& taken);

// A ULID (48 bits of Unix milliseconds, 80 random; Crockford's base 32): FLY_MACHINE_VERSION.
std::string make_ulid(WallTime now, Rng& rng);

}  // namespace sixpn::machine
