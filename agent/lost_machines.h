// LostMachines: erases the records of machines of this host that its machine room does not know. A
// state folder that was lost, or came back from a backup or a snapshot of the whole host, leaves
// such behind: other hosts hold the records, names and Flycast would answer with them for ever, and
// no command could remove them. What is missing at two looks in a row is erased, and the log says
// so. Control loop only.
#pragma once

#include <chrono>
#include <set>
#include <vector>

#include "agent/rooms.h"
#include "base/io/event_loop.h"

namespace sixpn::agent {

inline constexpr std::chrono::seconds kLostLook{5};   // to the second look at what is missing
inline constexpr std::chrono::minutes kLostPause{1};  // between looks that miss nothing

class LostMachines {
 public:
  // `rooms` must outlive this object.
  explicit LostMachines(Rooms& rooms) : rooms_(rooms), timer_(rooms.control, [this] { look(); }) {}

  // Once the machine room has read its folder.
  void start() { timer_.arm_after(kLostLook); }

 private:
  void look();
  void compare(const std::vector<MachineId>& named,
               const std::vector<machine::LocalMachine>& known);

  Rooms& rooms_;
  LoopTimer timer_;
  std::set<MachineId> missing_;  // at the last look
};

}  // namespace sixpn::agent
