// Suspicion: the timer of a suspected host (Lifeguard, section IV.B: dogpile). It starts long, and
// shrinks logarithmically with every independent confirmation until it is at its least. A value.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>

#include "base/ids.h"
#include "base/time.h"

namespace sixpn::registry {

class Suspicion {
 public:
  // `needed`: how many confirmations, beyond the first accuser, bring the timer to `least`.
  Suspicion(Instant start, HostId accuser, std::size_t needed, Duration least, Duration most)
      : start_(start), needed_(needed), least_(least), most_(most), accusers_{accuser} {}

  // True when this accuser is new and still shortens the timer.
  bool confirm(HostId accuser) {
    if (accusers_.size() > needed_) return false;
    return accusers_.insert(accuser).second;
  }

  [[nodiscard]] bool has_accuser(HostId host) const { return accusers_.contains(host); }
  [[nodiscard]] Instant start() const { return start_; }
  [[nodiscard]] Instant deadline() const { return start_ + delay_ + timeout(); }
  // Time in which this host could not judge does not count.
  void extend(Duration stalled) { delay_ += stalled; }
  void wait_until(Instant when) { delay_ += std::max(Duration::zero(), when - deadline()); }

 private:
  [[nodiscard]] Duration timeout() const {
    if (accusers_.size() > needed_) return least_;
    // In whole thousandths, so that the last bit of a logarithm decides nothing.
    auto share = static_cast<Duration::rep>(1000.0 * std::log(double(accusers_.size())) /
                                            std::log(double(needed_ + 1)));
    return most_ - (most_ - least_) * share / 1000;
  }

  Instant start_;
  std::size_t needed_;
  Duration least_;
  Duration most_;
  Duration delay_{};
  std::set<HostId> accusers_;
};

}  // namespace sixpn::registry
