// Ejection: a machine that fails what is asked of it is left out for a while, and longer each time
// it comes back no better (Envoy's outlier detection is the model). Judged by what this host sees;
// the owner's checks are another matter (MachineRecord::health). A refusal at a limit is no
// failure. How much of a region may be out at once is the balancer's rule. Pure; a plain value.
#pragma once

#include "base/rng.h"
#include "base/time.h"

namespace sixpn::flycast {

class Ejection {
 public:
  static constexpr int kConnectFailures = 3;  // in a row
  static constexpr int kBadReplies = 5;       // resets or 5xx in a row, within kBadReplySpan
  static constexpr Duration kBadReplySpan = std::chrono::seconds(10);
  // The n-th time takes kFirst * 2^(n-1), at most kLongest, each plus or minus a fifth, so that the
  // proxies of a cluster do not come back to it together.
  static constexpr Duration kFirst = std::chrono::seconds(1);
  static constexpr Duration kLongest = std::chrono::seconds(30);
  // Good for this long after its return, it starts from kFirst again.
  static constexpr Duration kForgiven = std::chrono::seconds(30);

  void on_connect_failure(Instant now, Rng& rng);
  void on_bad_reply(Instant now, Rng& rng);
  // It is known not to be there: once is enough.
  void on_silence(Instant now, Rng& rng) { eject(now, rng); }
  void on_success();
  // As if never seen: the machine is a new one, or was started anew.
  void forget() { *this = Ejection(); }

  [[nodiscard]] bool is_out(Instant now) const { return now < until_; }
  [[nodiscard]] Instant until() const { return until_; }

 private:
  void eject(Instant now, Rng& rng);

  int connect_failures_ = 0;
  int bad_replies_ = 0;
  Instant first_bad_reply_{};
  int times_ = 0;
  Instant until_ = Instant::min();
};

}  // namespace sixpn::flycast
