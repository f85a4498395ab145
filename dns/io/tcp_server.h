// TcpServer: the listening TCP sockets and the sessions accepted from them. Holds the connection
// limits, in total and per source, across all listeners. Owned by DnsWorker, on its loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "dns/io/tcp_session.h"

namespace sixpn::dns {

struct TcpCounters {
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;   // over a limit: closed at once
  std::uint64_t timed_out = 0;  // idle
  std::uint64_t open = 0;
};

class TcpServer {
 public:
  TcpServer(EventLoop& loop, TcpLimits limits, TcpSession::OnMessage on_message);
  ~TcpServer();  // closes every session
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  void add_listener(Fd listener);
  [[nodiscard]] TcpCounters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
