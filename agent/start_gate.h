// StartGate: holds a machine's first instruction back until this host's resolver answers for its
// network (decision 0042): at once where its machines are held, else once they are, or after
// kHoldPatience. Called by Agent with every snapshot. Control loop only.
#pragma once

#include <functional>

#include "agent/core/hold_waits.h"
#include "agent/rooms.h"
#include "base/io/event_loop.h"

namespace sixpn::agent {

class StartGate {
 public:
  // `rooms` must outlive this object.
  explicit StartGate(Rooms& rooms) : rooms_(rooms), timer_(rooms.control, [this] { look(); }) {}

  // Writes the record of a machine that is about to run; `done` when it may.
  void announce(MachineRecord record, std::function<void(Result<void>)> done);
  void on_snapshot(const SnapshotPtr& snapshot);

 private:
  void look();

  Rooms& rooms_;
  HoldWaits waits_;
  LoopTimer timer_;
};

}  // namespace sixpn::agent
