// RetryBudget: how many requests of a service may be sent a second time after bytes of them reached
// the app: a fifth of what is asked, and ten a second so that quiet services may retry at all.
// Without it, an app that fails under load gets twice the load (Finagle's RetryBudget is the
// model). Refusals at admission cost the app nothing and take nothing from it. Pure; one thread at
// a time; one per service.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace sixpn::flycast {

class RetryBudget {
 public:
  static constexpr std::int64_t kPerRequest = 200;  // thousandths of a retry
  static constexpr std::int64_t kPerSecond = 10;    // retries
  static constexpr std::int64_t kMost = 100;        // what a quiet time can save up

  void on_request(Instant now) {
    refill(now);
    thousandths_ = std::min(kMost * 1000, thousandths_ + kPerRequest);
  }
  // Whether one more retry may be made; takes it.
  bool take(Instant now) {
    refill(now);
    if (thousandths_ < 1000) {
      ++refused_;
      return false;
    }
    thousandths_ -= 1000;
    return true;
  }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  void refill(Instant now) {
    if (!at_) at_ = now;
    // In whole steps of a thousandth, so that nothing is lost between calls.
    constexpr Duration kStep = Duration(std::chrono::seconds(1)) / (kPerSecond * 1000);
    auto steps = std::max<Duration::rep>(0, (now - *at_) / kStep);
    thousandths_ = std::min<std::int64_t>(kMost * 1000, thousandths_ + steps);
    *at_ += steps * kStep;
  }

  std::int64_t thousandths_ = kPerSecond * 1000;
  std::optional<Instant> at_;
  std::uint64_t refused_ = 0;
};

}  // namespace sixpn::flycast
