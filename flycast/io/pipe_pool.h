// PipePool: pipes through which a relay moves bytes from socket to socket inside the kernel
// (splice). Lent while a stream is busy, so their number follows what moves at one time, not what
// is open. One per poller, its thread only. Limits: kMaxPipes; none beyond them, or when the
// kernel gives only small ones (pipe-user-pages-soft): the relay copies then.
#pragma once

#include <cstddef>
#include <vector>

#include "base/fd.h"

namespace sixpn::flycast {

struct Pipe {
  Fd in;
  Fd out;
  explicit operator bool() const { return static_cast<bool>(in); }
};

class PipePool {
 public:
  static constexpr int kPipeBytes = 1024 * 1024;  // wanted; at least a tenth is taken
  static constexpr std::size_t kMaxPipes = 64;    // lent and idle together

  explicit PipePool(std::size_t most = kMaxPipes) : most_(most) {}

  // No pipe when there is none to be had. Give it back empty, or report_lost() after destroying it.
  Pipe borrow();
  void give_back(Pipe pipe);
  void report_lost() { --made_; }

 private:
  std::vector<Pipe> idle_;
  std::size_t most_;
  std::size_t made_ = 0;
};

}  // namespace sixpn::flycast
