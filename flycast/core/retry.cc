#include "flycast/core/retry.h"

#include <algorithm>

namespace sixpn::flycast {
namespace {

// Stands in for a round trip that was never measured: the far side of the world.
constexpr Duration kUnmeasuredRoundTrip = std::chrono::milliseconds(300);
constexpr Duration kHopAllowance = std::chrono::milliseconds(500);

}  // namespace

Retry::Retry(const RetryOptions& options, Instant now)
    : options_(options),
      deadline_(now + options.deadline),
      backoff_(options.first_backoff, options.max_backoff) {}

bool Retry::begin_attempt(Instant now) {
  if (attempts_ >= options_.max_attempts || now >= deadline_) return false;
  ++attempts_;
  return true;
}

bool Retry::is_excluded(const Candidate& candidate) const {
  return machines_.contains(candidate.machine) || hosts_.contains(candidate.host);
}

std::optional<Duration> Retry::next_round(Instant now, Rng& rng) {
  if (attempts_ >= options_.max_attempts || now >= deadline_) return std::nullopt;
  machines_.clear();
  hosts_.clear();
  return std::min(backoff_.next(rng), deadline_ - now);
}

Duration Retry::attempt_timeout(const Candidate& candidate, Instant now) const {
  Duration timeout = options_.connect_timeout;
  if (!candidate.here)
    timeout += 4 * candidate.round_trip.value_or(kUnmeasuredRoundTrip) + kHopAllowance;
  return std::clamp(deadline_ - now, Duration::zero(), timeout);
}

Duration Retry::wake_timeout(Instant now) const {
  return std::max(deadline_ - now, Duration::zero());
}

}  // namespace sixpn::flycast
