// Autostart: which sleeping machine a connection wakes, and when its owner agrees. The client's
// proxy chooses (sleepers, choose_sleeper) when no running machine can take the connection, or
// starts one in the background when all of the region are over their soft limit
// (BackgroundStarts). The owner's agent decides (StartRules), as it does on every admission. Not
// here: starting, which the machine room does, and waiting for the port (io/waker.h). Pure; each
// object by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

// A machine stopped less than this ago is not started again where another one of its region can be
// (Fly's PM11).
inline constexpr Duration kRestAfterStop = std::chrono::minutes(5);
// After a background start no second one follows for that long: the first needs time to take load.
inline constexpr Duration kQuietAfterStart = std::chrono::seconds(20);
// A machine whose start failed is not started again for a span that doubles with each failure.
inline constexpr Duration kFirstStartPenalty = std::chrono::milliseconds(500);
inline constexpr Duration kMaxStartPenalty = std::chrono::seconds(30);
// Services whose background starts are remembered; beyond it no further one is begun.
inline constexpr std::size_t kMaxBackgroundStarts = 4096;
// Machines whose failed starts are remembered: as many as a host may have.
inline constexpr std::size_t kMaxFailedStarts = 4096;

// A machine that can be started for a service, or that is starting.
struct Sleeper {
  Candidate candidate;
  bool starting = false;
};

// Stopped, suspended or starting (until its checks pass for the first time), not cordoned, of a
// group that serves `service`, which wants autostart. Says nothing of its host.
bool may_wake(const MachineRecord& machine, const Service& service);

// The machines that may be woken for a route, on hosts that are usable; in the snapshot's order.
std::vector<Sleeper> sleepers(const ServiceTable& table, const Route& route);

// The index of the one to wake: of the nearest region, one that is starting already before others,
// then the lowest id. So proxies that see the same registry wake the same machine, and many
// connections at once wake one. Nothing when the list is empty.
std::optional<std::size_t> choose_sleeper(std::span<const Sleeper> sleepers,
                                          std::string_view home_region);

// Which service of which region a background start is for.
struct StartKey {
  NetworkId network;
  std::string app;
  std::uint16_t internal_port = 0;
  std::string region;
  friend auto operator<=>(const StartKey&, const StartKey&) = default;
};

// Client side: one start per service and region at a time, and none for a while after it.
class BackgroundStarts {
 public:
  // Whether a start may begin now; then it counts as in flight until end().
  bool begin(const StartKey& key, Instant now);
  // `started`: no other one for kQuietAfterStart; else the next may begin at once.
  void end(const StartKey& key, bool started, Instant now);
  [[nodiscard]] std::size_t size() const { return starts_.size(); }

 private:
  struct Start {
    bool in_flight = true;
    Instant quiet_until{};
  };
  std::map<StartKey, Start> starts_;
};

enum class StartVerdict : std::uint8_t { kStart, kRecentlyStopped, kFailedLately };

// Owner side.
class StartRules {
 public:
  // For the service with that internal port. `last`: the client's proxy knows of no other machine
  // to wake in that region. now.wall is of the clock that wrote the machine's record, which is this
  // host's.
  [[nodiscard]] StartVerdict judge(const MachineRecord& machine, std::uint16_t internal_port,
                                   bool last, Now now) const;
  void on_failed(MachineId machine, Instant now);
  // It failed, and is not started again yet.
  [[nodiscard]] bool is_punished(MachineId machine, Instant now) const;
  void on_open(MachineId machine) { failures_.erase(machine); }

 private:
  struct Failures {
    int in_a_row = 0;
    Instant until{};
  };
  std::map<MachineId, Failures> failures_;
};

}  // namespace sixpn::flycast
