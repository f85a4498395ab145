// InterestWatch: writes which networks this host uses, when that changed
// (registry/core/interest.h). Called by Agent with every snapshot. Control loop only.
#pragma once

#include "agent/rooms.h"
#include "registry/core/interest.h"

namespace sixpn::agent {

class InterestWatch {
 public:
  // `rooms` must outlive this object.
  explicit InterestWatch(Rooms& rooms) : rooms_(rooms) {}

  void on_snapshot(const Snapshot& snapshot);

 private:
  Rooms& rooms_;
  registry::Interest interest_;
  bool writing_ = false;
  bool refused_ = false;  // worth one line in the log, then tried again in silence
};

}  // namespace sixpn::agent
