// InterestWatch: writes which networks this host uses, and which of them it holds in full, when
// that changed (registry/core/interest.h). Called by Agent with every snapshot; looks again by
// itself, for a use ends by time alone. Control loop only.
#pragma once

#include "agent/rooms.h"
#include "base/io/event_loop.h"
#include "registry/core/interest.h"

namespace sixpn::agent {

inline constexpr std::chrono::seconds kInterestLook{15};

class InterestWatch {
 public:
  // `rooms` must outlive this object.
  InterestWatch(Rooms& rooms, registry::Hold hold)
      : rooms_(rooms), interest_(hold), timer_(rooms.control, [this] { look(); }) {}

  // Before the registry starts as well: what is said first decides what the first sync brings.
  void on_snapshot(const Snapshot& snapshot);

 private:
  void look();

  Rooms& rooms_;
  registry::Interest interest_;
  LoopTimer timer_;
  bool writing_ = false;
  bool refused_ = false;  // worth one line in the log, then tried again in silence
  bool gave_way_ = false;
};

}  // namespace sixpn::agent
