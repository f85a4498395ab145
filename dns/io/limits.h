// The bounds of the DNS room that operators or tests may turn. Values.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/time.h"

namespace sixpn::dns {

struct TcpLimits {
  std::size_t connections = 512;
  std::size_t connections_per_source = 32;
  std::size_t outstanding = 64;      // queries of one session without a reply
  std::size_t unsent_bytes = 65536;  // one more reply may go over it
  Duration idle = std::chrono::seconds(10);
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
