// How long connections wait for their next request that are more than are kept at rest (to
// machines: KeptMachines, Http2Session; to other hosts' proxies: RestedLinks). Long enough for a
// client that has as many requests at once, again and again; not so long that a burst holds places,
// or processes of a server that has one for each connection, when it is over.
#pragma once

#include "base/time.h"

namespace sixpn::flycast {

inline constexpr Duration kKeptBriefly = std::chrono::milliseconds(250);

}  // namespace sixpn::flycast
