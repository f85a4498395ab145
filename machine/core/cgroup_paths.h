// Where a process's control group (v2) is in the file system, from what /proc says. Pure: the texts
// are passed in (machine/io/machine_cgroup.h reads them).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sixpn::machine {

// Where the v2 hierarchy is mounted, and what of it the mount shows ("/": all).
struct CgroupMount {
  std::string point;
  std::string root;
  friend bool operator==(const CgroupMount&, const CgroupMount&) = default;
};

// From /proc/PID/mountinfo; nothing where it is not mounted.
std::optional<CgroupMount> find_cgroup_mount(std::string_view mountinfo);
// A process's place in the hierarchy, from /proc/PID/cgroup; nothing where it has none.
std::optional<std::string> find_cgroup_path(std::string_view cgroup);
// The folder of that place. Errors: it is not below what is mounted, or has a name that mountinfo
// escapes.
Result<std::string> cgroup_folder(const CgroupMount& mount, std::string_view path);

}  // namespace sixpn::machine
