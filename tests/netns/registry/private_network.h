// A network and mount namespace of this test program alone, with host addresses on its loopback:
// ten registries in one process talk over real sockets and disturb nobody.
#pragma once

#include <string>

#include "base/ids.h"

namespace sixpn::test {

// Enters the namespaces (once per process). False without the privilege, with why on standard
// error.
bool enter_private_network();
void add_host_address(HostId host);
// A tmpfs of this size at `path`, which must exist. Dies with the namespace.
bool mount_small_disk(const std::string& path, const std::string& size);
bool resize_disk(const std::string& path, const std::string& size);
bool unmount_disk(const std::string& path);

}  // namespace sixpn::test
