// CheckBoard: the checks of all machines of this host: when each runs next, how it stands, and what
// changed. Runs come out (take_due), verdicts go in (on_verdict); it opens no socket
// (machine/io/check_probe.h does) and knows no registry. Pure: time and randomness are passed in.
// Machine loop.
//
// A check of a machine that starts is a warning until its first pass, so that nothing is routed to
// it before, and critical when that takes longer than kStartAllowance. It is tried at once, then
// 10 ms later, doubling to 1 s: a machine enters rotation when it can serve, not an interval later.
// In the grace period a run that fails is no verdict. After a failure it is tried again after 1 s,
// doubling to its interval; else every interval, 10 % jitter. Of a machine that runs already (a new
// agent, a new check) the first run comes within a second, and until then the check is unknown,
// which routes. One run decides, as at Fly; a failing check never stops a machine. What this agent
// cannot run stays unknown, and says so.
//
// Limits: max_in_flight runs at a time (due ones wait, longest due first), kMaxChecksPerMachine
// checks per machine. Cost: O(log checks) per run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "machine/core/check_plan.h"
#include "registry/core/record.h"

namespace sixpn::machine {

inline constexpr std::size_t kMaxChecksInFlight = 64;
inline constexpr Duration kFirstRetry = std::chrono::milliseconds(10);  // of one that starts
inline constexpr Duration kFailureRetry = std::chrono::seconds(1);      // of one that failed
// For the first pass after a start: as long as a connection waits for a machine that it woke.
inline constexpr Duration kStartAllowance = std::chrono::seconds(30);
// The first runs of checks that a new agent takes over are spread over this.
inline constexpr Duration kTakeOverSpread = std::chrono::seconds(1);
inline constexpr std::size_t kMaxCheckOutput = 512;  // bytes of one line

// How a machine comes to be checked.
enum class CheckBegin : std::uint8_t {
  kStarting,  // its process begins: not routed to before its checks pass
  kRunning,   // it was there before this agent, or before the check
};

struct CheckRun {
  std::uint64_t number = 0;  // names the run in on_verdict
  MachineId machine;
  PlannedCheck planned;
};

struct Verdict {
  bool passed = false;
  std::string output;  // any bytes; cut and cleaned here
};

// A check as it stands. `changed` is of the status, `output` of the last run that was a verdict.
struct CheckResult {
  std::string name;
  std::uint16_t port = 0;
  CheckScope scope = CheckScope::kService;
  Health status = Health::kUnknown;
  WallTime changed{};
  std::string output;
  friend bool operator==(const CheckResult&, const CheckResult&) = default;
};

class CheckBoard {
 public:
  explicit CheckBoard(std::uint64_t seed, std::size_t max_in_flight = kMaxChecksInFlight)
      : rng_(seed), max_in_flight_(max_in_flight) {}

  // What runs against a machine from now on. Checks that stay as they were keep their standing; new
  // ones begin as `begin` says. Whether it is another plan: then verdicts of runs in flight come
  // too late.
  bool set(MachineId machine, const std::vector<PlannedCheck>& checks, CheckBegin begin, Now now);
  // It runs no more. Verdicts of its runs come too late.
  void remove(MachineId machine);

  // The runs to begin now; each is answered by on_verdict, however it ends.
  std::vector<CheckRun> take_due(Instant now);
  // When take_due has something next; kNever while all places are taken.
  [[nodiscard]] Instant next_due() const;
  // The machine, when a status of its checks changed.
  std::optional<MachineId> on_verdict(std::uint64_t run, const Verdict& verdict, Now now);

  // In the plan's order; empty for a machine without checks.
  [[nodiscard]] std::vector<CheckResult> results(MachineId machine) const;
  [[nodiscard]] std::size_t in_flight() const { return runs_.size(); }

 private:
  struct Check {
    PlannedCheck planned;
    CheckResult result;
    Instant due = kNever;   // kNever while it runs
    bool waits = false;     // for its first pass since the machine started
    Instant grace_end{};    // while it waits
    Instant late{};         // while it waits: critical from then on
    Duration retry{};       // after the next failure
    Instant began{};        // the run in flight
    std::uint64_t run = 0;  // its number; 0: none
  };
  using Checks = std::vector<Check>;
  using Key = std::pair<MachineId, std::size_t>;

  void schedule(const Key& key, Check& check, Instant due);
  void forget_all(MachineId machine, Checks& checks);
  Check begin_check(const PlannedCheck& planned, CheckBegin begin, Now now);
  Instant next_run(Check& check, bool passed, Instant now);
  Duration jittered(Duration pause);

  Rng rng_;
  std::size_t max_in_flight_;
  std::uint64_t last_run_ = 0;
  std::map<MachineId, Checks> machines_;
  std::set<std::pair<Instant, Key>> due_;
  std::map<std::uint64_t, Key> runs_;
};

// One line of text of at most `most` bytes: control characters and what is no UTF-8 become blanks
// or '?', the rest is cut with "...".
std::string one_line(std::string_view raw, std::size_t most);

}  // namespace sixpn::machine
