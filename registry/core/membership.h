// Membership: which hosts are alive, by SWIM (Das et al., 2002) with Lifeguard (Dadgar et al.,
// 2018): round-robin probes, indirect probes through others, suspicion that confirmations shorten,
// refutation by incarnation, local health, and a guard that lets a stalled or cut-off host accuse
// nobody. decisions/0011 gives the timing and what it costs.
//
// A pure state machine: every event method takes `now` and appends to an output. It knows hosts by
// id only; Gossip puts its messages on the wire and adds a member for each host record. Control
// loop only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "registry/core/counters.h"
#include "registry/core/round_trip.h"
#include "registry/core/snapshot.h"
#include "registry/core/suspicion.h"

namespace sixpn::registry {

// A probe cycle; a healthy host asks kProbesPerInterval hosts in it, evenly spaced.
inline constexpr Duration kProbeInterval = std::chrono::seconds(1);
inline constexpr std::size_t kProbesPerInterval = 3;
inline constexpr Duration kDirectTimeoutLeast = std::chrono::milliseconds(250);
inline constexpr Duration kDirectTimeoutMost = std::chrono::milliseconds(500);
inline constexpr std::size_t kIndirectProbes = 3;
inline constexpr Duration kNackAfter =
    std::chrono::milliseconds(300);  // a relay's "no answer yet, but I am here"
// Timer of a suspicion with all confirmations and with none, for up to 10 hosts; grows with log10.
inline constexpr Duration kSuspicionLeast = std::chrono::seconds(2);
inline constexpr Duration kSuspicionMost = std::chrono::seconds(6);
inline constexpr std::size_t kConfirmations = 3;
// A newly suspected host is probed at once by this many others.
inline constexpr std::size_t kConfirmers = 8;
// Judgement waits this long when many fall at once, or nobody at all is heard.
inline constexpr Duration kPatience = std::chrono::seconds(15);
inline constexpr std::size_t kMassFailure = 3;  // suspected at once, and more than a sixth of all
inline constexpr Duration kStall =
    std::chrono::milliseconds(200);     // a timer this late: the loop did not run
inline constexpr int kWorstHealth = 8;  // Lifeguard's local health multiplier, 0..8
inline constexpr Duration kDeadProbeInterval = std::chrono::seconds(2);
inline constexpr Duration kRoundTripReport = std::chrono::seconds(5);
inline constexpr std::size_t kMaxProbes = 64;
inline constexpr std::size_t kMaxRelays = 256;

// What one host claims about another.
struct MemberUpdate {
  HostId host;
  HostStatus status = HostStatus::kAlive;
  std::uint64_t incarnation = 0;
  HostId accuser;  // of a suspicion
  friend bool operator==(const MemberUpdate&, const MemberUpdate&) = default;
};

struct ProbeMessage {
  enum class Kind : std::uint8_t { kPing = 1, kAck, kPingRequest, kNack };
  Kind kind{};
  HostId to;
  std::uint64_t sequence = 0;
  HostId target;  // ping request: whom to ask; ack: who answered
};

class Membership {
 public:
  struct Output {
    std::vector<ProbeMessage> messages;
    std::vector<MemberUpdate> news;  // to spread
    bool changed = false;            // a status, or a round trip worth telling
  };

  // `incarnation` is greater than any this host has used before.
  Membership(HostId self, std::uint64_t incarnation, Rng& rng);

  void start(Instant now);
  void add(Instant now, HostId host);  // a no-op when known
  void remove(HostId host);
  // Says goodbye; from here on nothing is probed.
  void leave(Output& out);

