// MachineStarts: starts of this host's machines, for the wakers of all loops (waker.h): one at a
// time of each machine, whose outcome all hear who asked meanwhile; what is known of starts that
// failed (core/autostart.h); and for which ports somebody waits. It runs no machine: the agent
// gives it the machine room's start, which is called on the first loop.
//
// Any thread, but for the constructor and destructor. Bounds: those who wait (max_sessions), and
// StartRules'.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/core/autostart.h"
#include "flycast/core/limits.h"

namespace sixpn::flycast {

// Starts a machine of this host; `done` on the loop that called, once, with why not.
using StartMachine = std::function<void(MachineId, std::function<void(Result<void>)> done)>;

class MachineStarts {
 public:
  using Done = std::function<void(const Result<void>&)>;

  // Null `start`: this host starts no machines. `home` must outlive it.
  MachineStarts(EventLoop& home, StartMachine start) : home_(home), start_(std::move(start)) {}
  MachineStarts(const MachineStarts&) = delete;
  MachineStarts& operator=(const MachineStarts&) = delete;

  // `done` on `asker`'s thread, once, unless this is gone by then.
  void start(EventLoop& asker, MachineId machine, Done done);

  [[nodiscard]] StartVerdict judge(const MachineRecord& machine, std::uint16_t internal_port,
                                   bool last, Now now) const;
  // Once of each start, whoever saw that it failed.
  void on_failed(MachineId machine, Instant now);
  void on_open(MachineId machine);

  // Somebody waits for that machine's port, until it is destroyed.
  class Wait {
   public:
    Wait(MachineStarts& starts, const ServiceKey& key);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    MachineStarts& starts_;
    ServiceKey key_;
  };
  [[nodiscard]] bool is_waking(const ServiceKey& key) const;

 private:
  struct Asker {
    EventLoop& loop;
    Done done;
  };

  void start_at_home(MachineId machine, Asker asker);
  void on_started(MachineId machine, const Result<void>& outcome);

  EventLoop& home_;
  StartMachine start_;                                 // home's
  std::map<MachineId, std::vector<Asker>> in_flight_;  // home's
  std::shared_ptr<MachineStarts*> alive_ = std::make_shared<MachineStarts*>(this);
  mutable std::mutex guard_;
  StartRules rules_;                          // under it
  std::map<ServiceKey, std::size_t> waking_;  // likewise
};

}  // namespace sixpn::flycast
