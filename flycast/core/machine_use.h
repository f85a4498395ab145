// MachineUse: what autostop needs to know beside the counts of open connections (limits.h): whether
// a machine of this host was given any since it last looked, and that one which is about to be
// stopped is given no more. The gate of the owner's counts (OpenCounts::set_gate), so no path of
// admission passes it by. Pure; one loop. Memory: a number per machine that had a connection since
// it was last forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "base/ids.h"

namespace sixpn::flycast {

class MachineUse {
 public:
  // Whether it may be given a connection; counts it.
  bool pass(MachineId machine) {
    if (held_.contains(machine)) return false;
    ++admitted_[machine];
    return true;
  }
  // How many it was given.
  [[nodiscard]] std::uint64_t admitted(MachineId machine) const {
    auto found = admitted_.find(machine);
    return found == admitted_.end() ? 0 : found->second;
  }
  void forget(MachineId machine) { admitted_.erase(machine); }

  // From now on it is given none, until release().
  void hold(MachineId machine) { held_.insert(machine); }
  void release(MachineId machine) { held_.erase(machine); }
  [[nodiscard]] const std::set<MachineId>& held() const { return held_; }

 private:
  std::map<MachineId, std::uint64_t> admitted_;
  std::set<MachineId> held_;
};

}  // namespace sixpn::flycast
