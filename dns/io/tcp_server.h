// TcpServer: one worker's listening TCP sockets and the sessions accepted from them. How many there
// may be, and which of them has to make room, is the quota's, which all workers share. It looks
// around for sessions that are overdue every so often, sooner when connections run short. Owned by
// DnsWorker, on its loop.
#pragma once

#include <cstdint>
#include <memory>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "dns/io/tcp_quota.h"
#include "dns/io/tcp_session.h"

namespace sixpn::dns {

struct TcpCounters {
  std::uint64_t accepted = 0;
  // Closed at once: over the limit of all, of its source, of its network.
  std::uint64_t rejected = 0;
  std::uint64_t rejected_source = 0;
  std::uint64_t rejected_network = 0;
  std::uint64_t timed_out = 0;  // idle
  std::uint64_t evicted = 0;    // does not take its replies, or too much is unsent in all
  std::uint64_t displaced = 0;  // made room for somebody with fewer
  std::uint64_t open = 0;
};

class TcpServer {
 public:
  // `quota` outlives it. `ahead`: see TcpShared; none: nobody has a rate.
  TcpServer(EventLoop& loop, const TcpLimits& limits, TcpQuota& quota,
            TcpShared::OnMessage on_message, TcpShared::Ahead ahead = {});
  ~TcpServer();  // closes every session
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  void add_listener(Fd listener);
  [[nodiscard]] TcpCounters counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
