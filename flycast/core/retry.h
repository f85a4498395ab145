// Retry: the attempts of one client's connection, before any of its bytes is spent. A round tries
// each machine at most once; when all are used up, they are admitted again after a backoff, until
// the number of attempts or the deadline is reached. Also how long one attempt may take. Pure: time
// and randomness are passed in; one object per connection.
#pragma once

#include <optional>
#include <set>

#include "base/backoff.h"
#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "flycast/core/options.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

class Retry {
 public:
  Retry(const RetryOptions& options, Instant now);

  // Whether one more attempt may begin; counts it.
  bool begin_attempt(Instant now);
  // Not again in this round.
  void exclude(MachineId machine) { machines_.insert(machine); }
  // Nor any other machine of this host: its proxy does not answer.
  void exclude(HostId host) { hosts_.insert(host); }
  [[nodiscard]] bool is_excluded(const Candidate& candidate) const;

  // Nothing is left to try: how long to wait before the next round, which admits all again. Nothing
  // when the limits are reached: reset the client.
  std::optional<Duration> next_round(Instant now, Rng& rng);

  // From the start of an attempt to its end, never past the deadline. A machine elsewhere gets four
  // round trips and half a second to reach its host's proxy, besides that proxy's own attempt.
  [[nodiscard]] Duration attempt_timeout(const Candidate& candidate, Instant now) const;

  // The same for a machine that has to be started: all the time that is left.
  [[nodiscard]] Duration wake_timeout(Instant now) const;

  [[nodiscard]] int attempts() const { return attempts_; }

 private:
  RetryOptions options_;
  Instant deadline_;
  Backoff backoff_;
  int attempts_ = 0;
  std::set<MachineId> machines_;
  std::set<HostId> hosts_;
};

}  // namespace sixpn::flycast
