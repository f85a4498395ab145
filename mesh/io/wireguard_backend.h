// WireguardBackend: one WireGuard device, by the kernel module or by wireguard-go. Both do the same
// for the caller: what exists is adopted, what is right is not set again, one change touches one
// peer. Links (existence aside), MTU and addresses are Netlink's. Mesh loop only; blocks for a
// bounded time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mesh/core/options.h"
#include "mesh/core/steps.h"
#include "mesh/core/wireguard.h"
#include "mesh/io/netlink.h"

namespace sixpn::mesh {

class WireguardBackend {
 public:
  virtual ~WireguardBackend() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;  // "kernel" or "userspace"
  // The same kind of backend for another device.
  [[nodiscard]] virtual std::unique_ptr<WireguardBackend> for_interface(
      const std::string& interface) const = 0;
  // Makes the device; call only when there is no such link.
  virtual Result<void> create_device() = 0;
  virtual Result<WireguardState> get() = 0;
  virtual Result<void> configure(const ConfigureDevice& change) = 0;
  // In order. On an error any part of it may have been applied: observe again.
  virtual Result<void> apply(std::span<const PeerStep> steps) = 0;
};

std::unique_ptr<WireguardBackend> make_kernel_backend(const std::string& interface);
std::unique_ptr<WireguardBackend> make_userspace_backend(const std::string& interface);

// Chooses a backend: the one whose device stands, else the forced one, else the kernel's where it
// has WireGuard, else wireguard-go. Errors: no permission; the interface name is taken by something
// else, or by the other backend's device; the kernel has no WireGuard; wireguard-go or /dev/net/tun
// is missing.
Result<std::unique_ptr<WireguardBackend>> choose_backend(Netlink& netlink,
                                                         const MeshOptions& options);

}  // namespace sixpn::mesh
