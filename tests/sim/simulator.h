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
#include <queue>
#include <string>
#include <vector>

#include "registry/core/gossip.h"
#include "registry/core/local_write.h"
#include "registry/core/snapshot_builder.h"
#include "registry/core/sync_session.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::sim {

using namespace std::chrono_literals;

struct NetworkModel {
  Duration latency_least = 5ms;
  Duration latency_most = 40ms;
  double loss = 0;  // of datagrams
  double duplicate = 0;
};

struct SimOptions {
  std::uint64_t seed = 1;
  unsigned hosts = 10;
  NetworkModel network;
  std::chrono::milliseconds clock_skew{0};  // each host's wall clock is off by up to this
};

// SIXPN_SIM_SEED replays one run; else `fallback`.
std::uint64_t seed_from_environment(std::uint64_t fallback);

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

  // False when the host refused the write, or is not running.
  bool write(unsigned host, registry::LocalWrite write);
  void crash(unsigned host);    // without a goodbye; what was not on disk yet is lost
  void restart(unsigned host);  // from its disk
  void stall(unsigned host, Duration time);
  // Hosts in different groups cannot reach each other.
  void partition(const std::function<int(unsigned)>& group_of);
  void heal();
  void set_network(NetworkModel network) { options_.network = network; }

  [[nodiscard]] bool is_running(unsigned host) const;
  [[nodiscard]] const registry::Gossip& gossip(unsigned host) const;
  [[nodiscard]] const EnrolledHost& identity(unsigned host) const;
  [[nodiscard]] unsigned hosts() const { return options_.hosts; }
  [[nodiscard]] Instant now() const { return now_; }
  // A hash of every datagram, stream chunk and record stored so far, with its time.
  [[nodiscard]] std::uint64_t effects() const { return effects_; }
  [[nodiscard]] std::uint64_t events() const { return event_count_; }
  // What all accepted writes add up to: by slot, the version that must win.
  [[nodiscard]] const std::map<registry::Slot, SignedRecordPtr>& truth() const { return truth_; }

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
  struct Event {
    Instant when;
    std::uint64_t order;
    std::function<void()> action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return std::tie(a.when, a.order) > std::tie(b.when, b.order);
    }
  };

  void schedule(Instant when, std::function<void()> action);
  // Runs `action` on the host when it is neither stalled nor another process life by then.
  void deliver(Instant when, unsigned host, std::function<void(Node&)> action);
  void perform(Node& node, registry::Gossip::Output out);
  void transmit(Node& from, const registry::Gossip::Datagram& datagram);
  void persist(Node& node, const registry::Changes& changes, Instant when);
  void open_stream(Node& from, HostId to);
  void pump(const std::shared_ptr<Stream>& stream);
  void receive_chunk(const std::shared_ptr<Stream>& stream, bool to_initiator,
                     const std::string& chunk);
  void close_stream(const std::shared_ptr<Stream>& stream);
  void arm(Node& node, Instant wake);
  void begin_life(Node& node);
  void check(Node& node);
  void record_effect(unsigned host, std::string_view bytes);
  [[nodiscard]] Now clocks(const Node& node) const;
  [[nodiscard]] bool reachable(unsigned a, unsigned b) const;
  [[nodiscard]] Duration latency();

  SimOptions options_;
  TestCluster cluster_;
  Rng rng_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::map<registry::Slot, SignedRecordPtr> truth_;
  Instant now_{};
  std::uint64_t order_ = 0;
  std::uint64_t event_count_ = 0;
  std::uint64_t effects_ = 0xcbf29ce484222325ULL;
};

}  // namespace sixpn::sim
