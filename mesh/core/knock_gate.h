// KnockGate: the receiver's side of the knock. Takes knocks whose MAC was right, and says what to
// answer and whom to admit. Keeps no state for a knock whose MAC was wrong; what it keeps is
// bounded. It does not change the registry (the caller admits), and decides from the snapshot it is
// given. Pure; one loop.
//
// In order: source, clock, replay, rate limits, then the three signatures, then the decision. An
// outsider who captured a knock can only play it again: it is dropped while its nonce is
// remembered, and once it is not, its clock is too far off (answered at most once a second, and not
// from the budget of other knocks). A restarted receiver has forgotten nonces: a replay within
// minutes is then accepted, and changes nothing, because the record in it is no newer than what is
// known.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "mesh/core/knock.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

inline constexpr std::chrono::minutes kKnockClockTolerance{5};
// 20 a second cost about one percent of a core. A source is an IPv4 address or an IPv6 /64.
inline constexpr BucketLimit kKnockLimit{std::chrono::milliseconds(50), 100};
inline constexpr BucketLimit kKnockSourceLimit{std::chrono::milliseconds(250), 32};
inline constexpr BucketLimit kClockRefusalLimit{std::chrono::seconds(1), 4};
// A nonce is remembered for twice the tolerance: the limit lets in no more than these in that time,
// and no more sources have a bucket that is not full.
inline constexpr std::size_t kMaxKnockNonces = 100 + 20 * 600 + 1;
inline constexpr std::size_t kMaxKnockSources = 1024;

enum class RefusalReason : std::uint8_t {
  kClock,         // the clocks differ by more than kKnockClockTolerance
  kOtherCluster,  // another root key under the same cluster key
  kInvalid,       // the host record or its certificate does not verify
  kRevoked,
  kTokenUsed,  // the host id is known under another certificate
  kExpired,    // unknown here, and its invite has expired
  kShutOut,    // its certificate is past its grace
  kNameTaken,  // by a host that is not revoked
};

struct Refusal {
  RefusalReason reason{};
  std::string sentence;  // for people on both sides; names what was verified
};

struct GateOutput {
  std::string reply;  // to send to where the knock came from; empty: stay silent
  std::optional<VerifiedHost> admitted;
  std::optional<Refusal> refused;
  std::optional<HostCertificate> second_enrolment;  // with kTokenUsed: the one that was refused
};

struct GateCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  // Dropped in silence:
  std::uint64_t wrong_size = 0;
  std::uint64_t wrong_version = 0;
  std::uint64_t wrong_mac = 0;
  std::uint64_t malformed = 0;
  std::uint64_t bad_source = 0;  // not of the underlay
  std::uint64_t replayed = 0;
  std::uint64_t over_limit = 0;
  std::uint64_t own = 0;  // this host's own knock, come back
};

struct GateOptions {
  PublicKey root_key{};
  Secret cluster_key;
  HostId self;
};

// What the registry holds against a verified host; nothing when it may come in. A host known under
// the same certificate always may, unless revoked or past the grace of its certificate.
std::optional<Refusal> judge_knock(const VerifiedHost& host, const Snapshot& snapshot,
                                   WallTime now);

class KnockGate {
 public:
  explicit KnockGate(GateOptions options) : options_(std::move(options)) {}

  // `own`: this host's record, for the reply; may be null.
  GateOutput on_knock(Now now, const IpEndpoint& from, const Knock& knock, const Snapshot& snapshot,
                      const SignedRecord* own);
  void on_garbage(KnockGarbage garbage);

  [[nodiscard]] const GateCounters& counters() const { return counters_; }
  // Aborts when a table is over its bound. For tests.
  void check_invariants() const;

 private:
  bool within_limits(Instant now, const Ip6& source);
  bool remember_nonce(Instant now, std::uint64_t nonce);
  GateOutput decide(Now now, const IpEndpoint& from, const Knock& knock, const Snapshot& snapshot,
                    const SignedRecord* own);
  void tell_both(const VerifiedHost& host, const Snapshot& snapshot, Refusal& refusal) const;
  GateOutput refuse(const IpEndpoint& from, const Knock& knock, Refusal refusal);
  [[nodiscard]] KnockReply reply_to(const IpEndpoint& from, const Knock& knock) const;

  GateOptions options_;
  GateCounters counters_;
  TokenBucket total_;
  TokenBucket clock_refusals_;
  std::map<Ip6, TokenBucket> sources_;
  struct SeenNonce {
    Instant forget_at;
    std::uint64_t nonce;
  };
  std::deque<SeenNonce> seen_order_;  // by forget_at
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace sixpn::mesh
