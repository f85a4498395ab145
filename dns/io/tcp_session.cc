#include "dns/io/tcp_session.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <optional>

namespace sixpn::dns {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr std::size_t kReadBytes = 4096;
constexpr std::size_t kLengthBytes = 2;
}  // namespace

struct TcpSession::Impl {
  Impl(EventLoop& on, TcpSession& owner, Fd fd, const TcpLimits& bounds)
      : loop(on), session(owner), socket(on.context()), limits(bounds) {
    error_code failed;
    static_cast<void>(socket.assign(asio::ip::tcp::v6(), fd.get(), failed));
    if (!failed) static_cast<void>(fd.release());
    static_cast<void>(socket.set_option(asio::ip::tcp::no_delay(true), failed));
  }

  [[nodiscard]] bool is_paused() const {
    return outstanding >= limits.outstanding ||
           unsent.size() + writing.size() > limits.unsent_bytes;
  }
  [[nodiscard]] bool is_finished() const {
    return read_closed && outstanding == 0 && unsent.empty() && writing.empty();
  }

  void touch() { idle->arm_after(limits.idle); }

  // Moves everything on as far as it goes; called after each event.
  void advance() {
    if (consuming) return;
    consume();
    if (closed) return;
    write();
    read();
    if (is_finished()) session.close(Close::kByClient);
  }

  void read() {
    if (reading || read_closed || is_paused()) return;
    reading = true;
    socket.async_read_some(asio::buffer(chunk),
                           [self = session.shared_from_this()](error_code failed, std::size_t got) {
                             self->impl_->on_read(failed, got);
                           });
  }

  void on_read(error_code failed, std::size_t got) {
    reading = false;
    if (closed) return;
    if (failed && failed != asio::error::eof) return session.close(Close::kBroken);
    read_closed = failed == asio::error::eof;
    input.append(chunk.data(), got);
    advance();
  }

  // The next whole message of the input from `at`, moved past it.
  [[nodiscard]] std::optional<std::string_view> next_message(std::size_t& at) const {
    std::string_view rest = std::string_view(input).substr(at);
    if (rest.size() < kLengthBytes) return std::nullopt;
    auto length = static_cast<std::size_t>(static_cast<unsigned char>(rest[0])) << 8 |
                  static_cast<unsigned char>(rest[1]);
    if (rest.size() < kLengthBytes + length) return std::nullopt;
    at += kLengthBytes + length;
    return rest.substr(kLengthBytes, length);
  }

  void consume() {
    consuming = true;
    std::size_t at = 0;
    while (!closed && !is_paused()) {
      auto message = next_message(at);
      if (!message) break;
      ++outstanding;
      touch();
      if (!on_message(*message, session)) session.close(Close::kByServer);
    }
    input.erase(0, at);
    consuming = false;
  }

  // What gathered while the last write was under way goes out as one.
  void write() {
    if (!writing.empty() || unsent.empty()) return;
    writing.swap(unsent);
    asio::async_write(socket, asio::buffer(writing),
                      [self = session.shared_from_this()](error_code failed, std::size_t) {
                        self->impl_->on_written(failed);
                      });
  }

  void on_written(error_code failed) {
    writing.clear();
    if (closed) return;
    if (failed) return session.close(Close::kBroken);
    touch();
    advance();
  }

  EventLoop& loop;
  TcpSession& session;
  asio::ip::tcp::socket socket;
  TcpLimits limits;
  std::optional<LoopTimer> idle;
  OnMessage on_message;
  OnClosed on_closed;
  std::array<char, kReadBytes> chunk{};
  std::string input;    // at most one message and a chunk
  std::string unsent;   // gathering
  std::string writing;  // with the kernel
  std::size_t outstanding = 0;
  bool reading = false;
  bool read_closed = false;
  bool consuming = false;
  bool closed = false;
};

TcpSession::TcpSession(EventLoop& loop, Fd socket, const Ip6& source, const TcpLimits& limits)
    : source_(source), impl_(std::make_unique<Impl>(loop, *this, std::move(socket), limits)) {}

TcpSession::~TcpSession() = default;

void TcpSession::start(OnMessage on_message, OnClosed on_closed) {
  impl_->on_message = std::move(on_message);
  impl_->on_closed = std::move(on_closed);
  impl_->idle.emplace(impl_->loop, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->close(Close::kIdle);
  });
  impl_->touch();
  impl_->advance();
}

void TcpSession::reply(std::string_view message) {
  if (impl_->closed) return;
  --impl_->outstanding;
  impl_->unsent += static_cast<char>(message.size() >> 8);
  impl_->unsent += static_cast<char>(message.size());
  impl_->unsent += message;
  impl_->advance();
}

void TcpSession::close(Close why) {
  if (impl_->closed) return;
  auto self = shared_from_this();
  impl_->closed = true;
  impl_->idle->cancel();
  error_code ignored;
  static_cast<void>(impl_->socket.close(ignored));
  auto on_closed = std::move(impl_->on_closed);
  if (on_closed) on_closed(*this, why);
}

}  // namespace sixpn::dns
