// FlycastService: the proxy of Flycast addresses (DESIGN section 8). On the client's host it takes
// connections that nftables tproxy hands to [::1]:7948, chooses a machine and relays, directly when
// the machine lives here, else through the owner's service on [host address]:7947, which admits or
// refuses before any byte of the client is spent.
//
// It is not the firewall: the tproxy rules, the rule for mark 0x6e and table 110 are the mesh
// room's. Called by the agent; every method on the loop given to the constructor. Sockets are made
// in the network namespace of the loop's thread. Needs CAP_NET_ADMIN. Limits: FlycastOptions.
#pragma once

#include <cstdint>
#include <memory>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/core/options.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

// Counters since start, and gauges (marked *).
struct FlycastStats {
  std::uint64_t accepted = 0;  // connections taken from clients
  std::uint64_t relayed = 0;   // of those, joined to a machine
  std::uint64_t gave_up = 0;   // of those, reset: no machine could be reached in time
  std::uint64_t unknown_destination =
      0;                       // of those, reset: no such address, or no service on that port
  std::uint64_t attempts = 0;  // on machines, local and remote
  std::uint64_t failed_attempts = 0;     // refused, unreachable or timed out
  std::uint64_t hops_accepted = 0;       // preambles read from other hosts
  std::uint64_t hops_admitted = 0;       // of those, joined to a machine
  std::uint64_t hops_refused = 0;        // of those, told to go elsewhere
  std::uint64_t hops_malformed = 0;      // reset: bytes that are no preamble, or none in time
  std::uint64_t hops_foreign = 0;        // reset: the source is no host of the registry
  std::uint64_t hops_evicted = 0;        // reset: too many silent connections of that host
  std::uint64_t over_session_limit = 0;  // reset or refused: max_sessions
  std::uint64_t over_client_limit = 0;   // reset: max_sessions_per_client
  std::uint64_t bytes = 0;               // relayed, both directions
  std::uint64_t sessions = 0;            // * open, both kinds
};

class FlycastService {
 public:
  FlycastService(EventLoop& loop, FlycastOptions options);
  ~FlycastService();  // stops
  FlycastService(const FlycastService&) = delete;
  FlycastService& operator=(const FlycastService&) = delete;

  // Listens. Errors: a port is taken, or CAP_NET_ADMIN is missing. The host address need not exist
  // yet. Until the first snapshot, clients wait (up to the retry deadline) and hops are refused.
  Result<void> start();
  void set_snapshot(SnapshotPtr snapshot);
  [[nodiscard]] FlycastStats stats() const;
  // Stops listening and resets every open connection (a FIN would pass a cut stream off as whole).
  // Idempotent.
  void stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
