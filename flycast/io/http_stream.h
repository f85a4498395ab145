// HttpStream: one side of an HTTP exchange, a non-blocking socket without a buffer of its own: it
// reads into its loop's shared chunk, and holds only what the other end did not take. It tells once
// when what was waited for has come; destroying it closes the socket and forgets the waits. Loop
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

class HttpStream {
 public:
  // Called when a wait is over, whichever. May destroy the stream.
  using Ready = std::function<void()>;

  HttpStream(ProxyState& state, Fd fd, Ready ready);
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  [[nodiscard]] int fd() const;
  // False when the loop could not take the socket; nothing works then.
  [[nodiscard]] bool valid() const;

  enum class Got { kBytes, kNothing, kEnd, kReset };
  // One read of at most `most` bytes into the shared chunk: `bytes` live until anybody reads again.
  Got read(std::string_view& bytes, std::size_t most = kHttpChunk);
  // Open, as far as the kernel knows, and without a byte to read.
  [[nodiscard]] bool is_quiet() const;
  // Worth a read: a wait said so, or the last read filled the chunk.
  [[nodiscard]] bool readable() const;

  // Sends both, one behind the other; what does not go is held.
  void send(std::string_view first, std::string_view second = {});
  void flush();  // what is held
  [[nodiscard]] std::size_t held() const;
  // The other end takes nothing any more: what is sent is dropped. What it sent before may still be
  // there to read, and the end of it.
  [[nodiscard]] bool broken() const;

  // Waits for bytes, unless readable(); and for room, while something is held.
  void wait();
  // Gives the socket away.
  Fd release();
  void set_ready(Ready ready);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
