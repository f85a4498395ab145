// RelayPoller: many relays (relay.h) on one edge-triggered epoll instance: tells each what its
// sockets are ready for, and looks after those that wait for something else than an event. Not a
// thread: RelayLoop runs one on a thread of its own, BriefRelays one on the room's loop. One thread
// at a time. Limits: the room's max_sessions bounds what it is given; relay.h, pipe_pool.h.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "flycast/io/relay.h"

namespace sixpn::flycast {

// What the relays of a loop counted since start.
struct RelayCounts {
  std::uint64_t bytes = 0;
  std::uint64_t idle_timeouts = 0;
  std::uint64_t silent_hops = 0;
  RelayCounts& operator+=(const RelayCounts& other) {
    bytes += other.bytes;
    idle_timeouts += other.idle_timeouts;
    silent_hops += other.silent_hops;
    return *this;
  }
};

class RelayPoller {
 public:
  // A relay on its way from one poller to another.
  using Loose = std::unordered_map<SessionId, Relay>::node_type;

  // `pipes`: see RelayShared. `most_reads`: a relay that has read more often is among
  // take_lasting(); 0: none is.
  RelayPoller(Duration hop_silence, std::size_t pipes, std::uint32_t most_reads = 0)
      : shared_(hop_silence, pipes), most_reads_(most_reads) {}
  RelayPoller(const RelayPoller&) = delete;
  RelayPoller& operator=(const RelayPoller&) = delete;

  // Before all else. Errors: no descriptors.
  Result<void> open();
  // Readable while there are events.
  [[nodiscard]] int descriptor() const { return epoll_.get(); }
  // An event of this descriptor ends a wait, and means nothing else. False: it cannot be watched.
  bool watch(int descriptor);

  // Passes on at once what is there already. One that cannot be watched has ended.
  void add(RelayStreams streams);
  void add(Loose relay);
  // The host at the other end of their hops is dead.
  void lose_hops(const std::vector<SessionId>& relays);
  // Waits until there are events, at most so long (-1: for ever), and serves them and who else is
  // due.
  void turn(int patience_ms);
  // How long until somebody is due (-1: nobody is): those that stopped to be fair, and those that
  // are ending; and of patience(), the sweep and next_look().
  [[nodiscard]] int due_ms() const;
  [[nodiscard]] int patience_ms() const;
  // When the first machine is to be looked at that owes an acknowledgement; kNever: none does.
  [[nodiscard]] Instant next_look() const { return owing_.empty() ? kNever : owing_.top().first; }

  // After each turn(), add() and lose_hops(), first of these. Those that have ended since, closed
  // by now.
  std::vector<SessionId> take_ended();
  // Those whose machines, of this host, acknowledge nothing; again every kSilenceLook.
  std::vector<SessionId> take_silent();
  // Those that have read much, or all that can go: this poller has them no longer.
  std::vector<Loose> take_lasting();
  std::vector<Loose> take_all();

  [[nodiscard]] std::size_t size() const { return relays_.size(); }
  [[nodiscard]] RelayCounts counts() const {
    return {shared_.bytes, shared_.idle_timeouts, shared_.silent_hops};
  }

 private:
  void begin(Relay& relay);
  void note(Relay& relay);
  void take_turns();
  void check_ending();
  void look_at_machines();
  void sweep();
  void take(SessionId id, std::vector<Loose>& into);

  Fd epoll_;
  RelayShared shared_;
  std::uint32_t most_reads_;
  std::unordered_map<SessionId, Relay> relays_;
  std::vector<Relay*> turns_;   // stopped only to be fair: go on in the next turn
  std::vector<Relay*> ending_;  // wait for acknowledgements
  // Whose machines owe an acknowledgement, by when they are looked at; some have gone.
  using Owing = std::pair<Instant, SessionId>;
  std::priority_queue<Owing, std::vector<Owing>, std::greater<>> owing_;
  std::vector<SessionId> silent_;
  std::vector<SessionId> lasting_;
  std::vector<SessionId> ended_;
  Instant next_sweep_{};
};

}  // namespace sixpn::flycast
