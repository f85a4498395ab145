// Autostop: which machines of this host are not needed and may be put to sleep. A machine may, when
// none of its services had a connection for `idle_after`, every service it serves wants autostop,
// and enough others are left: in the app's primary region at least min_machines_running with a
// lower id run, wherever they live. So hosts that see the same registry never stop too many
// together, with no words between them, and the machines that autostart wakes first sleep last.
// Only machines without a connection are stopped: nothing is cut. At most kStopBurst at once, then
// one per kStopInterval. Pure; flycast loop. docs/decisions/0122.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "flycast/core/limits.h"
#include "flycast/core/machine_use.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

inline constexpr int kStopBurst = 20;
inline constexpr Duration kStopInterval = std::chrono::milliseconds(500);

// A machine to put to sleep.
struct StopOrder {
  MachineId machine;
  NetworkId network;
  std::string app;
  AutoStop how = AutoStop::kStop;
  friend bool operator==(const StopOrder&, const StopOrder&) = default;
};

class Autostop {
 public:
  explicit Autostop(Duration idle_after) : idle_after_(idle_after) {}

  // Call from time to time, at least twice in `idle_after`: a machine counts as used when it was
  // given a connection since the call before. Those ordered are not ordered again while they run.
  std::vector<StopOrder> pass(const Snapshot& snapshot, const ServiceCounts& open, MachineUse& use,
                              Instant now);
  // It could not be stopped: it is looked at again after another `idle_after`.
  void forget(MachineId machine) { watched_.erase(machine); }
  [[nodiscard]] std::size_t watched() const { return watched_.size(); }

 private:
  struct Watched {
    std::uint64_t admitted = 0;  // as of the pass before
    Instant idle_since{};
    bool ordered = false;
    bool seen = false;  // in this pass
  };
  struct Scene {
    const Snapshot& snapshot;
    const ServiceCounts& open;
    MachineUse& use;
    Instant now;
  };
  void look_at(const AppView& app, const Scene& scene, std::vector<StopOrder>& orders);

  Duration idle_after_;
  TokenBucket budget_;
  std::map<MachineId, Watched> watched_;  // machines of this host with autostop; at most its number
};

}  // namespace sixpn::flycast
