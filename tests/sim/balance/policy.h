// Policies: how a proxy of the simulated cluster chooses a machine. Ours is flycast/core itself;
// the others are what it is held against. One object chooses for all proxies; each call says for
// which.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "flycast/core/balancer.h"
#include "flycast/core/load_report.h"
#include "flycast/core/retry.h"

namespace sixpn::sim {

enum class PolicyKind {
  kRandom,       // any machine of the region; the next region once those are tried
  kLeastLoaded,  // the least loaded of the region by gossip
  kBuckets,      // Fly's documented rule: under soft, under hard, full, by gossip
  kOurs,
};
inline constexpr PolicyKind kEveryPolicy[] = {PolicyKind::kRandom, PolicyKind::kLeastLoaded,
                                              PolicyKind::kBuckets, PolicyKind::kOurs};
std::string_view to_string(PolicyKind kind);

// What a proxy may know, besides what it learns from answers: its candidates, and gossip.
struct Vista {
  std::vector<std::vector<flycast::Candidate>> candidates;  // of each proxy; [n] is machine n
  std::vector<std::string> regions;                         // of each proxy
  std::vector<std::uint32_t> gossip;  // load of each machine, as gossiped last
};

class Policy {
 public:
  struct Choice {
    unsigned machine = 0;
    bool has_other = true;  // it need not wait there
    flycast::LoadView::Ticket ticket;
  };

  virtual ~Policy() = default;
  virtual std::optional<Choice> pick(unsigned proxy, const flycast::Retry& retry, Instant now) = 0;
  // The owner's answer, refusal or not.
  virtual void on_report(unsigned, unsigned, const flycast::LoadReport&, Instant) {}
  virtual void on_response(unsigned, unsigned, Duration, Instant) {}
  virtual void on_failure(unsigned, unsigned, Instant) {}
};

// `vista` must outlive it.
std::unique_ptr<Policy> make_policy(PolicyKind kind, const Vista& vista, std::uint64_t seed);

}  // namespace sixpn::sim