  // Every datagram of a member proves that it lives, with the incarnation in its header.
  void on_heard(Instant now, HostId from, std::uint64_t incarnation, Output& out);
  void on_message(Instant now, HostId from, const ProbeMessage& message, Output& out);
  void on_update(Instant now, const MemberUpdate& update, Output& out);
  void on_timer(Instant now, Output& out);
  [[nodiscard]] Instant next_wake() const;
  // next_wake(), remembered as the promise that the stall guard checks. Call it after every event.
  Instant rearm();

  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] std::optional<HostStatus> status(HostId host) const;
  [[nodiscard]] std::optional<Duration> round_trip(HostId host) const;
  // What `host` should hear about itself, so that it can refute (Lifeguard's buddy system).
  [[nodiscard]] std::optional<MemberUpdate> verdict_on(HostId host) const;
  // Others believed to live (alive or suspected), in id order.
  [[nodiscard]] std::vector<HostId> living() const;
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] int health() const { return health_; }
  [[nodiscard]] bool left() const { return left_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] bool check_invariants() const;

 private:
  struct Member {
    HostStatus status = HostStatus::kAlive;
    std::uint64_t incarnation = 0;
    Instant heard{};
    RoundTrip round_trip;
    std::optional<Duration> reported;  // round trip when it was last told
    std::optional<Suspicion> suspicion;
  };
  enum class Purpose : std::uint8_t { kRound, kConfirm, kDead };
  struct Probe {
    HostId target;
    Purpose purpose{};
    Instant sent;
    Instant ask_others;  // kNever once done
    Instant deadline;
    bool repeated = false;
    std::size_t nacks_expected = 0;
    std::size_t nacks = 0;
  };
  struct Relay {
    HostId requester;
    std::uint64_t sequence = 0;
    HostId target;
    Instant nack_at;  // kNever once sent
    Instant expires;
  };

  // membership.cc: what is believed
  void believe(HostId host, Member& member, HostStatus status, std::uint64_t incarnation,
               Output& out);
  void on_claim_about_self(const MemberUpdate& update, Output& out);
  void on_suspect(Instant now, Member& member, const MemberUpdate& update, Output& out);
  void on_down(Instant now, Member& member, const MemberUpdate& update, Output& out);
  void check_suspicions(Instant now, Output& out);
  void report_round_trips(Instant now, Output& out);
  [[nodiscard]] bool must_wait(Instant now, const Member& member) const;
  [[nodiscard]] bool is_confirmer(HostId suspect) const;
  [[nodiscard]] Suspicion make_suspicion(Instant now, HostId accuser) const;
  [[nodiscard]] std::size_t count(HostStatus status) const;

  // membership_probes.cc: who is asked
  void on_ack(Instant now, HostId from, const ProbeMessage& message, Output& out);
  void on_round_trip(Member& member, Duration measured, Output& out);
  void on_ping_request(Instant now, HostId from, const ProbeMessage& message, Output& out);
  void on_nack(HostId from, const ProbeMessage& message);
  void probe_next(Instant now, Output& out);
  void probe_dead(Instant now, Output& out);
  void probe(Instant now, HostId target, Purpose purpose, Output& out);
  void check_probes(Instant now, Output& out);
  void check_relays(Instant now, Output& out);
  void ask_others(Probe& probe, std::uint64_t sequence, Output& out);
  void fail(Instant now, const Probe& probe, Output& out);
  void guard_against_stall(Instant now);
  void worsen_health(int by);
  [[nodiscard]] Duration scaled(Duration d) const { return d * (1 + health_); }
  [[nodiscard]] Duration probe_spacing() const;
  [[nodiscard]] bool is_probing(HostId target) const;

  HostId self_;
  std::uint64_t incarnation_;
  Rng& rng_;
  std::map<HostId, Member> members_;
  std::vector<HostId> round_;  // the rest of this shuffled round, next at the back
  std::map<std::uint64_t, Probe> probes_;
  std::map<std::uint64_t, Relay> relays_;
  std::uint64_t sequence_ = 0;
  int health_ = 0;
  bool left_ = false;
  Instant heard_{};  // from anybody
  Instant next_probe_ = kNever;
  Instant next_dead_probe_ = kNever;
  Instant next_report_ = kNever;
  Instant expected_wake_ = kNever;
  Instant stalled_until_{};
  Counters counters_;
};

}  // namespace sixpn::registry
