#include "flycast/core/balancer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace sixpn::flycast {
namespace {

using Member = ServicePool::Member;
using Tier = ServicePool::Tier;

enum class Standing { kUsable, kFull, kOut, kBarred };

// Members that may be drawn, by index; more than fit are as good as these.
struct Drawable {
  std::array<std::uint32_t, ServicePool::kMostWhole> index{};
  std::size_t count = 0;
};

bool is_out(const Member& member, Instant now) {
  return member.load->is_out(now) || member.host->is_out(now);
}

// More than half, and not all of it.
bool is_panic(std::size_t out, std::size_t all) {
  return out * 2 > all && out < all;
}

bool ignores_ejection(std::span<const Member> members, const Tier& tier, Instant now) {
  std::size_t out = 0;
  for (std::size_t i = tier.begin; i < tier.preferred; ++i) out += is_out(members[i], now) ? 1 : 0;
  return is_panic(out, tier.preferred - tier.begin);
}

// In seconds. `least_known`: the quickest of its tier by what was measured, for a member that
// nobody measured yet: it is as good until it shows otherwise, or nothing would ever be sent to it.
double latency_of(const Member& member, double least_known, Instant now) {
  const PeakEwma& latency = member.load->latency();
  Duration seed = PeakEwma::kSeed;
  if (!member.home) seed += member.candidate.round_trip.value_or(Duration::zero());
  double expected = latency.expected(seed, now);
  if (latency.raw()) return expected;
  return std::max(std::min(expected, least_known), PeakEwma::seconds(PeakEwma::kFloor));
}

class Chooser {
 public:
  Chooser(const ServicePool& pool, const Bars& bars, Instant now)
      : members_(pool.members()), tiers_(pool.tiers()), bars_(bars), now_(now) {}

  Choice choose(Rng& rng) {
    if (auto pick = best(Standing::kUsable, rng)) return *pick;
    if (auto pick = best(Standing::kFull, rng)) return *pick;
    if (auto pick = best(Standing::kOut, rng)) return *pick;
    return tried_ ? NoPick::kAllExcluded : NoPick::kNoCandidate;
  }

 private:
  // From the nearest tier that has members of that standing.
  std::optional<Pick> best(Standing wanted, Rng& rng) {
    for (std::size_t t = 0; t < tiers_.size(); ++t) {
      const Tier& tier = tiers_[t];
      Drawable drawable;
      collect(tier, wanted, drawable);
      if (drawable.count == 0) continue;
      Pick pick;
      pick.has_other = drawable.count > 1 || is_left(t + 1, wanted);
      pick.known_full = wanted == Standing::kFull;
      if (wanted == Standing::kUsable) keep_here(drawable);
      pick.member = &members_[draw(drawable, rng)];
      return pick;
    }
    return std::nullopt;
  }

  // The preferred ones of that standing; the others where there are none.
  void collect(const Tier& tier, Standing wanted, Drawable& into) {
    bool ignored = false;
    std::size_t out = collect_range(tier, tier.begin, tier.preferred, wanted, ignored, into);
    if (is_panic(out, tier.preferred - tier.begin)) {
      ignored = true;
      into.count = 0;
      collect_range(tier, tier.begin, tier.preferred, wanted, ignored, into);
    }
    if (into.count == 0) collect_range(tier, tier.preferred, tier.end, wanted, ignored, into);
  }

  // How many of them are out, whatever is wanted.
  std::size_t collect_range(const Tier& tier, std::size_t begin, std::size_t end, Standing wanted,
                            bool ignored, Drawable& into) {
    std::size_t out = 0;
    for (std::size_t i = begin; i < end && into.count < into.index.size(); ++i) {
      bool is_it_out = is_out(members_[i], now_);
      out += is_it_out ? 1 : 0;
      if (standing(tier, members_[i], is_it_out && !ignored) == wanted)
        into.index[into.count++] = static_cast<std::uint32_t>(i);
    }
    return out;
  }

  // Whether another tier from `first` on has one of that standing.
  bool is_left(std::size_t first, Standing wanted) {
    for (std::size_t t = first; t < tiers_.size(); ++t) {
      Drawable drawable;
      collect(tiers_[t], wanted, drawable);
      if (drawable.count > 0) return true;
    }
    return false;
  }

  Standing standing(const Tier& tier, const Member& member, bool out) {
    if (bars_) {
      Bar bar = bars_(member.candidate, tier.home);
      tried_ = tried_ || bar == Bar::kTried;
      if (bar != Bar::kNone) return Standing::kBarred;
    }
    if (out) return Standing::kOut;
    return member.load->at_limit(member.candidate.hard_limit, now_) ? Standing::kFull
                                                                    : Standing::kUsable;
  }

