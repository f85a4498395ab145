// StateLock: one agent per state folder. Holds an flock on <state>/lock for the life of the
// process; the kernel drops it when the process dies, however it dies.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace sixpn::agent {

class StateLock {
 public:
  // Creates the folder (0700) when missing. Errors: cannot be created or written (full or read-only
  // disk, permission); another agent holds it (with its process id).
  static Result<StateLock> take(const std::string& state_dir);

 private:
  explicit StateLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace sixpn::agent
