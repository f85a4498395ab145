// UpstreamPool: the sockets to one upstream resolver, through c-ares (this file's .cc is its only
// user). One query, one try: whom else to ask, and when, is the Forwarder's matter. What c-ares
// does is sockets, matching replies to queries by id and question, TCP after a truncated reply, and
// giving up after a time.
//
// Queries leave by one of kPorts channels, chosen at random, each with its own socket and so its
// own source port; channels are replaced (upstream_sockets.h). At most kReadsPerTurn datagrams are
// taken from a socket before others get their turn: c-ares itself would read as long as there is
// something, and an upstream that floods us would have the loop for itself.
//
// Owned by Forwarder, on the forward loop. Limits: UpstreamSockets; queries in flight are the
// Forwarder's to bound.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/io/event_loop.h"
#include "base/ip.h"

namespace sixpn::dns {

enum class UpstreamWay {
  kUdp,             // the query ends in a bare OPT of 11 bytes; TCP when the reply is truncated
  kUdpWithoutEdns,  // it has none, and replies over 512 bytes come by TCP
  kTcp,             // ends in a bare OPT
};

class UpstreamPool {
 public:
  struct Ended {
    std::uint64_t attempt = 0;
    bool answered = false;  // else nothing came in time, or the address is unreachable
    std::string reply;
  };
  // Called on the loop, never from inside send().
  using OnEnd = std::function<void(Ended)>;

  // `timeout`: of one query.
  UpstreamPool(EventLoop& loop, IpEndpoint upstream, std::chrono::milliseconds timeout,
               OnEnd on_end);
  ~UpstreamPool();  // queries in flight are forgotten
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  // `query`: a whole message with a random id. `attempt` comes back with what becomes of it. `draw`
  // is random and chooses the channel.
  void send(std::uint64_t attempt, std::string_view query, UpstreamWay way, std::size_t draw);
  // The next queries leave by new channels: c-ares takes OPT off a query that was answered with
  // FORMERR, and from then on thinks of the whole channel as one without EDNS.
  void renew(UpstreamWay way);
  // Tells c-ares that time passes: to be called every 50 ms or so while queries are in flight.
  void on_tick();
  [[nodiscard]] std::size_t in_flight() const;
  // Of all channels, those that wait for their last queries included.
  [[nodiscard]] std::size_t open_sockets() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
