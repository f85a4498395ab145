#include "tests/sim/balance/policy.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace sixpn::sim {
namespace {

using flycast::Candidate;
using flycast::Retry;

constexpr std::uint16_t kPort = 8080;

// Rivals: the nearest region that has an eligible machine, in it the best rank, among equals any.
// They exclude what a request has tried, as ours does.
class RankPolicy : public Policy {
 public:
  RankPolicy(PolicyKind kind, const Vista& vista, std::uint64_t seed)
      : kind_(kind), vista_(vista), rng_(seed) {}

  std::optional<Choice> pick(unsigned proxy, const Retry& retry, Instant /*now*/) override {
    const auto& candidates = vista_.candidates[proxy];
    std::vector<unsigned> best;
    std::optional<std::pair<Duration, std::uint32_t>> best_rank;
    for (unsigned n = 0; n < candidates.size(); ++n) {
      const Candidate& candidate = candidates[n];
      bool home = candidate.region == vista_.regions[proxy];
      if (retry.is_excluded(candidate, home)) continue;
      auto rank = std::make_pair(*candidate.round_trip, rank_of(n, candidate));
      // Full by gossip: only when all are, which the rank of every region says.
      if (rank.second == kFull) rank.first = Duration::max();
      if (!best_rank || rank < *best_rank) {
        best.clear();
        best_rank = rank;
      }
      if (rank == *best_rank) best.push_back(n);
    }
    if (best.empty()) return std::nullopt;
    return Choice{best[static_cast<std::size_t>(rng_.below(best.size()))], true, {}};
  }

 private:
  static constexpr std::uint32_t kFull = 1'000'000;

  std::uint32_t rank_of(unsigned machine, const Candidate& candidate) const {
    if (kind_ == PolicyKind::kRandom) return 0;
    std::uint32_t load = vista_.gossip[machine];
    if (load >= candidate.hard_limit) return kFull;
    if (kind_ == PolicyKind::kLeastLoaded) return load;
    return load < candidate.soft_limit ? 0 : 1;
  }

  PolicyKind kind_;
  const Vista& vista_;
  Rng rng_;
};

// flycast/core, wired as flycast/io/dialer.cc does.
class OurPolicy : public Policy {
 public:
  OurPolicy(const Vista& vista, std::uint64_t seed)
      : rng_(seed), proxies_(vista.candidates.size()) {
    for (unsigned proxy = 0; proxy < proxies_.size(); ++proxy)
      proxies_[proxy].pool.assign(vista.candidates[proxy],
                                  {HostId{0x100000 + proxy}, vista.regions[proxy]}, kPort,
                                  proxies_[proxy].loads, Instant{});
  }

  std::optional<Choice> pick(unsigned proxy, const Retry& retry, Instant now) override {
    Proxy& chooser = proxies_[proxy];
    flycast::Bars bars;
    if (!retry.is_fresh())
      bars = [&retry](const Candidate& candidate, bool home) {
        return retry.is_excluded(candidate, home) ? flycast::Bar::kTried : flycast::Bar::kNone;
      };
    auto choice = flycast::choose(chooser.pool, bars, now, rng_);
    const auto* pick = std::get_if<flycast::Pick>(&choice);
    if (pick == nullptr) return std::nullopt;
    auto machine = static_cast<unsigned>(pick->member->candidate.machine.value);
    return Choice{machine, pick->has_other, flycast::LoadView::open(pick->member->load)};
  }

  void on_report(unsigned proxy, unsigned machine, const flycast::LoadReport& report,
                 Instant now) override {
    load(proxy, machine, now)->on_report(report, now);
  }
  void on_response(unsigned proxy, unsigned machine, Duration took, Instant now) override {
    load(proxy, machine, now)->on_success(took, now);
  }
  void on_failure(unsigned proxy, unsigned machine, Instant now) override {
    load(proxy, machine, now)->on_connect_failure(now, rng_);
  }

 private:
  struct Proxy {
    flycast::LoadView loads;
    flycast::ServicePool pool;
  };
  flycast::LoadView::Entry load(unsigned proxy, unsigned machine, Instant now) {
    return proxies_[proxy].loads.entry({MachineId{machine}, kPort}, now);
  }

  Rng rng_;
  std::vector<Proxy> proxies_;
};

}  // namespace

std::string_view to_string(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kRandom:
      return "random in the region";
    case PolicyKind::kLeastLoaded:
      return "least loaded by gossip";
    case PolicyKind::kBuckets:
      return "three buckets (Fly's text)";
    case PolicyKind::kOurs:
      return "ours";
  }
  return "unknown";
}

std::unique_ptr<Policy> make_policy(PolicyKind kind, const Vista& vista, std::uint64_t seed) {
  if (kind == PolicyKind::kOurs) return std::make_unique<OurPolicy>(vista, seed);
  return std::make_unique<RankPolicy>(kind, vista, seed);
}

}  // namespace sixpn::sim
