// TrustWatch: says in the log what core/notices.h finds, when it begins and each time it gets
// worse, also when nothing changed but the time. Owned by Agent; control loop only.
#pragma once

#include <functional>
#include <vector>

#include "agent/core/notices.h"
#include "base/io/event_loop.h"

namespace sixpn::agent {

inline constexpr Duration kTrustWatchInterval = std::chrono::seconds(10);

class TrustWatch {
 public:
  TrustWatch(EventLoop& control, std::function<std::vector<Notice>()> gather);
  // Starts it. By its own timer from then on: snapshots come by the hundred.
  void look();

 private:
  std::function<std::vector<Notice>()> gather_;
  NoticeMemory memory_;
  LoopTimer timer_;
};

}  // namespace sixpn::agent
