// PingSession: sends ICMPv6 echo requests to several addresses from one source address each, and
// tells of every reply as it comes. Raw sockets, blocking, one thread; needs CAP_NET_RAW. Ends
// early on SIGINT.
#pragma once

#include <functional>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "tools/cli/echo.h"

namespace sixpn::cli {

struct PingTarget {
  Ip6 address;
  Ip6 source;  // must be an address of this host
  std::string label;
};

struct PingOptions {
  unsigned count = 4;  // per address; at least 1
  Duration interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(2);  // to wait for the last replies
};

// What happened to one request.
struct PingEvent {
  std::size_t target = 0;  // index
  unsigned sequence = 0;   // from 1
  std::optional<Duration> round_trip;
  std::string trouble;  // instead of a round trip: why there is none
};

// The counts in the order of `targets`. Errors: no permission, a source that is no address of this
// host.
Result<std::vector<EchoCount>> ping(const std::vector<PingTarget>& targets,
                                    const PingOptions& options,
                                    const std::function<void(const PingEvent&)>& on_event);

}  // namespace sixpn::cli
