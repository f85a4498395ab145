#include "machine/io/check_probe.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/io/sockaddr.h"
#include "base/result.h"
#include "machine/core/check_http.h"
#include "machine/io/tls_client.h"

namespace sixpn::machine {
namespace {

using boost::asio::posix::stream_descriptor;

// Replies to the source, which no interface has, reach the socket by the mesh room's
// `socket transparent` rule. A reset on close: a check leaves nothing in TIME_WAIT.
Result<Fd> open_socket(const Ip6& source) {
  Fd made(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int on = 1;
  linger reset{1, 0};
  sockaddr_in6 address = to_sockaddr({source, 0});
  if (!made || setsockopt(made.get(), IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof on) != 0 ||
      setsockopt(made.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
      setsockopt(made.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
      bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno("binding to " + to_string(source));
  return made;
}

}  // namespace

struct CheckProbe::Impl : std::enable_shared_from_this<CheckProbe::Impl> {
  Impl(EventLoop& event_loop, const ProbeTarget& to, const ServiceCheck& of, Done on_done)
      : loop(event_loop),
        target(to),
        check(of),
        stream(event_loop.context()),
        deadline(event_loop, [this] { on_deadline(); }),
        done(std::move(on_done)) {}

  void start() {
    auto opened = open_socket(target.source);
    if (!opened) return finish_later(opened.error().message);
    sockaddr_in6 remote = to_sockaddr(target.machine);
    int failed = connect(opened->get(), reinterpret_cast<const sockaddr*>(&remote), sizeof remote);
    int error = failed == 0 ? 0 : errno;
    boost::system::error_code not_watched;
    stream.assign(opened->get(), not_watched);
    if (not_watched) return finish_later(not_watched.message());
    static_cast<void>(opened->release());
    if (error != 0 && error != EINPROGRESS) return finish_later(connect_text(error));
    deadline.arm_after(check.timeout);
    wait(stream_descriptor::wait_write, [](Impl& self) { self.on_connected(); });
  }

  template <class Next>
  void wait(stream_descriptor::wait_type what, Next next) {
    stream.async_wait(what,
                      [weak = weak_from_this(), next](const boost::system::error_code& failed) {
                        auto self = weak.lock();
                        if (!failed && self && self->done) next(*self);
                      });
  }

  void on_connected() {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(stream.native_handle(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return finish({false, connect_text(error)});
    if (check.kind == CheckKind::kTcp) return finish({true, "the port takes connections"});
    if (check.tls) {
      tls.emplace(check.tls_server_name, !check.tls_skip_verify);
      return shake_hands();
    }
    if (put(encode_check_request(check, target.machine))) read_answer();
  }

  // Far smaller than the buffer of a new socket.
  bool put(const std::string& bytes) {
    auto sent = send(stream.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size())) return true;
    finish({false, "the request could not be sent"});
    return false;
  }

  void read_answer() {
    wait(stream_descriptor::wait_read, [](Impl& self) { self.on_readable(); });
  }

  void shake_hands() {
    TlsClient::State state = tls->advance();
    if (state == TlsClient::State::kOpen) {
      secured = true;
      tls->write(encode_check_request(check, target.machine));
    }
    std::string outgoing = tls->take_outgoing();  // also why we end it, for the other side's log
    if (!outgoing.empty() && !put(outgoing)) return;
    if (state == TlsClient::State::kFailed) return finish({false, tls->error()});
    read_answer();
  }

  // What came, to `answer`; false when it was of the handshake, behind which nothing can have come
  // yet.
  bool unwrap(std::string_view wire, bool& end) {
    tls->receive(wire);
    if (!secured) {
      if (end)
        finish({false, "the connection ended within the TLS handshake"});
      else
        shake_hands();
      return false;
    }
    answer += tls->read();
    end = end || tls->ended();
    return true;
  }

  void on_readable() {
    char bytes[4096];
    ssize_t got = recv(stream.native_handle(), bytes, sizeof bytes, 0);
    if (got < 0 && errno != EAGAIN && errno != EINTR && answer.empty())
      return finish({false, Error::errno_text(errno)});
    bool ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    std::string_view came(bytes, got > 0 ? static_cast<std::size_t>(got) : 0);
    if (!tls)
      answer += came;
    else if (!unwrap(came, ended))
      return;
    if (auto verdict = judge_check_answer(answer, ended)) return finish(std::move(*verdict));
    read_answer();
  }

  // An answer may be told by its status though its body has not ended.
  void on_deadline() {
    auto verdict = judge_check_answer(answer, true);
    if (answer.empty() || !verdict)
      return finish({false, fmt::format("no answer within {} ms", check.timeout.count() / 1000)});
    finish(std::move(*verdict));
  }

  [[nodiscard]] std::string connect_text(int error) const {
    return fmt::format("connecting to {}: {}", to_string(target.machine), Error::errno_text(error));
  }

  void finish_later(std::string why) {
    boost::asio::post(loop.context(), [weak = weak_from_this(), why = std::move(why)] {
      if (auto self = weak.lock()) self->finish({false, why});
    });
  }

  // Last: the callback may destroy the probe.
  void finish(Verdict verdict) {
    deadline.cancel();
    if (auto report = std::exchange(done, nullptr)) report(std::move(verdict));
  }

  EventLoop& loop;
  ProbeTarget target;
  ServiceCheck check;
  stream_descriptor stream;
  LoopTimer deadline;
  Done done;
  std::optional<TlsClient> tls;
  bool secured = false;  // its handshake is over
  std::string answer;
};

CheckProbe::CheckProbe(EventLoop& loop, const ProbeTarget& target, const ServiceCheck& check,
                       Done done)
    : impl_(std::make_shared<Impl>(loop, target, check, std::move(done))) {
  impl_->start();
}

CheckProbe::~CheckProbe() {
  impl_->done = nullptr;
  impl_->deadline.cancel();
  boost::system::error_code ignored;
  impl_->stream.close(ignored);
}

}  // namespace sixpn::machine
