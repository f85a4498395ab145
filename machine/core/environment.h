// What a machine finds around it: environment variables (fly.md 1.3), /etc/resolv.conf and
// /etc/hosts. Text from values; pure.
#pragma once

#include <string>
#include <vector>

#include "machine/core/machine_file.h"

namespace sixpn::machine {

// "KEY=value", sorted by key: FLY_* and PRIMARY_REGION of the platform, PATH and HOME unless the
// user set them, then the user's own. The user's may replace PRIMARY_REGION, PATH and HOME, never
// FLY_*.
std::vector<std::string> make_environment(const MachineFile& machine, const std::string& region,
                                          const std::string& home);

// "nameserver fdaa::3\n", or what the machine's resolver configuration says.
std::string make_resolv_conf(const ResolverConfig& resolver);

// localhost, and the machine's own address as fly-local-6pn and by its id.
std::string make_hosts(const MachineFile& machine);

}  // namespace sixpn::machine
