// FrameReader: reads one hop frame (preamble.h) from a stream and not a byte beyond it, so that
// what follows stays in the kernel for the relay. Calls back once with the body; destroying it
// cancels. Loop thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "base/io/event_loop.h"
#include "base/result.h"

namespace sixpn::flycast {

class FrameReader {
 public:
  // Errors: the stream ended (code ENODATA: before its first byte) or failed, or its bytes are no
  // frame.
  using Done = std::function<void(Result<std::string> body)>;

  // `stream` must outlive it. `first`: what was read off it already, of the frame and behind it.
  FrameReader(EventLoop& loop, int stream, Done done, std::string first = {});
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // From the callback on: what of `first` came behind the frame.
  [[nodiscard]] std::string take_rest() { return std::move(first_); }
  // It still waits for its first byte: who destroys it takes nothing off the stream.
  [[nodiscard]] bool is_untouched() const {
    return watch_ && !in_body_ && frame_.empty() && first_.empty();
  }

 private:
  void on_readable();
  ssize_t read_some(char* to, std::size_t most);
  [[nodiscard]] Error end_error() const;
  void finish(Result<std::string> body);

  int stream_;
  Done done_;
  std::string frame_;
  std::size_t wanted_;
  bool in_body_ = false;
  std::string first_;
  std::optional<LoopTimer> first_is_there_;
  std::optional<FdWatch> watch_;
};

}  // namespace sixpn::flycast
