// Gossip: the registry's protocol, whole: store, membership, dissemination and the decision when to
// synchronise. A pure state machine: datagrams, timer and local writes in; datagrams, changes and
// the next wake-up out. The daemon's shell is registry/io/registry_service.h, the simulator's
// tests/sim.
//
// Dissemination: news travels over two relay trees, acknowledged hop by hop (relay.h); in small
// clusters the origin tells everybody itself. What both trees lost is found within a few hundred
// milliseconds by comparing heads of what changed lately (relay_repair.h). The rest is healed by
// anti-entropy: each datagram carries the sender's root hash, and hashes that stay apart start a
// sync session (sync_session.h), whose bytes the shell carries over TCP.
//
// Control loop only. Every queue is bounded by a constant below; drops are counted by reason.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "registry/core/clock_offset.h"
#include "registry/core/counters.h"
#include "registry/core/enrolment_conflicts.h"
#include "registry/core/flood_guard.h"
#include "registry/core/gossip_codec.h"
#include "registry/core/holding.h"
#include "registry/core/host_trust.h"
#include "registry/core/keys.h"
#include "registry/core/membership.h"
#include "registry/core/record_fragments.h"
#include "registry/core/relay.h"
#include "registry/core/relay_repair.h"
#include "registry/core/spread_queue.h"
#include "registry/core/store.h"

namespace sixpn::registry {

// How news reaches others. Random gossip (everybody tells a few others, a bounded number of times)
// is here to be compared with.
enum class Dissemination : std::uint8_t { kTrees, kRandom };

// Of random gossip.
inline constexpr std::size_t kFanout = 3;
inline constexpr Duration kSpreadInterval = std::chrono::milliseconds(200);
inline constexpr std::size_t kSpreadMultiplier =
    3;  // times told: this * ceil(log10(hosts + 1)) * fanout
// Beside the trees, each host puts an update into this many of its probes.
inline constexpr std::size_t kPiggybacks = 2;
// Fragments of records that no datagram holds: 125 a second, and 256 at once.
inline constexpr BucketLimit kFragmentLimit{std::chrono::milliseconds(8), 256};
// Both stores unchanged for this long, and different: heads are compared at once.
inline constexpr Duration kRepairAfter = std::chrono::milliseconds(150);
inline constexpr std::size_t kMaxSpreadRecords = 1024;
inline constexpr std::size_t kMaxSpreadUpdates = 1024;
// Signatures of claims that one sender may have checked; a bad one costs as much as several.
inline constexpr BucketLimit kClaimLimit{std::chrono::milliseconds(10), 256};
inline constexpr int kBadClaimCost = 16;
inline constexpr std::size_t kMaxPending = 256;  // records whose writer is not known yet
inline constexpr Duration kPendingAge = std::chrono::seconds(30);
inline constexpr std::size_t kMaxSyncs = 2;  // started by this host, at one time
inline constexpr Duration kSyncAfter =
    std::chrono::milliseconds(500);  // both stores unchanged for this long, and different
inline constexpr Duration kSyncAnyway =
    std::chrono::seconds(3);  // different for this long, changing or not
inline constexpr Duration kSyncYield =
    std::chrono::seconds(1);  // the host with the smaller id starts first
inline constexpr Duration kSyncBackoffFirst = std::chrono::seconds(1);
inline constexpr Duration kSyncBackoffMost = std::chrono::seconds(30);
// A host that does not hold all looks for company this often: it tells its root to one more host
// that wants one of its networks, for probes go to anybody.
inline constexpr Duration kCompareInterval = std::chrono::seconds(1);
// While a network is filling, whom to sync it with is decided anew this often.
inline constexpr Duration kFillInterval = std::chrono::milliseconds(250);
// What is not wanted any more stays this long at least, so that no session under way sees it go.
inline constexpr Duration kForgetAfter = std::chrono::seconds(90);
inline constexpr std::size_t kMaxRepairAudiences = 8;  // told in one round
inline constexpr Duration kCollectInterval = std::chrono::seconds(60);
// A wall clock may be set meanwhile: certificates are looked at anew at least this often.
inline constexpr Duration kTrustInterval = std::chrono::seconds(60);

class Gossip {
 public:
  struct Options {
    HostId self;
    PublicKey root_key{};
    std::uint64_t incarnation = 1;  // greater than any used before
    bool expects_peers = false;     // see RegistryOptions
    bool loads_whole = true;        // the disk's state was whole once: see synced()
    StoreLimits limits;
    RecordChecks checks;
    Dissemination dissemination = Dissemination::kTrees;
    std::chrono::milliseconds certificate_grace = kCertificateGrace;  // the same on all hosts
    // Signs this host's membership claims; without it the host can neither accuse nor refute.
    std::optional<SigningKey> signing_key;
    MembershipOptions membership;
  };
  struct Datagram {
    HostId to;
    std::string bytes;
  };
  struct Output {
    std::vector<Datagram> datagrams;
    std::vector<HostId> syncs;  // start a sync session with these, then call on_sync_finished
    Changes changes;            // for the disk and the snapshot builder
    bool snapshot_dirty = false;
    // The incarnation of an own record that came back to us from others and is ahead of ours; 0:
    // none.
    std::uint64_t own_incarnation_seen = 0;
    std::optional<Error> refused;      // on_local_write: nothing was written
    std::vector<Datagram> tcp_probes;  // to be asked by TCP; then call on_tcp_probe
    std::vector<std::string> answers;  // datagrams: what on_question says back
    std::vector<HostId> tcp_only;      // hosts that answer by TCP and not by UDP: worth a warning
    std::vector<Membership::Death> deaths;
    bool twin = false;  // another process seems to run under this host's id
    Instant wake = kNever;
  };

