// Kernel parameters below /proc/sys, of the calling thread's network namespace for net/. Blocking,
// short.
#pragma once

#include <string>

#include "base/result.h"

namespace sixpn::mesh {

// `key` is a path: "net/ipv6/conf/all/forwarding". Reading strips the newline.
Result<std::string> read_sysctl(const std::string& key);
Result<void> write_sysctl(const std::string& key, const std::string& value);

// Turns IPv6 forwarding on for all interfaces, but first lets those that accept router
// advertisements now go on doing so: forwarding hosts ignore them otherwise, and would lose their
// default route.
Result<void> enable_forwarding();

}  // namespace sixpn::mesh
