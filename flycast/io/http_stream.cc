#include "flycast/io/http_stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

namespace sixpn::flycast {

using boost::asio::posix::stream_descriptor;

struct HttpStream::Impl : std::enable_shared_from_this<HttpStream::Impl> {
  Impl(ProxyState& proxy, Ready on_ready)
      : state(proxy), stream(proxy.loop.context()), ready(std::move(on_ready)) {}
  ~Impl() { state.http.held -= held.size(); }

  void wait(stream_descriptor::wait_type type, bool& waiting) {
    if (waiting) return;
    waiting = true;
    stream.async_wait(
        type, [weak = weak_from_this(), type, &waiting](const boost::system::error_code& failed) {
          auto self = weak.lock();
          if (!self) return;
          waiting = false;
          if (failed || !self->ready) return;
          if (type == stream_descriptor::wait_read) self->readable = true;
          Ready call = self->ready;  // it may replace or destroy the one that is stored
          call();
        });
  }

  void hold(std::string_view bytes) {
    held.append(bytes);
    state.http.held += bytes.size();
  }

  // How many bytes went. A stream that breaks is worth a read: that tells its end.
  std::size_t on_sent(ssize_t put) {
    if (put < 0 && errno != EAGAIN && errno != EINTR) broken = readable = true;
    std::size_t sent = put < 0 ? 0 : static_cast<std::size_t>(put);
    state.http.bytes += sent;
    return sent;
  }

  ProxyState& state;
  stream_descriptor stream;
  Ready ready;
  std::string held;
  bool broken = false;
  bool readable = false;
  bool waits_to_read = false;
  bool waits_to_write = false;
};

HttpStream::HttpStream(ProxyState& state, Fd fd, Ready ready)
    : impl_(std::make_shared<Impl>(state, std::move(ready))) {
  boost::system::error_code failed;
  impl_->stream.assign(fd.get(), failed);
  if (!failed) static_cast<void>(fd.release());
}

HttpStream::~HttpStream() {
  impl_->ready = nullptr;
  boost::system::error_code ignored;
  impl_->stream.close(ignored);
}

int HttpStream::fd() const {
  return impl_->stream.native_handle();
}

bool HttpStream::valid() const {
  return impl_->stream.is_open();
}

bool HttpStream::readable() const {
  return impl_->readable;
}

bool HttpStream::is_quiet() const {
  char byte = 0;
  return recv(fd(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

std::size_t HttpStream::held() const {
  return impl_->held.size();
}

HttpStream::Got HttpStream::read(std::string_view& bytes, std::size_t most) {
  ProxyState& state = impl_->state;
  if (state.http.held >= kMaxHttpHeld) most = std::min(most, kSmallHttpChunk);
  auto got = recv(fd(), state.http.chunk.data(), most, 0);
  if (got > 0) {
    bytes = {state.http.chunk.data(), static_cast<std::size_t>(got)};
    impl_->readable = bytes.size() == most;
    return Got::kBytes;
  }
  impl_->readable = false;
  if (got == 0) return Got::kEnd;
  return errno == EAGAIN || errno == EINTR ? Got::kNothing : Got::kReset;
}

void HttpStream::send(std::string_view first, std::string_view second) {
  if (impl_->broken) return;
  std::size_t sent = 0;
  if (impl_->held.empty()) {
    std::array<iovec, 2> parts = {{{const_cast<char*>(first.data()), first.size()},
                                   {const_cast<char*>(second.data()), second.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = second.empty() ? 1 : 2;
    sent = impl_->on_sent(sendmsg(fd(), &message, MSG_NOSIGNAL));
  }
  if (impl_->broken) return;
  impl_->hold(first.substr(std::min(sent, first.size())));
  impl_->hold(second.substr(sent - std::min(sent, first.size())));
}

void HttpStream::flush() {
  if (impl_->held.empty()) return;
  std::string bytes = std::exchange(impl_->held, {});
  impl_->state.http.held -= bytes.size();
  std::size_t sent = impl_->on_sent(::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  if (impl_->broken || sent == bytes.size()) return;
  impl_->state.http.held += bytes.size() - sent;
  impl_->held = std::move(bytes.erase(0, sent));
}

bool HttpStream::broken() const {
  return impl_->broken;
}

void HttpStream::wait() {
  if (!impl_->readable) impl_->wait(stream_descriptor::wait_read, impl_->waits_to_read);
  if (!impl_->held.empty()) impl_->wait(stream_descriptor::wait_write, impl_->waits_to_write);
}

Fd HttpStream::release() {
  impl_->ready = nullptr;
  return Fd(impl_->stream.release());
}

void HttpStream::set_ready(Ready ready) {
  impl_->ready = std::move(ready);
}

}  // namespace sixpn::flycast
