// SourceMeter: how much each source has asked lately, in a table of fixed size without allocating.
// Virtual scheduling (the generic cell rate algorithm, ITU-T I.371): per source one time until
// which it has used up its rate, so a lookup is one cache line and no bucket is ever refilled.
//
// A query is taken before it is answered; what its answer cost beyond that (answer_cost.h) is
// charged afterwards, so a source may be beyond its rate by the dearest single answer, and no more.
//
// Pure; one per worker (dns/core/responder.h): a source whose ports spread over several workers has
// the rate once on each. Limits: kWays * sets sources; when all ways of a set are taken, the least
// busy source in it is forgotten and begins anew.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace sixpn::dns {

struct Rate {
  std::uint32_t per_second = 0;  // 0: no limit
  std::uint32_t burst = 0;       // at once
};

// What one source, and all unknown ones together, may ask of one worker, over UDP but for `stream`.
struct RateLimits {
  // Machines and peers. Beyond it answers are short; beyond it by a second burst, none.
  Rate known{10'000, 20'000};
  // Whoever is refused anyway: beyond it, silence.
  Rate unknown{5, 20};
  Rate all_unknown{200, 200};
  // Over TCP, all connections of one source together. Beyond it each is answered, and its stream
  // not read for as long as the source is ahead of its rate.
  Rate stream{20'000, 2'000};
};

enum class Allowance {
  kWithin,
  kOver,     // by less than a burst
  kFarOver,  // does not count against the source any more
};

// One rate and what is used of it.
class RateMeter {
 public:
  explicit RateMeter(const Rate& rate);
  // `used_until` is the source's; times in nanoseconds since any fixed moment.
  [[nodiscard]] Allowance take(std::int64_t& used_until, std::int64_t now) const {
    std::int64_t from = used_until > now ? used_until : now;
    std::int64_t ahead = from - now;
    if (ahead >= 2 * burst_) return burst_ == 0 ? Allowance::kWithin : Allowance::kFarOver;
    used_until = from + interval_;
    return ahead < burst_ ? Allowance::kWithin : Allowance::kOver;
  }

  // `queries` that were answered already. By how long the source is beyond its burst then: at most
  // by a second burst.
  std::int64_t charge(std::int64_t& used_until, std::int64_t now, std::uint32_t queries) const {
    if (burst_ == 0) return 0;
    std::int64_t from = std::max(used_until, now);
    used_until = std::max(from, std::min(from + interval_ * queries, now + 2 * burst_));
    return std::clamp<std::int64_t>(used_until - now - burst_, 0, burst_);
  }

 private:
  std::int64_t interval_ = 0;
  std::int64_t burst_ = 0;  // as time; 0: no limit
};

class SourceMeter {
 public:
  static constexpr std::size_t kWays = 4;

  // `sets`: a power of two.
  SourceMeter(const Rate& rate, std::size_t sets) : meter_(rate), sets_(sets) {}

  // `hash` stands for the source: well mixed, by a secret.
  Allowance take(std::uint64_t hash, std::int64_t now) {
    return meter_.take(used_until(hash), now);
  }
  // As RateMeter::charge().
  std::int64_t charge(std::uint64_t hash, std::int64_t now, std::uint32_t queries) {
    return meter_.charge(used_until(hash), now, queries);
  }

 private:
  // The low bits choose the client's entry in Responder: take others.
  static constexpr int kTagShift = 24;
  struct Way {
    std::uint64_t hash = 0;
    std::int64_t used_until = 0;
  };
  struct alignas(64) Set : std::array<Way, kWays> {};

  std::int64_t& used_until(std::uint64_t hash) {
    Set& set = sets_[hash >> kTagShift & (sets_.size() - 1)];
    Way* found = &set.front();
    for (Way& way : set) {
      if (way.hash == hash) return way.used_until;
      if (way.used_until < found->used_until) found = &way;
    }
    *found = {hash, 0};
    return found->used_until;
  }

  RateMeter meter_;
  std::vector<Set> sets_;
};

}  // namespace sixpn::dns
