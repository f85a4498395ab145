// What the kernel counts per network device, as /proc/net/dev has it (Linux, net/core/net-procfs.c):
// of machines' veth pairs, seen from the host's end, and of WireGuard's devices. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sixpn::mesh {

// Since the device is there.
struct DeviceCount {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  std::uint64_t errors = 0;
  std::uint64_t dropped = 0;
  friend bool operator==(const DeviceCount&, const DeviceCount&) = default;
};
struct DeviceCounters {
  DeviceCount received;
  DeviceCount sent;
  friend bool operator==(const DeviceCounters&, const DeviceCounters&) = default;
};
using CountersByDevice = std::map<std::string, DeviceCounters>;

// Lines that are not a device's are passed over.
CountersByDevice parse_device_counters(std::string_view text);

}  // namespace sixpn::mesh
