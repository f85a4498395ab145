#include "mesh/io/wireguard_backend.h"

#include "mesh/io/wireguard_userspace.h"

namespace sixpn::mesh {
namespace {

Error cannot_use(const Link& link, const std::string& why) {
  return Error("interface " + link.name + " exists and " + why + ": remove it (ip link delete " +
               link.name + ") or choose another name (wireguard.interface)");
}

Result<std::unique_ptr<WireguardBackend>> adopt(const Link& link, const MeshOptions& options) {
  if (link.kind == "wireguard") {
    if (options.backend == BackendChoice::kUserspace)
      return cannot_use(link, "is kernel WireGuard, but userspace WireGuard is configured");
    return make_kernel_backend(link.name);
  }
  if (link.kind == "tun" && userspace_answers(link.name)) {
    if (options.backend == BackendChoice::kKernel)
      return cannot_use(link, "is wireguard-go's, but kernel WireGuard is configured");
    return make_userspace_backend(link.name);
  }
  return cannot_use(link, "is not a WireGuard device");
}

Result<bool> kernel_has_wireguard(Netlink& netlink) {
  auto supported = netlink.supports_link_kind("wireguard");
  if (!supported && supported.error().code == EPERM)
    return Error(
        "not permitted to make network interfaces: run sixpnd as root or with CAP_NET_ADMIN",
        EPERM);
  return supported;
}

}  // namespace

Result<std::unique_ptr<WireguardBackend>> choose_backend(Netlink& netlink,
                                                         const MeshOptions& options) {
  auto supported = kernel_has_wireguard(netlink);
  if (!supported) return std::move(supported).error();
  auto link = netlink.find_link(options.interface);
  if (!link) return std::move(link).error();
  if (*link) return adopt(**link, options);
  if (options.backend != BackendChoice::kUserspace && *supported)
    return make_kernel_backend(options.interface);
  if (options.backend == BackendChoice::kKernel)
    return Error(
        "this kernel has no WireGuard (module wireguard): install it, or configure "
        "userspace WireGuard");
  if (auto usable = check_userspace(options.interface); !usable) return std::move(usable).error();
  return make_userspace_backend(options.interface);
}

}  // namespace sixpn::mesh
