#include "machine/core/cgroup_paths.h"

#include <sstream>

namespace sixpn::machine {
namespace {

// mountinfo escapes blanks and the like by a backslash; ".." is outside of our cgroup namespace.
bool is_plain(std::string_view path) {
  return path.find('\\') == std::string_view::npos && path.find("..") == std::string_view::npos;
}

}  // namespace

std::optional<CgroupMount> find_cgroup_mount(std::string_view mountinfo) {
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string skipped;
    CgroupMount mount;
    fields >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    // Optional fields of any number end with "-"; the type follows.
    while (fields >> skipped && skipped != "-") {
    }
    std::string type;
    if (fields >> type && type == "cgroup2") return mount;
  }
  return std::nullopt;
}

std::optional<std::string> find_cgroup_path(std::string_view cgroup) {
  std::istringstream lines{std::string(cgroup)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("0::/")) return line.substr(3);
  return std::nullopt;
}

Result<std::string> cgroup_folder(const CgroupMount& mount, std::string_view path) {
  std::string_view root = mount.root == "/" ? std::string_view() : std::string_view(mount.root);
  bool below = path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
  if (!below || !is_plain(mount.point) || !is_plain(root) || !is_plain(path))
    return Error("the cgroup " + std::string(path) + " is not below the one mounted at " +
                 mount.point);
  path.remove_prefix(root.size());
  if (path == "/") path = {};
  return mount.point + std::string(path);
}

}  // namespace sixpn::machine
