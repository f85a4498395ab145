// The simulator's own view of one host and of one sync session. Included by simulator*.cc only.
#pragma once

#include <ctime>

#include "mesh/core/knock_gate.h"
#include "mesh/core/knocker.h"
#include "registry/core/sync_budget.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {

// Adds the thread's processor time of its own life to `total`, when there is one.
class Meter {
 public:
  explicit Meter(std::chrono::nanoseconds* total)
      : total_(total), begin_(total == nullptr ? std::chrono::nanoseconds{} : thread_time()) {}
  ~Meter() {
    if (total_ != nullptr) *total_ += thread_time() - begin_;
  }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

 private:
  static std::chrono::nanoseconds thread_time() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
  }
  std::chrono::nanoseconds* total_;
  std::chrono::nanoseconds begin_;
};

// Both sides of the knock, in one process life.
struct Simulator::Knocking {
  Knocking(const mesh::GateOptions& gate_options, const mesh::KnockerOptions& knocker_options,
           Rng& rng)
      : gate(gate_options), knocker(knocker_options, rng) {}
  mesh::KnockGate gate;
  mesh::Knocker knocker;
  bool connected = false;
  Instant armed = kNever;
};

struct Simulator::Node {
  unsigned index;
  EnrolledHost identity;
  Rng rng;
  std::chrono::milliseconds skew{0};
  bool trusted = true;
  bool revoked = false;
  Instant stalled_from{};
  Instant stalled_until{};
  std::uint64_t accusations = 0;  // of this life
  bool lifeguard = true;
  bool metered = false;
  std::chrono::nanoseconds processor{};
  [[nodiscard]] std::chrono::nanoseconds* meter() { return metered ? &processor : nullptr; }
  // One process life; `life` counts them, so that events of an earlier life find nobody.
  std::uint64_t life = 0;
  bool running = false;
  std::unique_ptr<registry::Gossip> gossip;
  std::unique_ptr<registry::RecordWriter> writer;
  std::unique_ptr<Knocking> knocking;
  registry::SyncPace sync_pace;                        // of all its streams
  std::map<unsigned, std::shared_ptr<Stream>> served;  // by initiator
  std::map<registry::Slot, SignedRecordPtr> seen;      // in this life
  std::uint64_t timer = 0;                             // number of the armed timer
  Instant timer_at = kNever;                           // when its event comes
  Instant wake = kNever;                               // what the host asked for last
  // Survives a crash.
  std::uint64_t incarnation = 0;
  std::map<registry::Slot, SignedRecordPtr> disk;
  bool disk_is_whole = false;
  std::map<registry::Slot, Stamp> owed;  // the newest that it has stored, and not lost since
  std::vector<Seed> contacts;            // beside the identity: outlives the registry
  std::uint64_t old_incarnation = 0;     // of the copy that restore_disk() puts back
  std::map<registry::Slot, SignedRecordPtr> old_disk;
  bool old_disk_was_whole = false;
};

template <class Node, class Call>
auto metered(Node& node, const Call& call) {
  Meter meter(node.meter());
  return call();
}

struct Simulator::Stream {
  struct End {
    unsigned host;
    std::uint64_t life;
    registry::SyncSession session;
    registry::SyncPace pace;
    Instant last;          // arrival of its last chunk at the other end: streams keep order
    bool waiting = false;  // for its pace
  };
  End near;  // the initiator's
  End far;
  Instant begin;
  Instant heard;
  bool closed = false;
};

}  // namespace sixpn::sim