  // `rng` must outlive this object.
  Gossip(Options options, Rng& rng);

  // Records from this host's own disk, before start(); nothing is sent.
  Output load(Now now, const std::vector<SignedRecordPtr>& records);
  Output start(Now now);
  Output on_datagram(Now now, HostId from, std::string_view bytes);
  Output on_timer(Now now);
  // All or none. The records are signed by this host.
  Output on_local_write(Now now, const std::vector<SignedRecordPtr>& records);
  // A host record that came by a knock.
  Output admit(Now now, const SignedRecordPtr& host_record);
  Output on_sync_records(Now now, HostId from, const std::vector<SignedRecordPtr>& records);
  // `settled`: the session ran to its end and left no difference behind.
  // `come_back`: how long the peer, busy with others, asked to be left alone; zero: it served.
  Output on_sync_finished(Now now, HostId peer, bool settled, Duration come_back = {});
  // A datagram that came by TCP, from a host that UDP may not reach: it is answered by TCP.
  Output on_question(Now now, HostId from, std::string_view bytes);
  // Whether the host's agent answered on its TCP port, and the datagrams that it said; agents of
  // version 0.1 say none.
  Output on_tcp_probe(Now now, HostId target, bool answered,
                      const std::vector<std::string>& answers = {});
  // How many of an output's datagrams the system took, and how many it would not.
  void on_sent(Instant now, std::size_t taken, std::size_t refused);
  Output leave(Now now);
  // A knock presented another certificate of a host that is known.
  void note_second_enrolment(Now now, const HostCertificate& refused);

  [[nodiscard]] const Store& store() const { return store_; }
  [[nodiscard]] HybridClock& clock() { return store_.clock(); }
  [[nodiscard]] const Membership& membership() const { return membership_; }
  [[nodiscard]] const EnrolmentConflicts& conflicts() const { return conflicts_; }
  // How far its clock is ahead of ours; nothing until it was measured.
  [[nodiscard]] std::optional<std::chrono::milliseconds> clock_ahead(HostId host) const;
  // Whether this store may be taken for the truth (Snapshot::synced).
  [[nodiscard]] bool synced() const { return synced_; }
  // What both want: the roots that datagrams carry are of this.
  [[nodiscard]] Selection shared_with(HostId host) const;
  // What a sync with this host shall compare: of that first what this host uses, until it has that
  // (decisions/0091).
  [[nodiscard]] Selection to_compare(HostId host) const;
  // Some of what this host wants is not to be answered from yet: its syncs may hurry.
  [[nodiscard]] bool is_filling() const { return !synced_ || holding_.is_filling(); }
  // Of which networks all machines are here (Snapshot::held).
  [[nodiscard]] Selection held() const;
  [[nodiscard]] bool wants(HostId host, const Record& record) const;
  // Whether this host may stop wanting a network: nobody else wants it, or somebody alive keeps it:
  // holds it in full and was in step with this host. Else a tombstone might be lost with it.
  [[nodiscard]] bool may_let_go(NetworkId network) const;
  // Networks that this host let go of and should want again: nobody took over what it knows.
  // Looked for every kCollectInterval.
  [[nodiscard]] const std::set<NetworkId>& orphans() const { return orphans_; }
  [[nodiscard]] Counters counters() const;
  // Who is limited, and may be told so; asked about a sync before it is taken.
  [[nodiscard]] FloodGuard& floods() { return floods_; }
  [[nodiscard]] bool check_invariants() const;

