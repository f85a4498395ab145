// SourceMeter: how much each source has asked lately, in a table of fixed size without allocating.
// Virtual scheduling (the generic cell rate algorithm, ITU-T I.371): per source one time until
// which it has used up its rate, so a lookup is one cache line and no bucket is ever refilled.
//
// Pure; one per worker (dns/core/responder.h): a source whose ports spread over several workers has
// the rate once on each. Limits: kWays * sets sources; when all ways of a set are taken, the least
// busy source in it is forgotten and begins anew.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace sixpn::dns {

struct Rate {
  std::uint32_t per_second = 0;  // 0: no limit
  std::uint32_t burst = 0;       // at once
};

// What one source, and all unknown ones together, may ask of one worker over UDP.
struct RateLimits {
  // Machines and peers. Beyond it answers are short; beyond it by a second burst, none.
  Rate known{10'000, 20'000};
  // Whoever is refused anyway: beyond it, silence.
  Rate unknown{5, 20};
  Rate all_unknown{200, 200};
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
    Set& set = sets_[hash >> kTagShift & (sets_.size() - 1)];
    Way* found = &set.front();
    for (Way& way : set) {
      if (way.hash == hash) return meter_.take(way.used_until, now);
      if (way.used_until < found->used_until) found = &way;
    }
    *found = {hash, 0};
    return meter_.take(found->used_until, now);
  }

 private:
  // The low bits choose the client's entry in Responder: take others.
  static constexpr int kTagShift = 24;
  struct Way {
    std::uint64_t hash = 0;
    std::int64_t used_until = 0;
  };
  struct alignas(64) Set : std::array<Way, kWays> {};

  RateMeter meter_;
  std::vector<Set> sets_;
};

}  // namespace sixpn::dns
