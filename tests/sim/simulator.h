// Simulator: a cluster of hosts in virtual time, from one seed. It runs the daemon's own protocol
// (Gossip, SyncSession, codec, signatures) over a simulated network and disk: latency, loss,
// duplication, partition, stalls, clock skew, crash and restart. One thread, no clock, no other
// randomness: the same seed gives the same run, byte for byte (effects()). After every event the
// invariants of the host that handled it are checked; a broken one throws with the seed in its
// message.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "registry/core/gossip.h"
#include "registry/core/local_write.h"
#include "registry/core/snapshot_builder.h"
#include "registry/core/sync_session.h"
#include "tests/sim/enrolled_host.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/network.h"
#include "tests/sim/shared_checks.h"

namespace sixpn::sim {

using namespace std::chrono_literals;

struct SimOptions {
  std::uint64_t seed = 1;
  unsigned hosts = 10;
  NetworkModel network;
  std::chrono::milliseconds clock_skew{0};  // each host's wall clock is off by up to this
  // For big clusters: every host knows all from its disk at the start, and only one event in this
  // many is followed by a check of invariants.
  bool warm = false;
  double warm_without = 0;  // share of the other hosts that each host's disk lacks, when warm
  // What each host has said that it wants, on every disk, when warm.
  std::function<InterestRecord(unsigned)> interests;
  std::uint64_t check_every = 1;
  // Hosts knock as the daemon does, at the hosts of the registry and at these seeds of a host's
  // token; not given: nobody knocks but by knock().
  std::function<std::vector<unsigned>(unsigned)> seeds;
  bool invites_last = false;  // else they have expired: a host lets in whom it knows
  std::function<std::vector<std::string>(unsigned)> orgs;  // a host's rights; none given: all
  // The last host is a second enrolment of one host id, as of a token that was used twice. Both are
  // let in at the start, by different doors; who enrolled later is nobody's answer (distrust()).
  struct Twin {
    unsigned of = 0;
    unsigned door = 1;
    bool first = false;  // it enrolled before the other
  };
  std::optional<Twin> twin;
  // Hosts whose processor time is measured; none given: nobody's.
  std::function<bool(unsigned)> metered;
  // Last word on a host's options, before each of its lives.
  std::function<void(unsigned, registry::Gossip::Options&)> configure;
};

// SIXPN_SIM_SEED replays one run; else `fallback`.
std::uint64_t seed_from_environment(std::uint64_t fallback);

// Where a simulated host is reached from outside the tunnel.
IpEndpoint underlay_of(unsigned host, std::uint16_t port);

class Simulator {
 public:
  explicit Simulator(SimOptions options);
  ~Simulator();

  // Starts every host knowing itself and host 0, which is told of each: as after their knocks.
  void start_all();
  void run_for(Duration time);
  void at(Duration from_now, std::function<void()> action);
  // Runs until `condition` holds, looking every `step`; the time it took, or nothing within
  // `limit`.
  std::optional<Duration> run_until(const std::function<bool()>& condition, Duration limit,
                                    Duration step = 1ms);