  // Only this host's, if one of them is under its soft limit: those are spared the second hop.
  void keep_here(Drawable& drawable) const {
    std::size_t kept = 0;
    for (std::size_t n = 0; n < drawable.count; ++n) {
      const Candidate& candidate = members_[drawable.index[n]].candidate;
      if (!candidate.here) break;  // they stand first
      bool under = candidate.soft_limit == 0 ||
                   members_[drawable.index[n]].load->estimate(now_) < candidate.soft_limit;
      if (under) drawable.index[kept++] = drawable.index[n];
    }
    if (kept > 0) drawable.count = kept;
  }

  std::size_t draw(const Drawable& drawable, Rng& rng) const {
    Field field = look_at(drawable);
    std::size_t first = draw_one(drawable, field, drawable.count, rng);
    if (drawable.count == 1) return drawable.index[first];
    std::size_t second = draw_one(drawable, field, first, rng);
    bool keep = price(drawable.index[first], field) <= price(drawable.index[second], field);
    return drawable.index[keep ? first : second];
  }

  // What choosing one needs to know of all.
  struct Field {
    double least_known = std::numeric_limits<double>::max();  // latency; see latency_of
    std::uint64_t weight = 0;                                 // of all together
    bool equal = true;
  };
  Field look_at(const Drawable& drawable) const {
    Field field;
    std::uint32_t first = weight(drawable, 0);
    for (std::size_t n = 0; n < drawable.count; ++n) {
      field.weight += weight(drawable, n);
      field.equal = field.equal && weight(drawable, n) == first;
      if (auto raw = members_[drawable.index[n]].load->latency().raw())
        field.least_known = std::min(field.least_known, *raw);
    }
    return field;
  }

  // Nothing tells the size of a machine without a limit.
  std::uint32_t weight(const Drawable& drawable, std::size_t n) const {
    return std::max<std::uint32_t>(1, members_[drawable.index[n]].candidate.hard_limit);
  }

  // Any but `without`; by hard limit, where they differ.
  std::size_t draw_one(const Drawable& drawable, const Field& field, std::size_t without,
                       Rng& rng) const {
    bool all = without == drawable.count;
    if (field.equal) {
      auto n = static_cast<std::size_t>(rng.below(drawable.count - (all ? 0 : 1)));
      return n < without ? n : n + 1;
    }
    std::uint64_t at = rng.below(field.weight - (all ? 0 : weight(drawable, without)));
    for (std::size_t n = 0; n < drawable.count; ++n) {
      if (n == without) continue;
      if (at < weight(drawable, n)) return n;
      at -= weight(drawable, n);
    }
    return 0;  // not reached: `at` is below the sum
  }

  double price(std::size_t i, const Field& field) const {
    const Member& member = members_[i];
    return cost(latency_of(member, field.least_known, now_), member.load->estimate(now_),
                member.candidate.soft_limit, start_share(member.joined, now_));
  }

  std::span<const Member> members_;
  std::span<const Tier> tiers_;
  const Bars& bars_;
  Instant now_;
  bool tried_ = false;
};

}  // namespace

std::string_view to_string(NoPick reason) {
  switch (reason) {
    case NoPick::kNoCandidate:
      return "no machine is started and healthy";
    case NoPick::kAllExcluded:
      return "every machine refused or failed";
  }
  return "unknown";
}

double cost(double latency, double load, std::uint32_t soft_limit, double share) {
  double over = soft_limit == 0 ? 0 : load / soft_limit;
  return latency * (load + 1) * (1 + over * over * over * over) / share;
}

double start_share(Instant joined, Instant now) {
  if (joined == Instant::min() || now - joined >= kSlowStart) return 1;
  double grown = PeakEwma::seconds(now - joined) / PeakEwma::seconds(kSlowStart);
  return std::max(kFirstShare, grown);
}

Choice choose(const ServicePool& pool, const Bars& bars, Instant now, Rng& rng) {
  return Chooser(pool, bars, now).choose(rng);
}

std::vector<Judged> judge(const ServicePool& pool, Instant now) {
  std::vector<Judged> judged;
  auto members = pool.members();
  for (const Tier& tier : pool.tiers()) {
    bool ignored = ignores_ejection(members, tier, now);
    double least_known = std::numeric_limits<double>::max();
    for (std::size_t i = tier.begin; i < tier.end; ++i)
      if (auto raw = members[i].load->latency().raw()) least_known = std::min(least_known, *raw);
    for (std::size_t i = tier.begin; i < tier.end; ++i) {
      const Member& member = members[i];
      Judged one;
      one.member = &member;
      one.full = member.load->at_limit(member.candidate.hard_limit, now);
      one.out = is_out(member, now);
      one.out_ignored = one.out && ignored;
      one.preferred = i < tier.preferred;
      one.load = member.load->estimate(now);
      one.latency = latency_of(member, least_known, now);
      one.share = start_share(member.joined, now);
      one.cost = cost(one.latency, one.load, member.candidate.soft_limit, one.share);
      judged.push_back(one);
    }
  }
  return judged;
}

}  // namespace sixpn::flycast
