// DnsWorker: one thread that answers. Its own event loop, its own UDP socket per listen address
// (SO_REUSEPORT spreads the clients), its own listening TCP sockets, its own Responder.
// Workers share nothing but the box with the newest snapshot, the count of TCP connections and what
// forwarding shares (forward_shared.h); a foreign name that is not kept is asked from here, by
// sockets of its own (direct_forward.h), or by the forwarder, and its answer comes back here.
//
// Made, started and stopped by DnsService on the dns loop; everything else runs on its own loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "dns/core/forward_rules.h"
#include "dns/core/resolve.h"
#include "dns/io/forward_shared.h"
#include "dns/io/forwarder.h"
#include "dns/io/limits.h"
#include "dns/io/snapshot_box.h"
#include "dns/io/stats.h"
#include "dns/io/tcp_quota.h"

namespace sixpn::dns {

class DnsWorker {
 public:
  struct Options {
    std::string name;  // of the thread
    Audience audience;
    RateLimits rates;
    TcpLimits tcp;
    TcpQuota* tcp_quota = nullptr;  // of all workers
    const SnapshotBox* snapshots = nullptr;
    // Outlive the worker.
    const ForwardRules* forward_rules = nullptr;
    ForwardShared* forward_shared = nullptr;
    Forwarder* forwarder = nullptr;
  };

  DnsWorker(Options options, std::vector<Fd> udp, std::vector<Fd> tcp);
  // Closes its sockets; forwarded queries in flight are forgotten. Waits for its thread.
  ~DnsWorker();
  DnsWorker(const DnsWorker&) = delete;
  DnsWorker& operator=(const DnsWorker&) = delete;

  [[nodiscard]] EventLoop& loop();  // for the watchdog
  // As of now; waits for the batch at hand. Not on its own loop.
  [[nodiscard]] Stats stats();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
