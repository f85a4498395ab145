// A file system so small that it is soon full, for tests of disks.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "base/fd.h"

namespace sixpn::test {

// Runs `work` on a file system of its own, in a mount namespace that ends with it. Nothing when
// this test may not mount; else what `work` found wrong, "" when nothing.
inline std::optional<std::string> on_small_disk(const std::string& folder,
                                                const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "pipe";
  pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=320k") != 0)
      ::_exit(2);
    std::string wrong = work();
    ::_exit(::write(ends[1], wrong.data(), wrong.size()) < 0 ? 3 : 0);
  }
  ::close(ends[1]);
  Fd in(ends[0]);
  std::string text(4096, '\0');
  auto size = ::read(in.get(), text.data(), text.size());
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return std::nullopt;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "the child ended badly";
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

inline bool remount(const std::string& folder, unsigned long flags, const char* options) {
  return ::mount("tmpfs", folder.c_str(), "tmpfs", MS_REMOUNT | flags, options) == 0;
}

}  // namespace sixpn::test
