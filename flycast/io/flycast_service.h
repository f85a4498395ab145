// FlycastService: the proxy of Flycast addresses (DESIGN section 8). On the client's host it takes
// connections that nftables tproxy hands to [::1]:7948, chooses a machine and relays, directly when
// the machine lives here, else through the owner's service on [host address]:7947, which admits or
// refuses before any byte of the client is spent.
//
// It is not the firewall: the tproxy rules, the rule for mark 0x6e and table 110 are the mesh
// room's. Called by the agent; every method on the loop given to the constructor. Sockets are made
// in the network namespace of the loop's thread. Needs CAP_NET_ADMIN. Limits: FlycastOptions.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/core/meters.h"
#include "flycast/core/options.h"
#include "flycast/core/stats.h"
#include "flycast/core/status.h"
#include "flycast/io/autostopper.h"
#include "flycast/io/waker.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

// What the room asks of the agent; each is called on the room's loop.
struct FlycastCallbacks {
  StartMachine start_machine;  // none: sleeping machines stay asleep
  StopMachine stop_machine;    // none: machines that are not needed go on
};

class FlycastService {
 public:
  FlycastService(EventLoop& loop, FlycastOptions options, FlycastCallbacks callbacks = {});
  ~FlycastService();  // stops
  FlycastService(const FlycastService&) = delete;
  FlycastService& operator=(const FlycastService&) = delete;

  // Listens. Errors: a port is taken, or CAP_NET_ADMIN is missing. The host address need not exist
  // yet. Until the first snapshot, clients wait (up to the retry deadline) and hops are refused.
  Result<void> start();
  void set_snapshot(SnapshotPtr snapshot);
  [[nodiscard]] FlycastStats stats() const;
  // What the metrics tell of apps and machines.
  [[nodiscard]] MeterReadings read_meters();
  // For the operator: see io/status.h.
  [[nodiscard]] FlycastStatus status();
  [[nodiscard]] std::variant<Explanation, LookupFailure> explain(NetworkId home,
                                                                 const std::string& app,
                                                                 std::uint16_t external_port);
  // Stops listening and resets every open connection (a FIN would pass a cut stream off as whole).
  // Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
