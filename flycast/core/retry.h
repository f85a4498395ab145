// Retry: the attempts of one client's connection or request, before any of its bytes is spent. A
// round asks at most three machines of the own region and two elsewhere, each once; then it pauses
// and admits all again. What is full fails fast: five attempts, two seconds, because waiting
// clients are load that nobody serves. What is absent is waited for, up to the deadline: an app
// that starts or is started anew costs its clients a pause, not an error. Also how long one attempt
// may take. Pure: time and randomness are passed in; one object per connection.
#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "flycast/core/options.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

// How an attempt ended, or why there was none.
enum class Trouble {
  kFull,    // refused at a hard limit
  kAbsent,  // anything else: not there, not reachable, not ready
};

class Retry {
 public:
  Retry(const RetryOptions& options, Instant now);

  // Whether one more attempt may begin; counts it. `home`: in the own region.
  bool begin_attempt(bool home, Instant now);
  // How it ended, or why none began.
  void on_trouble(Trouble trouble, Instant now);
  // Not again in this round.
  void exclude(MachineId machine) { machines_.push_back(machine); }
  // Nor any other machine of this host: its proxy does not answer.
  void exclude(HostId host) { hosts_.push_back(host); }
  [[nodiscard]] bool is_excluded(const Candidate& candidate, bool home) const;
  // Nothing has been tried in this round: nothing is excluded.
  [[nodiscard]] bool is_fresh() const {
    return machines_.empty() && hosts_.empty() && in_region_ == 0 && outside_ == 0;
  }

  // Nothing is left to try: how long to wait before the next round, which admits all again. Nothing
  // when the limits are reached: the client is refused.
  std::optional<Duration> next_round(Instant now, Rng& rng);

  // From the start of an attempt to its end, never past the deadline. While another machine could
  // be asked, a silent one is given up early. A machine elsewhere gets four round trips on top, and
  // one that may let us wait for a place, that wait.
  [[nodiscard]] Duration attempt_timeout(const Candidate& candidate, bool has_other,
                                         Instant now) const;

  // How much of it the machine's own host may take for connecting, so that its refusal is here in
  // time.
  [[nodiscard]] Duration connect_limit(bool has_other) const;

  // Whether its owner may let us wait for a place: nobody else could be asked, and the answer comes
  // before the deadline either way.
  [[nodiscard]] bool may_wait(const Candidate& candidate, bool has_other, Instant now) const;

  // The same for a machine that has to be started: all the time that is left.
  [[nodiscard]] Duration wake_timeout(Instant now) const;

  [[nodiscard]] int attempts() const { return attempts_; }

 private:
  [[nodiscard]] Duration patience(const Candidate& candidate, bool has_other) const;
  [[nodiscard]] bool is_over(Instant now) const;

  RetryOptions options_;
  Instant start_;
  Duration pause_;
  int attempts_ = 0;
  int full_attempts_ = 0;
  Instant first_full_{};
  Trouble trouble_ = Trouble::kAbsent;
  // Of this round.
  int in_region_ = 0;
  int outside_ = 0;
  std::vector<MachineId> machines_;
  std::vector<HostId> hosts_;
};

}  // namespace sixpn::flycast
