#include "flycast/io/http_stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace sixpn::flycast {

HttpStream::HttpStream(ProxyState& state, Fd fd, Ready ready)
    : state_(state), fd_(std::move(fd)), ready_(std::move(ready)) {
  if (!state.http.poller) state.http.poller = std::make_unique<HttpPoller>(state.loop);
  if (!state.http.poller->add(fd_.get(), *this)) fd_.close();
}

// The epoll instance is told: closing is not enough where a child that is being started, or another
// agent, still has the socket for a moment, and an event would find us gone.
HttpStream::~HttpStream() {
  if (fd_) state_.http.poller->remove(fd_.get());
  state_.http.poller->forget(*this);
  state_.http.held -= held_.size();
}

void HttpStream::on_events(std::uint32_t events) {
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if (!ready_) return;
  Ready call = ready_;  // it may replace or destroy the one that is stored
  call();
}

HttpStream::Got HttpStream::read(std::string_view& bytes, std::size_t most) {
  HttpBuffers& shared = state_.http;
  if (shared.held >= kMaxHttpHeld) most = std::min(most, kSmallHttpChunk);
  auto got = recv(fd(), shared.chunk.data(), most, 0);
  if (got > 0) {
    bytes = {shared.chunk.data(), static_cast<std::size_t>(got)};
    // A short read has emptied it: what comes later is told anew, an end too.
    readable_ = bytes.size() == most || ended_;
    return Got::kBytes;
  }
  int error = got == 0 ? 0 : errno;
  if (error == EINTR) return Got::kNothing;
  readable_ = got == 0;  // an end can be read again, and is not told again
  if (got == 0) return Got::kEnd;
  return error == EAGAIN ? Got::kNothing : Got::kReset;
}

bool HttpStream::is_quiet() const {
  char byte = 0;
  return recv(fd(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

// How many bytes went. A stream that breaks is worth a read: that tells its end.
std::size_t HttpStream::on_sent(ssize_t put) {
  if (put < 0 && errno != EAGAIN && errno != EINTR) broken_ = readable_ = true;
  std::size_t sent = put < 0 ? 0 : static_cast<std::size_t>(put);
  state_.http.bytes += sent;
  sent_ += sent;
  return sent;
}

void HttpStream::hold(std::string_view bytes) {
  held_.append(bytes);
  state_.http.held += bytes.size();
}

void HttpStream::send(std::string_view first, std::string_view second) {
  if (broken_) return;
  std::size_t sent = 0;
  if (held_.empty()) {
    std::array<iovec, 2> parts = {{{const_cast<char*>(first.data()), first.size()},
                                   {const_cast<char*>(second.data()), second.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = second.empty() ? 1 : 2;
    sent = on_sent(sendmsg(fd(), &message, MSG_NOSIGNAL));
  }
  if (broken_) return;
  hold(first.substr(std::min(sent, first.size())));
  hold(second.substr(sent - std::min(sent, first.size())));
  await_room();
}

void HttpStream::flush() {
  if (held_.empty()) return;
  std::string bytes = std::exchange(held_, {});
  state_.http.held -= bytes.size();
  std::size_t sent = on_sent(::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  if (broken_ || sent == bytes.size()) return;
  state_.http.held += bytes.size() - sent;
  held_ = std::move(bytes.erase(0, sent));
}

void HttpStream::await_room() {
  if (held_.empty() || told_of_room_) return;
  told_of_room_ = true;
  state_.http.poller->add_writable(fd(), *this);
}

Fd HttpStream::release() {
  ready_ = nullptr;
  state_.http.poller->remove(fd());
  state_.http.poller->forget(*this);
  return std::move(fd_);
}

}  // namespace sixpn::flycast
