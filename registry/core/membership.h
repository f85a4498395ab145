// Membership: which hosts are alive, by SWIM (Das et al., 2002) with Lifeguard (Dadgar et al.,
// 2018): round-robin probes, indirect probes through others, a probe by TCP, suspicion that
// confirmations shorten, refutation by incarnation, local health, and guards that let a stalled or
// cut-off host accuse nobody. Beyond them: a host is down for all only when enough others have
// signed that it does not answer, and the witnesses are chosen by hash (observers.h). Timing:
// decisions/0017; what claims are worth: decisions/0016.
//
// A pure state machine: every event method takes `now` and appends to an output. It knows hosts by
// id only, and no keys: signatures are opaque here, Gossip verifies them first (wanted()) and signs
// this host's own claims (endorse()). Gossip puts its messages on the wire and adds a member for
// each host record. Control loop only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "registry/core/counters.h"
#include "registry/core/member_update.h"
#include "registry/core/observers.h"
#include "registry/core/round_trip.h"
#include "registry/core/snapshot.h"
#include "registry/core/suspicion.h"

namespace sixpn::registry {

// A probe cycle; a healthy host asks kProbesPerInterval hosts in it, evenly spaced.
inline constexpr Duration kProbeInterval = std::chrono::seconds(1);
inline constexpr std::size_t kProbesPerInterval = 3;
inline constexpr Duration kDirectTimeoutLeast = std::chrono::milliseconds(200);
inline constexpr Duration kDirectTimeoutMost = std::chrono::milliseconds(500);
inline constexpr Duration kAgainTimeoutLeast = std::chrono::milliseconds(150);
inline constexpr Duration kTcpSlack = std::chrono::milliseconds(100);
inline constexpr std::size_t kIndirectProbes = 3;
// Worth a warning: fewer may be a path that was cut for a moment, since TCP sends again.
inline constexpr std::size_t kTcpOnlyAnswers = 3;
inline constexpr Duration kNackAfter =
    std::chrono::milliseconds(150);  // a relay's "no answer yet, but I am here"
// A death is proved by this many accusers; by all who could accuse, where they are fewer.
inline constexpr std::size_t kQuorum = 3;
// In a cluster above this, a first suspicion goes to the observers only: a mistake costs the same
// in every size of cluster.
inline constexpr std::size_t kTellAllSuspicions = 12;
inline constexpr std::size_t kAnnouncers = 3;  // of the observers, tell everybody of a death
// Judgement waits this long when many fall at once, or nobody at all is heard.
inline constexpr Duration kPatience = std::chrono::seconds(15);
// Whoever heard the accused itself within this time knows better, and asks it again: it may have
// yet to hear of the accusation.
inline constexpr Duration kHeardGrace = std::chrono::milliseconds(1750);
inline constexpr std::size_t kMassFailure = 3;          // suspected at once, and
inline constexpr std::size_t kMassFailurePercent = 15;  // more than this of all
inline constexpr Duration kStall =
    std::chrono::milliseconds(200);  // a timer this late: the loop did not run
// Whoever stalled accuses nobody for so long: it asks once more instead.
inline constexpr Duration kAfterStall = std::chrono::seconds(1);
inline constexpr int kStallHealth = 2;  // what a stall adds to the local health multiplier
inline constexpr int kWorstHealth = 8;  // Lifeguard's local health multiplier, 0..8
// Who counts as down, or is accused by this host, is still asked: one of them in this time.
inline constexpr Duration kDeadProbeInterval = std::chrono::seconds(2);
// A dead host that answers is a sign that others of its side are back, too.
inline constexpr Duration kReturnProbeInterval = std::chrono::milliseconds(100);
inline constexpr Duration kRoundTripReport = std::chrono::seconds(5);
inline constexpr Duration kCorrectionInterval =
    std::chrono::seconds(1);  // per host that is talked of
// What one accuser may say of one host within a life of that host; of all hosts; how often its
// accusations make that host refute at once (later ones wait); how often that tells on its health.
inline constexpr BucketLimit kAccusationLimit{std::chrono::seconds(20), 4};
inline constexpr BucketLimit kAccuserLimit{std::chrono::milliseconds(200), 128};
inline constexpr BucketLimit kRefutationLimit{std::chrono::seconds(5), 3};
inline constexpr BucketLimit kHealthLimit{std::chrono::seconds(10), 1};
inline constexpr std::size_t kMaxLimits = 4096;  // buckets kept
// "Left" outlives a partition: it is said again when somebody comes back, this much of it.
inline constexpr Duration kRetellInterval = std::chrono::seconds(30);
inline constexpr std::size_t kMaxRetold = 64;
inline constexpr std::size_t kMaxProbes = 64;
inline constexpr std::size_t kMaxRelays = 256;
inline constexpr std::size_t kMaxRegionPaths = 256;  // regions whose round trip is estimated

struct ProbeMessage {
  enum class Kind : std::uint8_t { kPing = 1, kAck, kPingRequest, kNack };
  Kind kind{};
  HostId to;
  std::uint64_t sequence = 0;
  HostId target;  // ping request: whom to ask; ack: who answered
};

struct MembershipOptions {
  // False for comparisons in the simulator only: plain SWIM, without local health, stall guard,
  // patience, buddies, and with one fixed suspicion time: this one.
  bool lifeguard = true;
  Duration fixed_suspicion = kSuspicionFew;
  std::size_t quorum = kQuorum;
  std::uint32_t region = 0;  // this host's own, region_code(); add() of itself sets it
};

class Membership {
 public:
  // For the log: why a host counts as down.
  struct Death {
    HostId host;
    std::vector<HostId> accusers;
    bool proven = false;  // else this host alone misses it, and tells nobody
  };
  struct Output {
    std::vector<ProbeMessage> messages;
    std::vector<MemberUpdate> news;         // to spread; own claims among them are not signed yet
    std::vector<MemberUpdate> first_words;  // of hosts taken to live anyway: worth a push, no more
    std::vector<MemberUpdate> proofs;  // of deaths: this host is one of those that tell all others
    std::vector<std::pair<HostId, MemberUpdate>> direct;  // to be told to this host only
    std::vector<ProbeMessage> tcp_probes;                 // pings by TCP, then on_tcp_probe()
    std::vector<HostId> tcp_only;  // answers by TCP and not by UDP: worth a warning
    std::vector<Death> deaths;
    bool twin = false;     // another process seems to answer under this host's id
    bool changed = false;  // a status, or a round trip worth telling
  };

