#include "machine/io/shim_command.h"

#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace sixpn::machine {

Result<void> become_user(const ShimSpec& spec) {
  if (spec.uid == 0 && spec.gid == 0 && spec.groups.empty()) return {};
  if (setgroups(spec.groups.size(), spec.groups.data()) != 0 || setgid(spec.gid) != 0 ||
      setuid(spec.uid) != 0)
    return Error::from_errno("becoming user " + std::to_string(spec.uid));
  return {};
}

void restore_descriptor_limit() {
  constexpr rlim_t kUsual = 1024;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(kUsual, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace sixpn::machine
