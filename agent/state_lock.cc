#include "agent/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

namespace sixpn::agent {
namespace {

std::string holder(int fd) {
  char text[32] = {};
  ssize_t length = pread(fd, text, sizeof text - 1, 0);
  return length > 0 ? "process " + std::string(text, static_cast<std::size_t>(length))
                    : "another process";
}

}  // namespace

Result<StateLock> StateLock::take(const std::string& state_dir) {
  std::error_code failed;
  std::filesystem::create_directories(state_dir, failed);
  if (failed) return Error("state folder " + state_dir + ": " + failed.message(), failed.value());
  std::filesystem::permissions(state_dir, std::filesystem::perms::owner_all, failed);
  std::string path = state_dir + "/lock";
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error::from_errno(path);
    return Error("state folder " + state_dir + " is in use by another agent (" + holder(fd.get()) +
                 "); one agent per state folder");
  }
  std::string pid = std::to_string(getpid());
  if (ftruncate(fd.get(), 0) != 0 ||
      pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return Error::from_errno("writing " + path);
  return StateLock(std::move(fd));
}

}  // namespace sixpn::agent
