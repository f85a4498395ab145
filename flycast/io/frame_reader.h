// FrameReader: reads one hop frame (preamble.h) from a stream and not a byte beyond it, so that
// what follows stays in the kernel for the relay. Calls back once with the body; destroying it
// cancels. Loop thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/core/hop_frame.h"

namespace sixpn::flycast {

class FrameReader {
 public:
  // Errors: the stream ended (code ENODATA: before its first byte) or failed, or its bytes are no
  // frame.
  using Done = std::function<void(Result<std::string> body)>;

  // `stream` must outlive it.
  FrameReader(EventLoop& loop, int stream, Done done);
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // It still waits for its first byte: who destroys it takes nothing off the stream.
  [[nodiscard]] bool is_untouched() const { return watch_ && frame_.untouched(); }

 private:
  void on_readable();
  [[nodiscard]] Error end_error() const;
  void finish(Result<std::string> body);

  int stream_;
  Done done_;
  HopFrame frame_;
  std::optional<FdWatch> watch_;
};

}  // namespace sixpn::flycast
