#include "flycast/io/http_stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "flycast/io/sockets.h"

namespace sixpn::flycast {

HttpStream::HttpStream(ProxyState& state, Fd fd, Ready ready)
    : HttpStream(state, ClientStream{std::move(fd)}, std::move(ready)) {}

// Of TLS, more may have come already than whoever had it before has read.
HttpStream::HttpStream(ProxyState& state, ClientStream client, Ready ready)
    : state_(state),
      fd_(std::move(client.fd)),
      tls_(std::move(client.tls)),
      bytes_(std::move(client.bytes)),
      ready_(std::move(ready)),
      readable_(tls_ != nullptr) {
  if (!state.http.poller) {
    state.http.poller = std::make_unique<HttpPoller>(state.loop);
    state.http.chunk.resize(kHttpChunk);
  }
  if (!state.http.poller->add(fd_.get(), *this)) fd_.close();
}

// The epoll instance is told: closing is not enough where a child that is being started, or another
// agent, still has the socket for a moment, and an event would find us gone.
HttpStream::~HttpStream() {
  if (fd_) state_.http.poller->remove(fd_.get());
  state_.http.poller->forget(*this);
  state_.http.held -= held_.size() + (unread_ ? unread_->size() : 0);
}

void HttpStream::on_events(std::uint32_t events) {
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) readable_ = readable_behind_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((events & EPOLLERR) != 0) failed_ = true;
  if (!ready_) return;
  Ready call = ready_;  // it may replace or destroy the one that is stored
  call();
}

HttpStream::Got HttpStream::read(std::string_view& bytes, std::size_t most) {
  HttpBuffers& shared = state_.http;
  if (shared.held >= shared.most_held) most = std::min(most, kSmallHttpChunk);
  if (tls_) return read_tls(bytes, most);
  if (unread_) return read_again(bytes, most);
  auto got = recv(fd(), shared.chunk.data(), most, 0);
  if (got > 0) {
    if (bytes_) bytes_->add_in(static_cast<std::uint64_t>(got));
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

void HttpStream::unread(std::string_view bytes) {
  if (bytes.empty()) return;
  unread_ = std::make_unique<std::string>(bytes);
  state_.http.held += bytes.size();
  readable_behind_ = std::exchange(readable_, true);
}

HttpStream::Got HttpStream::read_again(std::string_view& bytes, std::size_t most) {
  std::size_t size = unread_->copy(state_.http.chunk.data(), most);
  state_.http.held -= size;
  unread_->erase(0, size);
  if (unread_->empty()) {
    unread_.reset();
    readable_ = readable_behind_;
  }
  bytes = {state_.http.chunk.data(), size};
  return Got::kBytes;
}

std::uint16_t HttpStream::own_port() {
  if (own_port_ != 0) return own_port_;
  if (auto own = local_endpoint(fd())) own_port_ = own->port;
  return own_port_;
}

// ---------------------------------------------------------------- TLS

TlsServer::State HttpStream::shake_hands() {
  while (true) {
    TlsServer::State state = tls_->advance();
    send_tls();
    if (state != TlsServer::State::kHandshake) return state;
    Got got = receive_tls();
    if (got == Got::kNothing) return state;
    if (got != Got::kBytes) return TlsServer::State::kFailed;
  }
}

// From the socket into TLS. A FIN without a close_notify before it may be anybody's who can cut the
// stream: it is no end (RFC 8446 section 6.1).
HttpStream::Got HttpStream::receive_tls() {
  std::vector<char>& wire = state_.http.wire;
  if (wire.empty()) wire.resize(kTlsChunk);
  auto got = recv(fd(), wire.data(), wire.size(), 0);
  if (got > 0) {
    if (bytes_) bytes_->add_in(static_cast<std::uint64_t>(got));
    tls_->receive({wire.data(), static_cast<std::size_t>(got)});
    return Got::kBytes;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Got::kNothing : Got::kReset;
}

HttpStream::Got HttpStream::read_tls(std::string_view& bytes, std::size_t most) {
  HttpBuffers& shared = state_.http;
  while (true) {
    std::size_t size = 0;
    TlsServer::Got got = tls_->read(shared.chunk.data(), most, size);
    readable_ = got == TlsServer::Got::kBytes || got == TlsServer::Got::kEnd;
    if (got == TlsServer::Got::kBytes) {
      bytes = {shared.chunk.data(), size};
      return Got::kBytes;
    }
    send_tls();  // an alert, or new keys
    if (got == TlsServer::Got::kEnd) return Got::kEnd;
    if (got == TlsServer::Got::kFailed) return Got::kReset;
    Got received = receive_tls();
    if (received != Got::kBytes) return received;
  }
}

void HttpStream::send_tls() {
  std::string wire = tls_->take_outgoing();
  if (!wire.empty() && !broken_) send_wire(wire, {});
}

// ---------------------------------------------------------------- what is sent

bool HttpStream::is_quiet() const {
  if (unread_) return false;
  char byte = 0;
  return recv(fd(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

// How many bytes went. A stream that breaks is worth a read: that tells its end.
std::size_t HttpStream::on_sent(ssize_t put) {
  if (put < 0 && errno != EAGAIN && errno != EINTR) broken_ = readable_ = true;
  std::size_t sent = put < 0 ? 0 : static_cast<std::size_t>(put);
  state_.http.bytes += sent;
  sent_ += sent;
  if (bytes_) bytes_->add_out(sent);
  return sent;
}

void HttpStream::hold(std::string_view bytes) {
  held_.append(bytes);
  state_.http.held += bytes.size();
}

void HttpStream::send(std::string_view first, std::string_view second) {
  if (broken_) return;
  if (!tls_) return send_wire(first, second);
  if (!tls_->write(first) || !tls_->write(second)) broken_ = readable_ = true;
  send_tls();
}

void HttpStream::send_wire(std::string_view first, std::string_view second) {
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
  if (broken_) return;
  if (sent == bytes.size()) return end_sending();
  state_.http.held += bytes.size() - sent;
  held_ = std::move(bytes.erase(0, sent));
}

void HttpStream::finish() {
  if (std::exchange(finishing_, true)) return;
  if (tls_) tls_->finish();
  if (tls_) send_tls();
  end_sending();
}

void HttpStream::end_sending() {
  if (finishing_ && held_.empty()) shutdown(fd(), SHUT_WR);
}

void HttpStream::await_room() {
  if (held_.empty() || told_of_room_) return;
  told_of_room_ = true;
  state_.http.poller->add_writable(fd(), *this);
}

Fd HttpStream::release() {
  return release_client().fd;
}

ClientStream HttpStream::release_client() {
  ready_ = nullptr;
  state_.http.poller->remove(fd());
  state_.http.poller->forget(*this);
  return {std::move(fd_), std::move(tls_), std::move(bytes_)};
}

}  // namespace sixpn::flycast