 private:
  struct Peer {
    Instant differs_since = kNever;
    Instant not_before{};
    Duration backoff{};
    bool syncing = false;
    Instant told_heads{};
    Instant same_at{};     // when it last was in step, in all that both want
    Selection compared{};  // by the session that runs
    SignedRecordPtr said;  // what it said then that it holds
  };
  // The push that is being received: what it asks of this host.
  struct Order {
    HostId from;
    PushHeader header;
  };
  struct Pending {
    Instant arrived;
    SignedRecordPtr record;
    std::shared_ptr<const Order> order;  // what the push that brought it asked
  };

  // gossip.cc: events
  enum class Path : std::uint8_t { kUdp, kTcp };
  void receive(Now now, HostId from, std::string_view bytes, Path path, Output& out,
               Membership::Output& probes);
  Output finish(Now now, Output out, Membership::Output& probes);
  void apply_membership(Now now, Membership::Output& probes, Output& out);
  void follow_store(Now now, Output& out);
  void follow_members(Now now, Output& out);
  void welcome_back(Now now, const Changes& changes, Membership::Output& probes);

  // gossip_records.cc: records that come in
  void receive_records(Now now, HostId from, const std::vector<std::string>& wires, Output& out);
  void receive_fragment(Now now, HostId from, const RecordFragment& fragment, Output& out);
  Verdict receive(Now now, const SignedRecordPtr& record, Output& out);
  [[nodiscard]] bool recognise(Now now, RecordHead head);
  void ask_for_writers(Now now, const std::set<HostId>& unknown, Output& out);
  void note_conflict(Now now, const HostRecord& refused);
  void retry_pending(Now now, Output& out);
  void count(Verdict verdict);

  // gossip_claims.cc: what is signed about members
  void receive_claims(Now now, HostId from, const GossipDatagram& datagram, Output& out,
                      Membership::Output& probes);
  [[nodiscard]] bool verify_claims(Now now, HostId from, MemberUpdate& update);
  [[nodiscard]] bool verify_one(Now now, HostId from, const MemberUpdate& update, HostId by,
                                HostStatus what, const Signature& signature);
  void pass_on_first_words(Now now, const MemberUpdate& words);
  void pass_on_accusation(Now now, HostId from, const MemberUpdate& update);
  void send_claim(Now now, HostId to, Output& out);
  void introduce(Now now, HostId to, Output& out);
  void sign_own(MemberUpdate& update);
  void tell_directly(Now now, Membership::Output& probes, Output& out);
  void announce_self(Membership::Output& probes);

  // gossip_holding.cc: which machines are here, and who wants which
  void follow_interests(Now now, const Changes& changes, Output& out);
  void on_first_sync(Output& out);
  void note_changes(Now now, const Changes& changes);
  void on_equal(HostId peer, const Selection& compared, Output& out);
  void fill_due(Now now, Output& out);
  void compare_due(Now now, Output& out);
  // Those who also want a network, and of them those who keep what this host knows of it.
  struct Company {
    bool others = false;
    std::set<HostId> keepers;
  };
  [[nodiscard]] Company company_in(NetworkId network) const;
  void note_unwanted(Now now);
  [[nodiscard]] bool may_forget(NetworkId network) const;
  [[nodiscard]] bool has_machine_in(NetworkId network) const;
  void forget_unwanted(Now now, bool at_once);
  void schedule_holding(Now now);
  [[nodiscard]] bool is_unwanted(const Record& record) const;
  [[nodiscard]] SignedRecordPtr interest_record(HostId host) const;

