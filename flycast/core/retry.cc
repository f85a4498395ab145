#include "flycast/core/retry.h"

#include <algorithm>

#include "flycast/core/admission_queue.h"

namespace sixpn::flycast {
namespace {

// Stands in for a round trip that was never measured: the far side of the world.
constexpr Duration kUnmeasuredRoundTrip = std::chrono::milliseconds(300);
constexpr Duration kHopAllowance = std::chrono::milliseconds(500);
// Pauses between rounds are uniform in the upper half of their ceiling: never nothing.
constexpr Duration kFirstPause = std::chrono::milliseconds(40);

template <class Id>
bool holds(const std::vector<Id>& ids, Id id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

Retry::Retry(const RetryOptions& options, Instant now)
    : options_(options), start_(now), pause_(kFirstPause) {}

bool Retry::is_over(Instant now) const {
  if (attempts_ >= options_.max_attempts || now - start_ >= options_.deadline) return true;
  if (full_attempts_ >= options_.max_full_attempts) return true;
  return trouble_ == Trouble::kFull && now - first_full_ >= options_.full_deadline;
}

bool Retry::begin_attempt(bool home, Instant now) {
  if (is_over(now)) return false;
  ++attempts_;
  ++(home ? in_region_ : outside_);
  return true;
}

void Retry::on_trouble(Trouble trouble, Instant now) {
  trouble_ = trouble;
  if (trouble == Trouble::kFull && ++full_attempts_ == 1) first_full_ = now;
}

bool Retry::is_excluded(const Candidate& candidate, bool home) const {
  bool enough = home ? in_region_ >= options_.max_in_region : outside_ >= options_.max_outside;
  return enough || holds(machines_, candidate.machine) || holds(hosts_, candidate.host);
}

std::optional<Duration> Retry::next_round(Instant now, Rng& rng) {
  if (is_over(now)) return std::nullopt;
  machines_.clear();
  hosts_.clear();
  in_region_ = outside_ = 0;
  auto half = static_cast<std::uint64_t>(pause_.count()) / 2;
  Duration wait(static_cast<Duration::rep>(half + rng.below(half + 1)));
  if (trouble_ == Trouble::kAbsent) pause_ = std::min(pause_ * 2, options_.max_pause);
  return std::min(wait, start_ + options_.deadline - now);
}

Duration Retry::patience(const Candidate& candidate, bool has_other) const {
  Duration timeout = options_.connect_timeout;
  if (has_other) timeout = std::min(timeout, options_.early_timeout);
  if (!candidate.here) {
    timeout += 4 * candidate.round_trip.value_or(kUnmeasuredRoundTrip);
    if (!has_other) timeout += kHopAllowance;
  }
  if (!has_other && candidate.hard_limit != 0) timeout += AdmissionQueue::kLongestWait;
  return timeout;
}

Duration Retry::connect_limit(bool has_other) const {
  Duration limit = options_.connect_timeout;
  if (has_other) limit = std::min(limit, options_.early_timeout);
  return limit / 4 * 3;
}

Duration Retry::attempt_timeout(const Candidate& candidate, bool has_other, Instant now) const {
  return std::clamp(start_ + options_.deadline - now, Duration::zero(),
                    patience(candidate, has_other));
}

bool Retry::may_wait(const Candidate& candidate, bool has_other, Instant now) const {
  return !has_other && candidate.hard_limit != 0 &&
         patience(candidate, has_other) <= start_ + options_.deadline - now;
}

Duration Retry::wake_timeout(Instant now) const {
  return std::max(start_ + options_.deadline - now, Duration::zero());
}

}  // namespace sixpn::flycast
