#include "flycast/io/frame_reader.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "flycast/core/preamble.h"

namespace sixpn::flycast {

FrameReader::FrameReader(EventLoop& loop, int stream, Done done, std::string first)
    : stream_(stream),
      done_(std::move(done)),
      wanted_(kFrameHeaderBytes),
      first_(std::move(first)) {
  watch_.emplace(loop, stream, [this] { on_readable(); });
  if (first_.empty()) return;
  first_is_there_.emplace(loop, [this] { on_readable(); });
  first_is_there_->arm_after(Duration::zero());
}

ssize_t FrameReader::read_some(char* to, std::size_t most) {
  if (first_.empty()) return recv(stream_, to, most, 0);
  std::size_t size = first_.copy(to, most);
  first_.erase(0, size);
  return static_cast<ssize_t>(size);
}

void FrameReader::on_readable() {
  std::array<char, kMaxFrameBody> buffer;
  while (true) {
    auto got = read_some(buffer.data(), wanted_ - frame_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) return finish(Error::from_errno("reading a hop frame"));
    if (got == 0) return finish(end_error());
    frame_.append(buffer.data(), static_cast<std::size_t>(got));
    if (frame_.size() < wanted_) continue;
    if (in_body_) return finish(std::move(frame_));
    auto length = decode_frame_header(frame_);
    if (!length) return finish(std::move(length).error());
    in_body_ = true;
    wanted_ = *length;
    frame_.clear();
  }
}

Error FrameReader::end_error() const {
  bool began = in_body_ || !frame_.empty();
  if (began) return Error("the connection ended within a hop frame", ECONNRESET);
  return Error("the connection ended before a hop frame", ENODATA);
}

// Last: the callback may destroy the reader.
void FrameReader::finish(Result<std::string> body) {
  watch_.reset();
  if (first_is_there_) first_is_there_->cancel();
  Done call = std::exchange(done_, nullptr);
  call(std::move(body));
}

}  // namespace sixpn::flycast
