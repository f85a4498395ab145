// FlycastStatus: what `sixpn flycast status` shows of this host's proxy. A value; made on the
// flycast loop (io/status.h), read on the control loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flycast/core/explain.h"
#include "flycast/core/stats.h"

namespace sixpn::flycast {

struct FlycastStatus {
  // A service of a machine of this host, with something open.
  struct Hosted {
    MachineId machine;
    std::string app;
    std::uint16_t internal_port = 0;
    std::uint32_t open = 0;   // exact
    std::uint32_t queue = 0;  // waiting for a place
  };
  struct Error {
    Duration ago{};
    std::string app;  // "" while the address was not known
    IpEndpoint client;
    IpEndpoint dialled;
    int attempts = 0;
    std::string why;
  };
  // Beyond it, services are left out, and counted.
  static constexpr std::size_t kMostServices = 256;

  FlycastStats stats;
  std::vector<Explanation> services;  // that clients of this host dialled lately
  std::uint64_t services_left_out = 0;
  std::vector<Hosted> hosted;
  std::vector<Error> errors;  // newest first
};

}  // namespace sixpn::flycast
