// The bounds of the DNS room that operators or tests may turn. Values.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/time.h"
#include "dns/core/source_meter.h"

namespace sixpn::dns {

struct TcpLimits {
  // Across all workers (tcp_quota.h).
  std::size_t connections = 512;
  std::size_t connections_per_source = 32;
  std::size_t connections_per_network = 128;
  std::size_t outstanding = 64;           // queries of one session without a reply
  std::size_t unsent_bytes = 65536;       // of one session; one more reply may go over it
  std::size_t unsent_in_all = 16U << 20;  // of one worker's sessions
  // Of replies in one turn of the loop, and what unsent_bytes holds; then others have theirs.
  std::size_t turn_bytes = 131072;
  // Without a query, or with replies that the client does not take. RFC 7766 section 6.2.3.
  Duration idle = std::chrono::seconds(10);
  // The same while three quarters of all connections are taken.
  Duration idle_when_crowded = std::chrono::seconds(2);
};

struct ForwardLimits {
  // Between the workers and the forwarder. Over it a worker answers SERVFAIL itself.
  std::size_t queue = 4096;
  // Clients' queries that wait for upstream, in all, of one network and of one client.
  std::size_t in_flight = 2048;
  std::size_t in_flight_per_network = 1024;
  std::size_t in_flight_per_client = 128;
  // Of kept replies that are fetched anew before they end.
  std::size_t prefetches = 128;
  // Single tries at upstreams, those included that nobody waits for any more.
  std::size_t tries = 8192;
  Duration deadline = std::chrono::seconds(4);
  // A client with a stale answer at hand waits so long for a fresh one (RFC 8767 section 5).
  Duration stale_after = std::chrono::milliseconds(1800);
  // How often each upstream is asked for something whose answer does not matter, to know whether it
  // answers and whether it asks us in turn; zero: never.
  Duration probe_every = std::chrono::seconds(60);
  std::size_t cache_bytes = std::size_t{32} << 20;
};

}  // namespace sixpn::dns
