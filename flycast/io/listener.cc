#include "flycast/io/listener.h"

#include <cerrno>

#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

// Per wake-up, so that a flood of connections does not starve those that are open.
constexpr int kAcceptsPerTurn = 64;
constexpr Duration kRest = std::chrono::milliseconds(100);

// The connection died before it was accepted: the next one may be fine.
bool concerns_one_connection(int error) {
  return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
         error == EHOSTUNREACH || error == ENETUNREACH || error == ETIMEDOUT;
}

}  // namespace

Listener::Listener(EventLoop& loop, Fd socket, OnAccept on_accept, OnFailure on_failure)
    : loop_(loop),
      socket_(std::move(socket)),
      on_accept_(std::move(on_accept)),
      on_failure_(std::move(on_failure)),
      rest_(loop, [this] { watch(); }) {
  watch();
}

Fd Listener::release() {
  watch_.reset();
  rest_.cancel();
  return std::move(socket_);
}

void Listener::watch() {
  watch_.emplace(loop_, socket_.get(), [this] { accept_some(); });
}

void Listener::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    auto accepted = accept_stream(socket_.get());
    if (accepted) {
      on_accept_(std::move(*accepted));
      continue;
    }
    int error = accepted.error().code;
    if (error == EAGAIN) return;
    if (concerns_one_connection(error)) continue;
    on_failure_(error);
    watch_.reset();
    rest_.arm_after(kRest);
    return;
  }
}

}  // namespace sixpn::flycast
