// FlycastService: the proxy of Flycast addresses (DESIGN section 8). On the client's host it takes
// connections that nftables tproxy hands to [::1]:7948, chooses a machine and relays, directly when
// the machine lives here, else through the owner's service on [host address]:7947, which admits or
// refuses before any byte of the client is spent.
//
// It is not the firewall: the tproxy rules, the rule for mark 0x6e and table 110 are the mesh
// room's. Called by the agent; every method on the loop given to the constructor, which accepts
// connections and has its part of them; further loops, each a thread, have theirs (proxy_loops.h).
// Sockets are made in the network namespace of the loop's thread. Needs CAP_NET_ADMIN. Limits:
// FlycastOptions.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/core/meters.h"
#include "flycast/core/options.h"
#include "flycast/core/stats.h"
#include "flycast/core/status.h"
#include "flycast/io/autostopper.h"
#include "flycast/io/relay_loop.h"
#include "flycast/io/waker.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

// How long connections that come after a departure wait for somebody to take them.
inline constexpr Duration kSuccessorPatience = std::chrono::minutes(1);

// How a departure is going on; each is called on the room's loop.
struct DepartureCallbacks {
  std::function<void()> on_successor;  // it listens: what depends on this process may end
  std::function<void()> on_done;       // once: nothing is left here, or the time is over
};

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

  // Before start(), or not at all: whether another FlycastService of this host leaves its place to
  // this one. It serves on until start() has been called.
  bool meet_predecessor();
  // Listens. Errors: a port is taken, or CAP_NET_ADMIN is missing. The host address need not exist
  // yet. Until the first snapshot, clients wait (up to the retry deadline) and hops are refused.
  Result<void> start();
  void set_snapshot(SnapshotPtr snapshot);
  [[nodiscard]] FlycastStats stats() const;
  // The loops beside the one given to the constructor, and the threads that move bytes, for who
  // watches them: they run from start() to stop().
  [[nodiscard]] std::vector<EventLoop*> loops() const;
  [[nodiscard]] std::vector<RelayLoop*> relay_loops() const;
  // What the metrics tell of apps and machines.
  [[nodiscard]] MeterReadings read_meters();
  // For the operator: see io/status.h.
  [[nodiscard]] FlycastStatus status();
  [[nodiscard]] std::variant<Explanation, LookupFailure> explain(NetworkId home,
                                                                 const std::string& app,
                                                                 std::uint16_t external_port);
  // In place of stop(), after start(): accepts no more, but keeps the listening sockets for another
  // FlycastService of this host, which finds them at FlycastOptions::handover_path when it starts
  // (departure.h). Until `on_done` this one serves what it had begun, at most for
  // FlycastOptions::drain; without a successor for kSuccessorPatience, who waits for one is
  // refused. Nothing is asked of other rooms any more.
  void depart(DepartureCallbacks callbacks);
  // Stops listening and resets every open connection (a FIN would pass a cut stream off as whole).
  // Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
