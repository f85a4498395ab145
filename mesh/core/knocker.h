// Knocker: the side of the knock that wants in. While this host has no contact it knocks at its
// targets, one every kKnockInterval, and waits longer after each round, up to 30 s; an acceptance
// gives the tunnel time to come up before the next round. Single hosts can be knocked at any time.
// Pure: `now` in, datagrams and events out; the caller sends, and calls on_timer at next_wake. One
// loop.
//
// It stores nothing that a reply says; a reply counts only when its MAC was right and it answers a
// nonce of the last kMaxPendingKnocks knocks.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "mesh/core/knock.h"
#include "mesh/core/knock_targets.h"

namespace sixpn::mesh {

inline constexpr std::chrono::milliseconds kKnockInterval{200};
inline constexpr std::chrono::seconds kFirstRoundPause{1};
inline constexpr std::chrono::seconds kLastRoundPause{30};
// For handshake and first gossip, after an acceptance.
inline constexpr std::chrono::seconds kAcceptedPause{10};
inline constexpr std::size_t kMaxPendingKnocks = 64;
inline constexpr std::size_t kMaxDirectedKnocks = 64;
// How often each endpoint of a single host is tried: datagrams get lost.
inline constexpr int kDirectedTries = 3;

struct KnockerOptions {
  PublicKey root_key{};
  Secret cluster_key;
  HostId self;
};

struct KnockerOutput {
  struct Datagram {
    IpEndpoint to;
    std::string bytes;
  };
  struct Accepted {
    std::optional<VerifiedHost> by;  // nothing when its record did not fit into the reply
    IpEndpoint observed_self;        // where it saw this host's knock come from
  };
  std::optional<Datagram> send;
  std::optional<Accepted> accepted;
  std::optional<std::string> refused;  // the other side's reason
  std::optional<std::string> problem;  // why this side cannot knock, or cannot use a reply
  Instant next_wake = kNever;
};

struct KnockerCounters {
  std::uint64_t sent = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t unexpected = 0;  // replies to no knock of ours
  std::uint64_t invalid = 0;     // replies whose record does not verify, or of another cluster
};

class Knocker {
 public:
  // `rng` must outlive this.
  Knocker(KnockerOptions options, Rng& rng);

  // Takes effect with the next round.
  void set_targets(std::vector<KnockTarget> targets) { targets_ = std::move(targets); }
  void set_connected(Now now, bool connected);
  // Begins a round at once, with the shortest pause after it.
  void restart(Now now);
  // Knocks at one host, connected or not. Beyond kMaxDirectedKnocks waiting, the rest is left out.
  void knock_at(Now now, const KnockTarget& target);

  // Sends at most one knock, if one is due. `own`: this host's record; null while there is none.
  KnockerOutput on_timer(Now now, const SignedRecord* own);
  KnockerOutput on_reply(Now now, const KnockReply& reply);

  [[nodiscard]] Instant next_wake() const { return wake_; }
  [[nodiscard]] const KnockerCounters& counters() const { return counters_; }
  // Aborts when a table is over its bound. For tests.
  void check_invariants() const;

 private:
  struct Attempt {
    HostId host;
    IpEndpoint endpoint;
  };
  struct Pending {
    std::uint64_t nonce;
    HostId host;
  };

  std::optional<Attempt> next_attempt(Now now);
  void start_round();
  KnockerOutput send(Now now, const Attempt& attempt, const SignedRecord& own);
  KnockerOutput accept(Now now, const KnockReply& reply, HostId host);
  std::optional<HostId> forget_pending(std::uint64_t nonce);  // the host knocked at with it

  KnockerOptions options_;
  Rng& rng_;
  Backoff backoff_{kFirstRoundPause, kLastRoundPause};
  KnockerCounters counters_;
  std::vector<KnockTarget> targets_;
  std::deque<Attempt> round_;     // what is left of this round
  std::deque<Attempt> directed_;  // goes before any round
  std::deque<Pending> pending_;   // newest last
  bool connected_ = false;
  Instant next_round_{};
  Instant next_send_{};
  Instant wake_{};  // on_timer has nothing to do before
};

}  // namespace sixpn::mesh