  // False when the host refused the write, is stalled, or is not running.
  bool write(unsigned host, registry::LocalWrite write);
  void crash(unsigned host);  // without a goodbye; what was not on disk yet is lost
  // Says goodbye; to be followed by crash(). False when the host is stalled or not running.
  bool leave(unsigned host);
  void restart(unsigned host);  // from its disk
  void stall(unsigned host, Duration time);
  void lose_disk(unsigned host);     // of a host that is not running
  void copy_disk(unsigned host);     // to be put back by restore_disk(), once
  void restore_disk(unsigned host);  // of a host that is not running
  void set_skew(unsigned host, std::chrono::milliseconds skew);
  // A datagram that `from`'s program never made.
  void inject(unsigned from, unsigned to, std::string bytes);
  // Merges a record into a host as if from a sync session with `from`.
  void inject_record(unsigned from, unsigned to, const SignedRecordPtr& record);
  // Each of these learns the other's host record, as after an accepted knock.
  void knock(unsigned host, unsigned door);
  // What a host accepts is called an answer to the whole cluster; the writes of these hosts are
  // not (they lie), nor are they looked at by converged() and all_believe().
  void distrust(unsigned host);
  // The root revokes a host, by the agent of another. As distrust(), but what it has written or
  // writes yet may win, or be lost: until a host hears of it, its word is as good as any. False
  // when that agent refused, or does not run just now.
  bool revoke(unsigned by, unsigned host);
  void partition(const std::function<int(unsigned)>& group_of) { network_.partition(group_of); }
  void cut(unsigned from, unsigned to) { network_.cut(from, to); }
  void block_datagrams(unsigned host) { network_.block_datagrams(host); }
  void heal() { network_.heal(); }
  void set_network(NetworkModel network) { network_.set_model(network); }
  // Called for every datagram that a host receives, before it does.
  using Tap = std::function<void(unsigned from, unsigned to, const std::string& bytes)>;
  void tap(Tap tap) { tap_ = std::move(tap); }
  // ... and for every one that a host sends, whether it arrives or not.
  void tap_sent(Tap tap) { sent_tap_ = std::move(tap); }
  // Called when a record is accepted by a host: (host, record).
  using Watch = std::function<void(unsigned, const SignedRecordPtr&)>;
  void watch(Watch watch) { watch_ = std::move(watch); }
  // Called when a host comes to believe that another is down: (host, its reasons).
  using DeathWatch = std::function<void(unsigned, const registry::Membership::Death&)>;
  void watch_deaths(DeathWatch watch) { death_watch_ = std::move(watch); }

  // Of a metered host's Gossip and its signing so far: this thread's time in them. Real time: no
  // two runs agree, and nothing of the simulation depends on it.
  [[nodiscard]] std::chrono::nanoseconds processor_time(unsigned host) const;

  [[nodiscard]] bool is_running(unsigned host) const;
  // When the host's last stall ended or will end; the beginning of time if it never stalled.
  [[nodiscard]] Instant stalled_until(unsigned host) const;
  [[nodiscard]] const registry::Gossip& gossip(unsigned host) const;
  [[nodiscard]] const EnrolledHost& identity(unsigned host) const;
  [[nodiscard]] unsigned hosts() const { return options_.hosts; }
  [[nodiscard]] Instant now() const { return now_; }
  // A hash of every datagram, stream chunk and record stored so far, with its time.
  [[nodiscard]] std::uint64_t effects() const { return effects_; }
  [[nodiscard]] std::uint64_t events() const { return event_count_; }
  // By slot, the accepted versions, oldest first.
  using Versions = std::map<registry::Slot, std::vector<SignedRecordPtr>>;
  [[nodiscard]] const Versions& accepted() const { return accepted_; }
  // What all accepted writes add up to, as far as anything that runs now ever had them on its disk
  // and did not lose that: by slot, the version that must win.
  [[nodiscard]] std::map<registry::Slot, SignedRecordPtr> truth() const;
  [[nodiscard]] bool is_trusted(unsigned host) const;
  [[nodiscard]] bool is_revoked(unsigned host) const;
  // Of the host id that was enrolled twice it holds what one of the two has signed, and no more.
  [[nodiscard]] bool tells_twins_apart(unsigned host);
  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t packet_bytes() const { return packet_bytes_; }
  [[nodiscard]] std::uint64_t stream_bytes() const { return stream_bytes_; }
  [[nodiscard]] Rng& rng() { return rng_; }
  [[nodiscard]] const SigningKey& root() const { return cluster_.root(); }
  [[nodiscard]] Now clocks_of(unsigned host) const;

  // All running hosts hold the same store.
  [[nodiscard]] bool converged() const;
  // Every running host other than `host` believes this of it.
  [[nodiscard]] bool all_believe(unsigned host, HostStatus status) const;
  [[nodiscard]] registry::Counters total_counters() const;
  // "seed 7: ...; replay with SIXPN_SIM_SEED=7": for messages of failing tests.
  [[nodiscard]] std::string replay_hint() const;