  // `incarnation` is greater than any this host has used before.
  Membership(HostId self, std::uint64_t incarnation, Rng& rng, MembershipOptions options = {});

  void start(Instant now);
  // `key`: changes with the host's enrolment, and with it everything believed of the former one.
  // `life`: of its record, which it signs anew in each life of its agent: a goodbye of an older one
  // was said before, by whoever it is told. All else is a no-op when known.
  void add(Instant now, HostId host, std::uint32_t region = 0, std::uint64_t key = 0,
           std::uint64_t life = 0);
  void remove(HostId host);
  // Says goodbye; from here on nothing is probed.
  void leave(Output& out);

  // Every datagram of a member proves that it lives, with the incarnation in its header.
  void on_heard(Instant now, HostId from, std::uint64_t incarnation, Output& out);
  void on_message(Instant now, HostId from, const ProbeMessage& message, Output& out);
  // What of `update` would change something here, if its signatures verify; nothing is the common
  // case and costs no verification. Each signature is wanted once: what is known is not news.
  [[nodiscard]] std::optional<MemberUpdate> wanted(Instant now, const MemberUpdate& update) const;
  // A verified update. `quiet`: it answers our own question, others need not hear it.
  void on_update(Instant now, const MemberUpdate& update, Output& out, bool quiet = false);
  // An accusation by `from` that is not wanted because it is overtaken: tells it what it missed.
  void on_stale(Instant now, HostId from, const MemberUpdate& update, Output& out);
  // This host's own claim of Output::news, signed.
  void endorse(const MemberUpdate& own);
  void on_tcp_probe(Instant now, HostId target, bool answered, Output& out);
  // How many datagrams the system took and refused. When it takes none, this host is cut off.
  void on_sent(Instant now, std::size_t taken, std::size_t refused);
  void on_timer(Instant now, Output& out);
  [[nodiscard]] Instant next_wake() const;
  // next_wake(), remembered as the promise that the stall guard checks. Call it after every event.
  Instant rearm(Instant now);

  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] std::optional<HostStatus> status(HostId host) const;
  [[nodiscard]] std::optional<Duration> round_trip(HostId host) const;
  // When a datagram of it last arrived, or it became a member.
  [[nodiscard]] std::optional<Instant> heard(HostId host) const;
  // What `host` should hear about itself, so that it can refute (Lifeguard's buddy system).
  [[nodiscard]] std::optional<MemberUpdate> verdict_on(HostId host) const;
  // This host's own claim: alive or left, signed once endorsed.
  [[nodiscard]] MemberUpdate own_claim() const;
  // The newest word of another host itself, to be shown to others, and whether it is here.
  [[nodiscard]] std::optional<MemberUpdate> claim_of(HostId host) const;
  [[nodiscard]] bool has_claim(HostId host) const;
  // Of an accusation or a proof, what this host holds too, signature for signature, and so has
  // verified: worth passing on, news here or not. Of a proof it must be enough to be one.
  [[nodiscard]] std::optional<MemberUpdate> held(const MemberUpdate& update) const;
  // False once overtaken: not worth telling any more.
  [[nodiscard]] bool is_current(const MemberUpdate& update) const;
  // Others believed to live (alive or suspected), in id order.
  [[nodiscard]] const std::vector<HostId>& living() const { return living_; }
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  // Rises with every change of a status or of a round trip that is told.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] int health() const { return health_; }
  // How many accuse it at present; also of what it died.
  [[nodiscard]] std::size_t accusers_of(HostId host) const;
  [[nodiscard]] bool left() const { return left_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] bool check_invariants() const;

