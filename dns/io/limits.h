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
  // Without a query, or with replies that the client does not take. RFC 7766 section 6.2.3.
  Duration idle = std::chrono::seconds(10);
  // The same while three quarters of all connections are taken.
  Duration idle_when_crowded = std::chrono::seconds(2);
};

struct ForwardLimits {
  std::size_t in_flight = 1024;
  std::size_t in_flight_per_client = 128;
  Duration deadline = std::chrono::seconds(4);
  // Of one try at one server; doubles per round of servers.
  std::chrono::milliseconds timeout{800};
  int tries = 2;
};

}  // namespace sixpn::dns
