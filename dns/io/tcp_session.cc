#include "dns/io/tcp_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <optional>
#include <string>

#include "base/io/clock.h"
#include "dns/core/message_stream.h"

namespace sixpn::dns {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr int kReadsPerWakeUp = 4;
// Beyond it a buffer that has run empty gives its memory back.
constexpr std::size_t kKeptBytes = 4096;

void empty(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBytes) buffer.shrink_to_fit();
}
}  // namespace

struct TcpSession::Impl {
  Impl(TcpShared& with, TcpSession& owner, Fd fd)
      : shared(with), session(owner), socket(with.loop.context()), active(monotonic_now()) {
    error_code failed;
    static_cast<void>(socket.assign(asio::ip::tcp::v6(), fd.get(), failed));
    if (!failed) static_cast<void>(fd.release());
    static_cast<void>(socket.set_option(asio::ip::tcp::no_delay(true), failed));
  }

  [[nodiscard]] bool is_paused() const {
    return held || outstanding >= shared.limits.outstanding ||
           unsent.size() > shared.limits.unsent_bytes;
  }
  // While it is held, until a message waits: its end is to be seen.
  [[nodiscard]] bool may_read() const { return !is_paused() || (held && !input.has_message()); }
  [[nodiscard]] bool is_finished() const {
    return read_closed && outstanding == 0 && unsent.empty();
  }

  // Moves everything on as far as it goes; called after each event.
  void advance() {
    if (consuming || going_on) return;
    turn_bytes = 0;
    write();
    // Which may end a pause while whole messages are here already.
    while (!closed && !is_paused() && input.has_message()) {
      if (turn_bytes >= shared.limits.turn_bytes) return go_on_later();
      take({});
      if (!closed) write();
    }
    if (closed) return;
    if (is_finished()) return session.close(Close::kByClient);
    await_readable();
  }

  void go_on_later() {
    going_on = true;
    shared.loop.post([weak = session.weak_from_this()] {
      auto self = weak.lock();
      if (!self || self->impl_->closed) return;
      self->impl_->going_on = false;
      self->impl_->advance();
    });
  }

  void hold(Duration time) {
    if (!resume)
      resume.emplace(shared.loop, [weak = session.weak_from_this()] {
        auto self = weak.lock();
        if (!self || self->impl_->closed) return;
        self->impl_->held = false;
        self->impl_->active = monotonic_now();
        self->impl_->hold_if_ahead();  // by what its other streams asked meanwhile
        self->impl_->advance();
      });
    held = true;
    resume->arm_after(time);
  }

  void hold_if_ahead() {
    if (!shared.ahead) return;
    auto ahead = shared.ahead(session.source());
    if (ahead > Duration::zero()) hold(ahead);
  }

  void await_readable() {
    if (reading || read_closed || !may_read()) return;
    reading = true;
    socket.async_wait(asio::ip::tcp::socket::wait_read,
                      [self = session.shared_from_this()](error_code failed) {
                        self->impl_->reading = false;
                        if (!failed && !self->impl_->closed) self->impl_->on_readable();
                      });
  }

  void on_readable() {
    for (int turn = 0; turn < kReadsPerWakeUp && !closed && !read_closed && may_read(); ++turn) {
      auto got = recv(socket.native_handle(), shared.chunk.data(), shared.chunk.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) break;
      if (got < 0) return session.close(Close::kBroken);
      read_closed = got == 0;
      if (!held) hold_if_ahead();
      std::string_view bytes(shared.chunk.data(), static_cast<std::size_t>(got));
      held ? input.keep(bytes) : take(bytes);
      if (static_cast<std::size_t>(got) < shared.chunk.size()) break;
    }
    if (!closed) advance();
  }

  // Hands whole messages on until replies pile up.
  void take(std::string_view bytes) {
    consuming = true;
    input.feed(bytes, [this](std::string_view message) {
      hand_on(message);
      return !closed && !is_paused();
    });
    consuming = false;
  }

  void hand_on(std::string_view message) {
    ++outstanding;
    active = monotonic_now();
    if (!shared.on_message(message, session)) session.close(Close::kByServer);
  }

  void append(std::string_view message) {
    --outstanding;
    const char length[] = {static_cast<char>(message.size() >> 8),
                           static_cast<char>(message.size())};
    unsent.append(length, sizeof length);
    unsent += message;
    shared.unsent += sizeof length + message.size();
  }

  void write() {
    if (unsent.empty()) return;
    if (writing) {
      // Replies go on coming for what it asked before: the others' share is not for them.
      bool over = unsent.size() > shared.limits.unsent_bytes;
      if (over && shared.unsent > shared.limits.unsent_in_all) shared.relieve();
      return;
    }
    auto sent =
        send(socket.native_handle(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      return session.close(Close::kBroken);
    auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    shared.unsent -= taken;
    turn_bytes += taken;
    if (taken == unsent.size()) {
      empty(unsent);
      active = monotonic_now();
      stuck_since.reset();
      return;
    }
    unsent.erase(0, taken);
    taken_since += taken;
    if (!stuck_since || taken_since >= shared.limits.unsent_bytes) {
      stuck_since = monotonic_now();
      taken_since = 0;
    }
    if (shared.unsent > shared.limits.unsent_in_all) shared.relieve();
    if (closed) return;
    writing = true;
    socket.async_wait(asio::ip::tcp::socket::wait_write,
                      [self = session.shared_from_this()](error_code failed) {
                        self->impl_->writing = false;
                        if (!failed && !self->impl_->closed) self->impl_->advance();
                      });
  }

  TcpShared& shared;
  TcpSession& session;
  asio::ip::tcp::socket socket;
  Instant active;                      // the last whole message, or when all replies were taken
  std::optional<Instant> stuck_since;  // replies wait, and fewer than unsent_bytes were taken
  std::size_t taken_since = 0;
  MessageStream input;  // keeps at most a message, and a chunk while reading is paused
  std::string unsent;
  std::size_t outstanding = 0;
  std::size_t turn_bytes = 0;       // sent in this turn
  std::optional<LoopTimer> resume;  // once it was held
  bool held = false;
  bool going_on = false;  // in another turn
  bool reading = false;
  bool writing = false;
  bool read_closed = false;
  bool consuming = false;
  bool closed = false;
};

TcpSession::TcpSession(TcpShared& shared, Fd socket, const Ip6& source)
    : source_(source), impl_(std::make_unique<Impl>(shared, *this, std::move(socket))) {}

TcpSession::~TcpSession() = default;

void TcpSession::start() {
  impl_->await_readable();
}

void TcpSession::reply(std::string_view message) {
  if (impl_->closed) return;
  impl_->append(message);
  impl_->advance();
}

void TcpSession::hold(Duration time) {
  if (!impl_->closed) impl_->hold(time);
}

std::size_t TcpSession::unsent() const {
  return impl_->unsent.size();
}

bool TcpSession::is_overdue(Instant now, Duration idle, Close& why) const {
  const Impl& at = *impl_;
  Duration patience = at.shared.limits.idle;
  why = at.stuck_since ? Close::kStalled : Close::kIdle;
  if (at.stuck_since) return now - *at.stuck_since >= patience;
  return now - at.active >= (at.outstanding > 0 ? patience : idle);
}

void TcpSession::close(Close why) {
  if (impl_->closed) return;
  auto self = shared_from_this();
  impl_->closed = true;
  impl_->shared.unsent -= impl_->unsent.size();
  error_code ignored;
  static_cast<void>(impl_->socket.close(ignored));
  impl_->shared.on_closed(*this, why);
}

}  // namespace sixpn::dns
