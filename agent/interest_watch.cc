#include "agent/interest_watch.h"

#include <utility>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::agent {

void InterestWatch::on_snapshot(const Snapshot& snapshot) {
  InterestRecord now = interest_.update(monotonic_now(), snapshot);
  auto known = snapshot.interests.find(snapshot.self);
  bool said = known != snapshot.interests.end() && known->second == now;
  if (said || writing_ || !snapshot.hosts.contains(snapshot.self)) return;
  writing_ = true;
  registry::LocalWrite write;
  write.value = std::move(now);
  rooms_.write({std::move(write)}, [this](const Result<void>& written) {
    writing_ = false;
    if (!written && !std::exchange(refused_, true))
      log::warn("agent", "saying which networks are used: {}", written.error().message);
  });
}

}  // namespace sixpn::agent
