// TokenBucket: at most `burst` events at once and one per `interval` in the long run. Kept as one
// time (the generic cell rate algorithm of ITU-T I.371), so that an idle bucket needs no ticking
// and a table of them is small. A plain value; `now` is passed in.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace sixpn {

struct BucketLimit {
  Duration interval{};
  int burst = 1;
};

class TokenBucket {
 public:
  // Whether an event at `now` is within the limit; takes nothing.
  [[nodiscard]] bool allows(const BucketLimit& limit, Instant now) const {
    return std::max(full_at_, now) - now <= limit.interval * (limit.burst - 1);
  }
  // `count` tokens at once: a bucket that allows one event lets a larger one overdraw it.
  void take(const BucketLimit& limit, Instant now, int count = 1) {
    full_at_ = std::max(full_at_, now) + limit.interval * count;
  }
  bool try_take(const BucketLimit& limit, Instant now) {
    bool allowed = allows(limit, now);
    if (allowed) take(limit, now);
    return allowed;
  }
  // A full bucket is as good as a new one: a table may forget it.
  [[nodiscard]] bool is_full(Instant now) const { return full_at_ <= now; }

 private:
  Instant full_at_{};  // when the bucket will have all its tokens again
};

}  // namespace sixpn