 private:
  struct Node;
  struct Stream;
  struct Knocking;
  enum class Kind : std::uint8_t { kAction, kNodeAction, kDatagram, kTimer };
  struct Event {
    Kind kind = Kind::kAction;
    unsigned host = 0;
    unsigned source = 0;
    std::uint64_t life = 0;
    std::uint64_t timer = 0;
    std::shared_ptr<const std::string> bytes;
    std::function<void(Node*)> action;
  };

  [[nodiscard]] EnrolledHost enrol(unsigned index) const;
  [[nodiscard]] bool runs_now(const Node& node) const;
  void schedule(Instant when, Event event);
  void happen(Event event);
  void on_timer(Node& node, std::uint64_t timer);
  void on_datagram(Node& node, unsigned source, const std::string& bytes);
  // Runs `action` on the host when it is neither stalled nor another process life by then.
  void deliver(Instant when, unsigned host, std::function<void(Node&)> action);
  void perform(Node& node, registry::Gossip::Output out);
  void transmit(Node& from, HostId to, std::string bytes);
  [[nodiscard]] bool is_signed_by_writer(const SignedRecord& record);
  void watch_changes(Node& node, const registry::Changes& changes);
  void persist(Node& node, const registry::Changes& changes, Instant when);
  void ask_by_tcp(Node& from, HostId to, std::string question);
  void open_stream(Node& from, HostId to);
  void fail_stream(Node& from, HostId to, Duration after);
  void watch_stream(const std::shared_ptr<Stream>& stream);
  void pump(const std::shared_ptr<Stream>& stream, bool initiator);
  void receive_chunk(const std::shared_ptr<Stream>& stream, bool to_initiator,
                     const std::string& chunk);
  void close_stream(const std::shared_ptr<Stream>& stream);
  void arm(Node& node, Instant wake);
  void begin_knocking(Node& node);
  void follow_contact(Node& node);
  void arm_knock(Node& node);
  void on_knock_timer(Node& node);
  void seek_lost(Node& node);
  void keep_contacts(Node& node);
  void transmit_knock(Node& from, const IpEndpoint& to, const std::string& bytes);
  void on_knock_datagram(Node& node, const IpEndpoint& from, const std::string& bytes);
  // Whom `node` reaches under that id, as its WireGuard's keys have it; nobody: no such host.
  [[nodiscard]] std::optional<unsigned> reached_as(const Node& node, HostId id) const;
  [[nodiscard]] bool has_tunnel(const Node& node, const Node& from) const;
  [[nodiscard]] SnapshotPtr snapshot_of(const Node& node) const;
  [[nodiscard]] SignedRecordPtr own_record(const Node& node) const;
  void begin_life(Node& node);
  void remember(Node& node, const SignedRecordPtr& record);
  void look_at_disk(Node& node);
  void owe(Node& node, const registry::Slot& slot, Stamp stamp) const;
  void check(Node& node);
  void check_accusations(Node& node);
  void record_effect(unsigned host, std::string_view bytes);
  [[nodiscard]] Now clocks(const Node& node) const;
  [[nodiscard]] bool reachable(unsigned a, unsigned b) const;
  [[noreturn]] void broken(const Node& node, const std::string& what) const;
  void warm_up();

  SimOptions options_;
  TestCluster cluster_;
  Rng rng_;
  std::vector<std::unique_ptr<Node>> nodes_;
  SharedChecks checks_;
  Network network_;
  EventQueue<Event> events_;
  Tap tap_;
  Tap sent_tap_;
  Watch watch_;
  DeathWatch death_watch_;
  std::uint64_t packets_ = 0;
  std::uint64_t packet_bytes_ = 0;
  std::uint64_t stream_bytes_ = 0;
  Versions accepted_;
  Instant now_{};
  std::uint64_t event_count_ = 0;
  std::uint64_t check_count_ = 0;
  std::uint64_t effects_ = 0xcbf29ce484222325ULL;
};

}  // namespace sixpn::sim
