#include "flycast/io/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace sixpn::flycast {
namespace {

constexpr int kLeastBytes = PipePool::kPipeBytes / 10;

}  // namespace

Pipe PipePool::borrow() {
  if (!idle_.empty()) {
    Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  std::array<int, 2> ends{};
  if (made_ >= most_ || pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return {};
  Pipe pipe{Fd(ends[1]), Fd(ends[0])};
  static_cast<void>(fcntl(pipe.in.get(), F_SETPIPE_SZ, kPipeBytes));
  if (fcntl(pipe.in.get(), F_GETPIPE_SZ) < kLeastBytes) return {};
  ++made_;
  return pipe;
}

void PipePool::give_back(Pipe pipe) {
  idle_.push_back(std::move(pipe));
}

}  // namespace sixpn::flycast
