// Autostopper: puts machines of this host to sleep that are not needed (core/autostop.h). From the
// moment of the decision such a machine is given no connection, so that none is cut: a client that
// comes then is told to go elsewhere, or waits and wakes it again. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/core/autostop.h"

namespace sixpn::flycast {

struct ProxyState;

// Stops or suspends a machine of this host; `done` on the loop that called, once, with why not.
using StopMachine =
    std::function<void(MachineId, AutoStop how, std::function<void(Result<void>)> done)>;

class Autostopper {
 public:
  // Without `stop` it does nothing.
  Autostopper(ProxyState& state, StopMachine stop);
  Autostopper(const Autostopper&) = delete;
  Autostopper& operator=(const Autostopper&) = delete;

  // The table has another snapshot: machines that it shows as stopping need not be held any more.
  void on_snapshot();
  // Puts no more to sleep.
  void stop() { timer_.cancel(); }

 private:
  void pass();
  void put_to_sleep(const StopOrder& order);
  void on_stopped(MachineId machine, const Result<void>& outcome);

  ProxyState& state_;
  StopMachine stop_;
  Autostop rules_;
  Duration pause_;
  LoopTimer timer_;
  std::map<MachineId, NetworkId> held_;  // with where to find them
  std::shared_ptr<Autostopper*> alive_;  // what completions from other loops look at
};

}  // namespace sixpn::flycast
