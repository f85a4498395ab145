#include "agent/start_gate.h"

#include <algorithm>
#include <utility>

#include "base/io/clock.h"

namespace sixpn::agent {

void StartGate::announce(MachineRecord record, std::function<void(Result<void>)> done) {
  NetworkId network = record.network;
  bool answered = is_answered_here(*rooms_.registry->snapshot(), network);
  registry::LocalWrite write;
  write.value = std::move(record);
  if (answered) return rooms_.write({std::move(write)}, std::move(done));
  rooms_.write({std::move(write)}, [this, network, done](const Result<void>& written) {
    if (!written) return done(written);
    waits_.add(network, monotonic_now() + kHoldPatience, [done] { done({}); });
    look();
  });
}

void StartGate::look() {
  if (rooms_.registry) on_snapshot(rooms_.registry->snapshot());
}

// The resolver has it already.
void StartGate::on_snapshot(const SnapshotPtr& snapshot) {
  for (auto& done : waits_.take_over(*snapshot, monotonic_now()))
    rooms_.control.post(std::move(done));
  if (auto next = waits_.next())
    timer_.arm_after(std::max(*next - monotonic_now(), Duration::zero()));
}

}  // namespace sixpn::agent
