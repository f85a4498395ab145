// TcpSession: one client over TCP (RFC 7766): messages behind a two-byte length, many in flight,
// replies in the order they become ready, each length and message in one write. It knows nothing of
// DNS beyond that.
//
// Callbacks instead of a coroutine: reading and writing go on independently, and replies come from
// outside. Shared ownership: a forwarded query in flight holds the session weakly. On its worker's
// loop. Limits: TcpLimits. Reading stops while too much is outstanding or unsent, which the client
// feels as backpressure; a session without a whole message or a completed write for `idle` is
// closed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "dns/io/limits.h"

namespace sixpn::dns {

enum class Close { kByClient, kIdle, kBroken, kByServer };

class TcpSession : public std::enable_shared_from_this<TcpSession> {
 public:
  // Each message must be answered by exactly one reply(), now or later. False instead: close at
  // once.
  using OnMessage = std::function<bool(std::string_view, TcpSession&)>;
  using OnClosed = std::function<void(TcpSession&, Close)>;  // once; not from the destructor

  TcpSession(EventLoop& loop, Fd socket, const Ip6& source, const TcpLimits& limits);
  ~TcpSession();
  TcpSession(const TcpSession&) = delete;
  TcpSession& operator=(const TcpSession&) = delete;

  void start(OnMessage on_message, OnClosed on_closed);
  void reply(std::string_view message);
  void close(Close why);
  [[nodiscard]] const Ip6& source() const { return source_; }

 private:
  struct Impl;
  Ip6 source_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
