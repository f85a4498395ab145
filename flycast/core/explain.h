// What a new connection to a service would meet now, and why: each machine of the app, whether it
// is a candidate, what this proxy knows of it, and how often it would be chosen. By the same code
// as connections are balanced; nothing is opened. Pure; for `sixpn flycast`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "flycast/core/balancer.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

struct ExplainedMachine {
  MachineId machine;
  HostId host;
  std::string region;
  bool here = false;
  std::optional<Duration> round_trip;
  bool candidate = false;
  std::string standing;  // "usable", "at its hard limit", "stopped", "its host is down", ...
  // Of candidates only:
  double load = 0;                // estimated; exact for machines of this host
  std::uint32_t own = 0;          // of this proxy's clients, on machines of other hosts
  std::uint32_t queue = 0;        // as its owner said last
  std::optional<Duration> heard;  // how long ago that was
  double latency_ms = 0;
  double start_share = 1;
  double cost = 0;
  bool preferred = true;
  Duration out_for{};  // how much longer; zero: it is not out
  double chosen = 0;   // share of new connections
};

struct Explanation {
  std::string app;
  NetworkId network;  // of the app
  std::uint16_t external_port = 0;
  std::uint16_t internal_port = 0;
  std::uint32_t soft_limit = 0;
  std::uint32_t hard_limit = 0;
  bool checks_ignored = false;             // those of all machines fail
  std::string rule;                        // why those, in a sentence
  std::vector<ExplainedMachine> machines;  // candidates first, as they are looked at
};

Explanation explain(const ServiceTable& table, const Route& route, const ServicePool& pool,
                    Instant now, Rng& rng);

}  // namespace sixpn::flycast
