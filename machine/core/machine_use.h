// What a machine of this host has used, for metrics. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
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

// For how long some of them waited for a resource that others had, since it was started (Linux,
// Documentation/accounting/psi.rst): the load that they feel.
struct PressureUse {
  Duration cpu{};
  Duration memory{};
  Duration io{};
  friend bool operator==(const PressureUse&, const PressureUse&) = default;
};
// The total of a pressure file's line "some"; nothing where it has none.
std::optional<Duration> parse_pressure(std::string_view text);

// What they have now.
struct ProcessUse {
  std::size_t processes = 0;
  std::uint64_t anonymous_bytes = 0;  // resident, of no file and in no shared memory
  std::uint64_t open_files = 0;
  friend bool operator==(const ProcessUse&, const ProcessUse&) = default;
};
// Of /proc/PID/statm (proc(5)), the pages that are resident and not shared; nothing of other texts.
std::optional<std::uint64_t> parse_statm(std::string_view text);

struct MachineUse {
  std::optional<CpuUse> cpu;  // nothing while it does not run, or without a cgroup of its own
  std::optional<PressureUse> pressure;  // likewise, or where the kernel does not tell
  std::optional<ProcessUse> processes;  // likewise, or where there are too many to look at
  std::optional<int> exit_code;         // of its last run; nothing while it runs
};
using MachineUses = std::map<MachineId, MachineUse>;

}  // namespace sixpn::machine
