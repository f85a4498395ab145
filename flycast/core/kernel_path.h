// KernelPath: which services of this host's networks the kernel hands to machines by itself
// (`flycast_path = "kernel"`), and to which machines: the started, healthy ones of the nearest
// region that has one, by the rules and the order of the proxy's own choice. A service with no such
// machine is left to the proxy, which wakes or waits for one. Docs: decisions/0107.
//
// Pure but for what it remembers of distances; one loop (the mesh's). It writes nothing:
// mesh/core/service_map.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "base/ids.h"
#include "flycast/core/region_order.h"
#include "flycast/core/service_table.h"
#include "registry/core/kernel_services.h"

namespace sixpn::flycast {

// Beyond these a service stays with the proxy: machines of one, ranges of ports of a host, and
// machines of all of those.
inline constexpr std::size_t kMostKernelMachines = 256;
inline constexpr std::size_t kMostKernelServices = 1024;
inline constexpr std::size_t kMostKernelTargets = 16384;

// Why connections to a service need the proxy, though it asks for the kernel; "" when they do not.
// config/ refuses the same in fly.toml; other hosts' records are judged here.
std::string_view why_proxied(const Service& service);

class KernelPath {
 public:
  explicit KernelPath(std::string region) : region_(std::move(region)) {}

  // `networks`: those of the machines of this host. Nothing while the registry, or one of them, is
  // not wholly known: what stands is better than what is half seen.
  std::optional<KernelServices> plan(const SnapshotPtr& snapshot,
                                     const std::set<NetworkId>& networks);

 private:
  using Key = std::tuple<NetworkId, std::string, std::uint16_t>;  // app and first external port

  std::vector<Ip6> choose(const ServiceTable& table, const Route& route);
  void add_app(const ServiceTable& table, const AppView& app, const std::vector<Ip6>& addresses,
               KernelServices& into);

  std::string region_;
  std::map<Key, RegionOrder> orders_;
  std::set<Key> seen_;  // by the plan being made
  std::size_t targets_ = 0;
};

}  // namespace sixpn::flycast
