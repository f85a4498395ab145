// What a machine of this host has used, for metrics. Pure.
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"

namespace sixpn::machine {

// Of all of its processes since it was started, as its cgroup counts it.
struct CpuUse {
  Duration user{};
  Duration system{};
  friend bool operator==(const CpuUse&, const CpuUse&) = default;
};
// A cgroup's cpu.stat (Linux, Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files"):
// nothing where it lacks one of both.
std::optional<CpuUse> parse_cpu_stat(std::string_view text);

struct MachineUse {
  std::optional<CpuUse> cpu;     // nothing while it does not run, or without a cgroup of its own
  std::optional<int> exit_code;  // of its last run; nothing while it runs
};
using MachineUses = std::map<MachineId, MachineUse>;

}  // namespace sixpn::machine