 private:
  struct Case {
    Suspicion suspicion;
    bool observer = false;   // this host is one of the observers
    bool announcer = false;  // ... and one of those that announce the death
    // quorum_on(), of so many accusers in that electorate: asked for by every event, changed by
    // few.
    struct KnownQuorum {
      Quorum quorum;
      std::size_t accusers = 0;
      std::uint64_t electorate = 0;
    };
    mutable KnownQuorum known_quorum;
  };
  struct Member {
    HostStatus status = HostStatus::kAlive;
    std::size_t tcp_only = 0;  // answers by TCP since the last by UDP
    bool backed_off = false;   // it answered when it was asked again: see path_to()
    std::uint32_t region = 0;
    std::uint64_t key = 0;
    std::uint64_t life = 0;                   // of its record
    std::optional<std::uint64_t> heard_life;  // in which it was heard itself, last
    std::uint64_t incarnation = 0;            // the greatest that the host itself was heard with
    std::uint64_t claimed = 0;                // the incarnation of `claim`
    std::unique_ptr<Signature> claim;
    Instant heard{};
    Instant corrected{};
    Instant asked_by_tcp{};  // while it was missed
    RoundTrip round_trip;
    std::optional<Duration> reported;  // round trip when it was last told
    std::unique_ptr<Case> trial;       // while suspected or down
  };
  enum class Purpose : std::uint8_t { kRound, kConfirm, kAccused, kDead };
  struct Probe {
    HostId target;
    Purpose purpose{};
    Instant sent;
    Instant ask_others;  // kNever once done
    Instant try_tcp;     // kNever once done
    Instant deadline;
    bool repeated = false;
    std::vector<HostId> relays{};  // that were asked to ask
    std::size_t nacks = 0;
  };
  struct Relay {
    HostId requester;
    std::uint64_t sequence = 0;
    HostId target;
    Instant nack_at;  // kNever once sent
    Instant expires;
  };
  using LimitKey = std::pair<HostId, HostId>;  // accuser, accused

  // membership.cc: what is believed
  void believe(Instant now, HostId host, Member& member, HostStatus status, Output& out);
  void on_claim_about_self(Instant now, const MemberUpdate& update, Output& out);
  void refute(Output& out);
  void on_own_words(Instant now, Member& member, const MemberUpdate& update, bool quiet,
                    Output& out);
  void retell_departures(Instant now, Output& out);
  void correct(Instant now, HostId to, HostId host, Member& member, Output& out);
  [[nodiscard]] bool wants_about_self(const MemberUpdate& update) const;
  [[nodiscard]] static bool wants_own_words(const Member& member, const MemberUpdate& update);