  // gossip_spread.cc: telling others, and noticing differences
  bool spread(Now now, const SignedRecordPtr& record, bool origin);  // false: it is too large
  [[nodiscard]] bool admits_size(Now now, const SignedRecord& record);
  void spread(Now now, const MemberUpdate& update, bool origin);
  void refresh_members();
  void suggest_paths();
  void relay_due(Now now, Output& out);
  void perform(Now now, const Relay::Output& relayed, Output& out);
  void repair_due(Now now, Output& out);
  void hear_reminder(Now now, HostId from, const PushHeader& push, Output& out);
  void hear_heads(Now now, HostId from, const GossipDatagram& datagram, Output& out);
  void tell_heads(Now now, HostId to, Output& out);
  [[nodiscard]] std::optional<HostId> repair_peer(Now now, const RelayTree& tree) const;
  void tell_all(Now now, const std::vector<SignedRecordPtr>& records,
                const std::vector<MemberUpdate>& updates, Output& out);
  void tell_some(Now now, Output& out);
  void tell_revoked(Now now, const std::vector<SignedRecordPtr>& records, Output& out);
  void send(Now now, HostId to, GossipDatagram datagram, Output& out);
  void send(Now now, const std::vector<HostId>& to, GossipDatagram datagram, Output& out);
  void fill(HostId to, GossipDatagram& datagram);
  void offer_updates(GossipDatagram& datagram);
  void send_probe(Now now, const ProbeMessage& message, Output& out);
  void ask_by_tcp(Now now, const ProbeMessage& ping, Output& out);
  void compare_roots(Now now, HostId from, const GossipDatagram& datagram, Output& out);
  void request_sync(Now now, HostId peer, Output& out);
  [[nodiscard]] bool is_small() const { return relay_.tree().is_small(); }
  [[nodiscard]] bool is_random() const;
  [[nodiscard]] std::size_t times_to_tell(bool origin) const;
  [[nodiscard]] std::vector<HostId> choose_living(std::size_t most, NetworkId wanted = {});

  Options options_;
  Rng& rng_;
  Store store_;
  Membership membership_;
  SpreadQueue<Slot, SignedRecordPtr> records_{kMaxSpreadRecords};
  using UpdateKey = std::pair<HostId, HostId>;  // host; who says so, nobody for a proven death
  SpreadQueue<UpdateKey, MemberUpdate> updates_{kMaxSpreadUpdates};
  std::map<HostId, TokenBucket> claim_budget_;  // by sender
  std::optional<HostId> claim_wanted_by_;       // its ping is being answered
  Relay relay_;
  RelayRepair repair_;
  FragmentBuffer fragments_;
  TokenBucket fragments_sent_;  // or passed on, per tree
  std::shared_ptr<const Order> order_;
  std::vector<HostId> living_;  // those that relay_ knows
  std::string region_;
  Instant next_repair_ = kNever;
  std::uint64_t repair_round_ = 0;
  Holding holding_;
  std::uint64_t interests_seen_ = 0;  // Store::interest_generation()
  std::size_t networks_seen_ = 0;
  Instant next_fill_ = kNever;
  Instant next_compare_ = kNever;
  std::size_t compared_ = 0;  // turns of the own networks
  struct Unwanted {
    Instant since{};
    std::set<HostId> keepers;  // when it was last wanted: being in step says nothing of it since
  };
  std::map<NetworkId, Unwanted> unwanted_;  // networks with machines here
  std::set<NetworkId> orphans_;
  std::map<NetworkId, Instant> network_changed_;  // of those that the own record names
  std::deque<Pending> pending_;
  std::map<HostId, Peer> peers_;
  std::size_t syncing_ = 0;
  bool synced_;
  bool announced_ = true;  // this life: at the start, and once synced where that is later
  bool eager_ = false;  // something was learnt in this event that a large cluster passes on at once
  Instant changed_{};   // when the root hash last changed
  Instant next_spread_ = kNever;
  Instant next_collect_ = kNever;
  Instant next_trust_ = kNever;  // time alone may shut a host out
  std::set<HostId> shut_out_;    // no members, whatever certificate they hold
  FloodGuard floods_;
  EnrolmentConflicts conflicts_;
  std::map<HostId, ClockOffset> clocks_;  // of members
  Counters counters_;
};

}  // namespace sixpn::registry
