#include "flycast/core/ejection.h"

#include <algorithm>

namespace sixpn::flycast {

void Ejection::on_connect_failure(Instant now, Rng& rng) {
  if (++connect_failures_ >= kConnectFailures) eject(now, rng);
}

void Ejection::on_bad_reply(Instant now, Rng& rng) {
  if (bad_replies_ == 0 || now - first_bad_reply_ > kBadReplySpan) {
    bad_replies_ = 0;
    first_bad_reply_ = now;
  }
  if (++bad_replies_ >= kBadReplies) eject(now, rng);
}

void Ejection::on_success() {
  connect_failures_ = 0;
  bad_replies_ = 0;
}

void Ejection::eject(Instant now, Rng& rng) {
  if (is_out(now)) return;  // answers to what was asked before
  bool forgiven = times_ > 0 && now - until_ > kForgiven;
  if (forgiven) times_ = 0;
  Duration span = std::min(kLongest, kFirst * (1 << std::min(times_, 5)));
  ++times_;
  auto fifth = static_cast<std::uint64_t>(span.count()) / 5;
  auto jitter =
      static_cast<Duration::rep>(rng.below(2 * fifth + 1)) - static_cast<Duration::rep>(fifth);
  until_ = now + span + Duration(jitter);
  // The first failure after its return ejects again: that is what it came back to show.
  connect_failures_ = kConnectFailures - 1;
  bad_replies_ = 0;
}

}  // namespace sixpn::flycast