  // membership_suspicions.cc: accusations, and when they are enough
  [[nodiscard]] bool may_accuse(Instant now, const Member& member, HostId host,
                                std::uint64_t incarnation, HostId accuser) const;
  [[nodiscard]] std::optional<MemberUpdate> wanted_accusers(Instant now, const Member& member,
                                                            const MemberUpdate& update) const;
  void accuse(Instant now, HostId host, Output& out);
  void on_accusation(Instant now, const MemberUpdate& update, Output& out);
  void on_evidence(Instant now, const MemberUpdate& update, Output& out);
  void open_case(Instant now, HostId host, Member& member, std::uint64_t incarnation, Output& out);
  void take_limits(Instant now, HostId accuser, HostId host, std::uint64_t incarnation);
  TokenBucket& limit(Instant now, const LimitKey& key);
  void check_suspicions(Instant now, Output& out);
  void judge(Instant now, HostId host, Member& member, Output& out);
  [[nodiscard]] std::vector<HostId> observers_of(HostId suspect) const;
  [[nodiscard]] Quorum quorum_on(HostId suspect, const Member& member) const;
  [[nodiscard]] Quorum count_quorum(HostId suspect, const Member& member) const;
  [[nodiscard]] std::size_t void_votes(const Suspicion& suspicion) const;
  [[nodiscard]] Instant deadline(HostId host, const Member& member) const;
  [[nodiscard]] Instant next_deadline() const;
  [[nodiscard]] Instant count_next_deadline() const;
  [[nodiscard]] bool must_wait(Instant now, const Member& member) const;
  [[nodiscard]] bool is_cut_off(Instant now) const;
  [[nodiscard]] MemberUpdate evidence(HostId host, const Member& member) const;

  // membership_probes.cc: who is asked
  void on_ack(Instant now, HostId from, const ProbeMessage& message, Output& out);
  void on_round_trip(Member& member, Duration measured, Output& out);
  struct PathEstimate {
    Duration round_trip;
    Duration timeout;  // when to stop waiting for a direct answer
    Duration again;    // and for one more, before TCP
  };
  [[nodiscard]] PathEstimate path_to(const Member& member) const;
  void on_ping_request(Instant now, HostId from, const ProbeMessage& message, Output& out);
  void on_nack(HostId from, const ProbeMessage& message);
  void probe_next(Instant now, Output& out);
  void probe_missed(Instant now, Output& out);
  void probe(Instant now, HostId target, Purpose purpose, Output& out);
  void check_probes(Instant now, Output& out);
  void check_relays(Instant now, Output& out);
  void ask_others(Probe& probe, std::uint64_t sequence, Output& out);
  [[nodiscard]] std::vector<HostId> choose_relays(HostId target);
  void fail(Instant now, const Probe& probe, Output& out);
  void guard_against_stall(Instant now);
  void worsen_health(int by);
  [[nodiscard]] Duration scaled(Duration d) const { return d * (1 + health_); }
  [[nodiscard]] Duration probe_spacing() const;
  [[nodiscard]] bool is_probing(HostId target) const;
  [[nodiscard]] static bool was_asked(const Probe& probe, HostId relay);
  void forget_probes(HostId target);

  // membership.cc: reading
  void report_round_trips(Instant now, Output& out);

  HostId self_;
  std::uint64_t incarnation_;
  Signature signature_{};  // of own_claim()
  Rng& rng_;
  MembershipOptions options_;
  std::map<HostId, Member> members_;
  // Indexes of members_, so that no event looks at every member.
  std::vector<HostId> living_;  // sorted
  std::map<HostId, Member*> suspected_;
  std::set<HostId> accused_;  // those suspected that this host accuses itself
  std::uint64_t revision_ = 1;
  std::uint64_t electorate_ = 1;  // grows with each change of living_ or accused_
  std::uint64_t cases_ = 1;       // grows with each change of a Suspicion
  // count_next_deadline(), while these are the same: half of a large cluster may be on trial.
  struct KnownDeadline {
    Instant next = kNever;
    std::uint64_t electorate = 0;
    std::uint64_t cases = 0;
    int health = 0;
  };
  mutable KnownDeadline known_deadline_;
  std::set<HostId> down_;
  std::vector<HostId> round_;  // the rest of this shuffled round, next at the back
  std::map<std::uint64_t, Probe> probes_;
  std::map<std::uint64_t, Relay> relays_;
  std::map<std::uint32_t, RoundTrip> region_paths_;
  std::map<LimitKey, TokenBucket> limits_;
  std::uint64_t sequence_ = 0;
  int health_ = 0;
  bool left_ = false;
  Instant heard_{};        // from anybody
  Instant awake_since_{};  // the end of this loop's last stall
  Instant refused_since_ = kNever;
  std::uint64_t refute_above_ = 0;  // the greatest incarnation of this host that is accused
  Instant refute_at_ = kNever;
  Instant retold_{};
  Instant next_probe_ = kNever;
  Instant next_dead_probe_ = kNever;
  Instant next_report_ = kNever;
  Instant expected_wake_ = kNever;
  std::uint64_t elsewhere_ = 0;  // how often our own claims came from elsewhere
  Counters counters_;
};

}  // namespace sixpn::registry
