// TcpSession: one client over TCP (RFC 7766): messages behind a two-byte length, many in flight,
// replies in the order they become ready, each length and message in one write; what one read
// brought is answered by one write. It knows nothing of DNS beyond that.
//
// Callbacks instead of a coroutine: reading and writing go on independently, and replies come from
// outside. Shared ownership: a forwarded query in flight holds the session weakly. On its worker's
// loop. Limits: TcpLimits. Reading stops while too much is outstanding or unsent, which the client
// feels as backpressure, and while it is held because its source is over its rate. Messages are
// taken apart by dns/core/message_stream.h. Its server closes it when is_overdue().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "dns/io/limits.h"

namespace sixpn::dns {

enum class Close { kByClient, kIdle, kStalled, kBroken, kByServer };

class TcpSession;

// What the sessions of one server share, on its loop.
struct TcpShared {
  // Each message must be answered by exactly one reply(), now or later. False instead: close at
  // once.
  using OnMessage = std::function<bool(std::string_view, TcpSession&)>;
  using OnClosed = std::function<void(TcpSession&, Close)>;  // once; not from the destructor
  using Ahead = std::function<Duration(const Ip6&)>;

  EventLoop& loop;
  TcpLimits limits;
  OnMessage on_message;
  OnClosed on_closed;
  std::vector<char> chunk;  // where all of them read to
  std::size_t unsent = 0;   // bytes, of all sessions
  // Closes whoever has most of these, until they are within their limit.
  std::function<void()> relieve = {};
  // For how long a source is ahead of its rate, and no message of it is to be handed on.
  Ahead ahead = {};
};

class TcpSession : public std::enable_shared_from_this<TcpSession> {
 public:
  static constexpr std::size_t kReadBytes = 16384;

  // `shared` outlives it.
  TcpSession(TcpShared& shared, Fd socket, const Ip6& source);
  ~TcpSession();
  TcpSession(const TcpSession&) = delete;
  TcpSession& operator=(const TcpSession&) = delete;

  void start();
  void reply(std::string_view message);
  // No further message is handed on for so long.
  void hold(Duration time);
  void close(Close why);
  [[nodiscard]] const Ip6& source() const { return source_; }
  [[nodiscard]] std::size_t unsent() const;

  // Whether it has been without a whole message for `idle`, or with replies that the client does
  // not take (unsent_bytes of them, or all) for limits.idle; and what that is. A query in flight
  // counts as a sign of life.
  [[nodiscard]] bool is_overdue(Instant now, Duration idle, Close& why) const;

 private:
  struct Impl;
  Ip6 source_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
