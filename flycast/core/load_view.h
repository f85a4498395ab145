// LoadView: what this host believes of the load of machines it balances over, and which of them
// failed lately. Knowledge is its own open connections (exact) plus the last load that an owner put
// on a reply (true then, stale soon). Advisory: it orders choices; the owner decides. Pure; one
// loop.
//
// The rule and its simulation: a report counts all connections of the machine, of which some were
// ours; the estimate moves with ours since. Old reports fade, so that an idle view does not repel
// for ever.
#pragma once

#include <cstdint>
#include <map>

#include "base/time.h"
#include "flycast/core/limits.h"

namespace sixpn::flycast {

class LoadView {
 public:
  // A report is trusted as a gate this long; after it the owner has to be asked again.
  static constexpr Duration kFresh = std::chrono::seconds(2);
  // Then what others hold on the machine, by the report, halves in every such span.
  static constexpr Duration kHalfLife = std::chrono::seconds(5);
  // A machine that failed a connect is tried last for a span that doubles with each failure in a
  // row.
  static constexpr Duration kFirstPenalty = std::chrono::seconds(1);
  static constexpr Duration kMaxPenalty = std::chrono::seconds(30);
  // Bounds both tables; the oldest entry goes.
  static constexpr std::size_t kMaxEntries = 16384;

  // Counts a connection of ours, from its attempt to its end.
  [[nodiscard]] ServiceCounts::Ticket open(const ServiceKey& key);
  // The owner's answer, refusal or not: its load, our connection included when it was admitted.
  void on_report(const ServiceKey& key, std::uint32_t load, Instant now);
  // A connect to the machine failed or timed out; or one succeeded. A refusal by limit is neither.
  void on_failure(MachineId machine, Instant now);
  void on_success(MachineId machine);

  // Connections open on the machine's service, as far as is known; at least our own.
  [[nodiscard]] double estimate(const ServiceKey& key, Instant now) const;
  // Certainly at the limit: by our own count, or by a fresh report. hard_limit 0: never.
  [[nodiscard]] bool at_limit(const ServiceKey& key, std::uint32_t hard_limit, Instant now) const;
  [[nodiscard]] bool failing(MachineId machine, Instant now) const;

 private:
  struct Report {
    std::uint32_t load = 0;
    std::uint32_t own = 0;  // of ours when it was received
    Instant at{};
  };
  struct Failures {
    int in_a_row = 0;
    Instant until{};
  };

  ServiceCounts own_;
  std::map<ServiceKey, Report> reports_;
  std::map<MachineId, Failures> failures_;
};

}  // namespace sixpn::flycast
