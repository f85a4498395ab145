#include "agent/interest_watch.h"

#include <utility>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::agent {

void InterestWatch::look() {
  if (rooms_.registry) on_snapshot(*rooms_.registry->snapshot());
}

void InterestWatch::on_snapshot(const Snapshot& snapshot) {
  timer_.arm_after(kInterestLook);
  InterestRecord now = interest_.update(monotonic_now(), snapshot, rooms_.registry->keeping());
  if (std::exchange(gave_way_, interest_.gives_way()) != interest_.gives_way())
    log::info("agent", "this host holds {}",
              gave_way_ ? "the machines of all networks, because a host of sixpn 0.1 is among us"
                        : "again what it uses");
  auto known = snapshot.interests.find(snapshot.self);
  bool said = known != snapshot.interests.end() && known->second == now;
  if (said || writing_ || !snapshot.hosts.contains(snapshot.self)) return;
  writing_ = true;
  registry::LocalWrite write;
  write.value = std::move(now);
  rooms_.write({std::move(write)}, [this](const Result<void>& written) {
    writing_ = false;
    if (written) return look();  // what changed meanwhile
    if (!std::exchange(refused_, true))
      log::warn("agent", "saying which networks are used: {}", written.error().message);
  });
}

}  // namespace sixpn::agent
