// Forwarder: names that are not ours, asked of the upstream resolvers. It joins equal queries while
// one of them is in flight, asks the quickest upstream that is well (dns/core/upstream_choice.h)
// and the next when that takes too long or fails, keeps what comes (shared_cache.h), tells clients
// what is stale when nobody answers in time (RFC 8767), and finds loops. Sockets are
// UpstreamPool's.
//
// Owned by DnsService; lives on the forward loop, a thread of its own, so that nothing upstream
// does delays the workers. Limits: ForwardLimits; over a budget a query gets SERVFAIL at once, and
// so does everything when no upstream answers within `deadline` (below the 5 s at which stub
// resolvers give up: they are told, not left waiting).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "dns/core/foreign_query.h"
#include "dns/io/limits.h"
#include "dns/io/shared_cache.h"
#include "dns/io/stats.h"

namespace sixpn::dns {

// A query to forward.
struct ForwardRequest {
  ForeignQuery query;
  std::uint16_t group = 0;  // forward_rules.h
  Ip6 client;               // for fairness, as its network is
  NetworkId network;
  std::string options;  // Telling::options of the reply
  // Called once with the reply, on the forward loop; never when the forwarder ends first. Empty:
  // what is kept is to be fetched anew.
  std::function<void(std::string reply)> done;
};

class Forwarder {
 public:
  // `groups`: the servers of each, as ForwardRules::groups().
  Forwarder(EventLoop& loop, SharedCache& cache, ForwardLimits limits,
            const std::vector<std::vector<IpEndpoint>>& groups);
  ~Forwarder();  // on the loop, or after it ended; queries in flight are forgotten
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Any thread. A place in the queue for one request; false: it is full.
  bool reserve();
  // Any thread; a place was reserved for each. Together, because each hand-over wakes the loop.
  void submit(std::vector<ForwardRequest> requests);

  // On the loop.
  void add_to(Stats& stats) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
