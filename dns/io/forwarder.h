// Forwarder: names that are not ours, asked of the upstream resolvers through c-ares (this file's
// .cc is its only user). What travels is bytes of our own making and the upstream's reply adapted
// to the client (core/forward.h); c-ares does sockets, retries, the next server, and TCP after
// truncation.
//
// Owned by DnsService, on the dns loop. Limits: ForwardLimits; over a budget a query gets SERVFAIL
// at once, and so does everything when no upstream answers within `deadline` (below the 5 s at
// which stub resolvers give up: they are told, not left waiting). No cache and no joining of equal
// queries yet.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "base/ip.h"
#include "base/result.h"
#include "dns/core/query.h"
#include "dns/io/limits.h"

namespace sixpn::dns {

struct ForwardCounters {
  std::uint64_t forwarded = 0;
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;    // no upstream answered usably in time, or there is none
  std::uint64_t rejected = 0;  // over a budget
  std::uint64_t in_flight = 0;
};

class Forwarder {
 public:
  using Done = std::function<void(std::string reply)>;

  Forwarder(EventLoop& loop, ForwardLimits limits);
  ~Forwarder();  // queries in flight are forgotten: their Done is never called
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Once, before the first forward(). An empty list makes every query fail.
  Result<void> open(const std::vector<IpEndpoint>& upstreams);

  // `client` is the source, for fairness; `limit` the size of a reply that the client takes. `done`
  // is called once, on the loop, never from inside this call.
  void forward(Query query, const Ip6& client, std::size_t limit, Done done);
  [[nodiscard]] ForwardCounters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
