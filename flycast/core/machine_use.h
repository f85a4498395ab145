// MachineUse: what autostop needs to know beside the counts of open connections (limits.h): whether
// a machine of this host was given any since it last looked, and that one which is about to be
// stopped is given no more. The gate of the owner's counts (OpenCounts::set_gate), so no path of
// admission passes it by. Pure; one thread at a time. Memory: a number per machine that is watched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "base/ids.h"

namespace sixpn::flycast {

class MachineUse {
 public:
  // Whether it may be given a connection; counts those of machines that are watched.
  bool pass(MachineId machine) {
    if (held_.contains(machine)) return false;
    if (auto found = admitted_.find(machine); found != admitted_.end()) ++found->second;
    return true;
  }
  // From now on it is counted, as long as it is among those that are watched.
  void watch(MachineId machine) { admitted_.try_emplace(machine, 0); }
  template <class Watched>
  void watch_only(const Watched& watched) {
    std::erase_if(admitted_, [&](const auto& one) { return !watched.contains(one.first); });
  }
  [[nodiscard]] std::size_t watched() const { return admitted_.size(); }
  // How many it was given since.
  [[nodiscard]] std::uint64_t admitted(MachineId machine) const {
    auto found = admitted_.find(machine);
    return found == admitted_.end() ? 0 : found->second;
  }

  // From now on it is given none, until release().
  void hold(MachineId machine) { held_.insert(machine); }
  void release(MachineId machine) { held_.erase(machine); }
  [[nodiscard]] const std::set<MachineId>& held() const { return held_; }

 private:
  std::map<MachineId, std::uint64_t> admitted_;  // of those that are watched
  std::set<MachineId> held_;
};

}  // namespace sixpn::flycast
