// BegunConnects: connects to machines of this host that are under way. A machine that ends takes
// its network with it, and what was sent to it meanwhile is lost without a refusal: the connect
// would wait until its time is over. So who connects to a machine that runs no more is told, as
// soon as the registry says so. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/ids.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

class BegunConnects {
 public:
  // One of them; ends by being destroyed. Before the BegunConnects.
  class Watch {
   public:
    // `on_ended`: at most once; may destroy the watch.
    Watch(BegunConnects& all, NetworkId network, MachineId machine, std::function<void()> on_ended);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    BegunConnects& all_;
    std::uint64_t number_;
  };

  void on_snapshot(const Snapshot& snapshot);

 private:
  struct Begun {
    NetworkId network;
    MachineId machine;
    std::function<void()> on_ended;
  };

  std::map<std::uint64_t, Begun> begun_;  // by their watches' numbers
  std::uint64_t last_number_ = 0;
};

}  // namespace sixpn::flycast
