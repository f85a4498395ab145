#include "flycast/io/frame_reader.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace sixpn::flycast {

FrameReader::FrameReader(EventLoop& loop, int stream, Done done)
    : stream_(stream), done_(std::move(done)) {
  watch_.emplace(loop, stream, [this] { on_readable(); });
}

void FrameReader::on_readable() {
  std::array<char, kMaxFrameBody> buffer;
  while (true) {
    auto got = recv(stream_, buffer.data(), frame_.missing(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) return finish(Error::from_errno("reading a hop frame"));
    if (got == 0) return finish(end_error());
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (auto body = frame_.take(bytes)) return finish(std::move(*body));
  }
}

Error FrameReader::end_error() const {
  if (!frame_.untouched()) return Error("the connection ended within a hop frame", ECONNRESET);
  return Error("the connection ended before a hop frame", ENODATA);
}

// Last: the callback may destroy the reader.
void FrameReader::finish(Result<std::string> body) {
  watch_.reset();
  Done call = std::exchange(done_, nullptr);
  call(std::move(body));
}

}  // namespace sixpn::flycast
