// FloodGuard: what one member may cost this host. A member that sends more than that, or sends what
// no honest member sends, is limited before its bytes are decoded and its signatures verified, and
// named to the operator. Token buckets per sender and per writer; a plain state machine, owned by
// Gossip, control loop only.
//
// The limits let honest bursts pass: 200 changes a second by one writer, a host that starts
// thousands of machines at once, a join, a healed partition (whose records come by sync, which has
// budgets of its own). What is dropped here, anti-entropy brings at its own pace. The sender of a
// datagram is certain (WireGuard authenticates it); the writer of a record is charged only after
// its signature was verified, so nobody can use up another's allowance.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/token_bucket.h"

namespace sixpn::registry {

// By sender: 2,000 datagrams a second, 4,000 at once.
inline constexpr BucketLimit kDatagramLimit{std::chrono::microseconds(500), 4000};
// By sender: 1 MiB a second, 4 MiB at once, counted in units of 64 bytes.
inline constexpr int kFloodUnitBytes = 64;
inline constexpr BucketLimit kByteLimit{std::chrono::microseconds(61), 65'536};
// By sender: datagrams and records that are malformed, falsely signed or outside the writer's
// rights. None is honest; some happen while two hosts know different certificates.
inline constexpr BucketLimit kGarbageLimit{std::chrono::milliseconds(200), 200};
// By sender: sync sessions that it starts with us.
inline constexpr BucketLimit kSyncLimit{std::chrono::milliseconds(250), 40};
// By writer: changes that come by gossip. The burst is all the records that a writer may have.
inline constexpr BucketLimit kChangeLimit{std::chrono::microseconds(3333), 4096};
// By sender: words of the root (revocations, renewals) that come by gossip. Nobody's signature is
// around them, so whose they are said to be costs nobody anything. The burst renews every host of a
// large cluster four times.
inline constexpr BucketLimit kStatementLimit{std::chrono::milliseconds(50), 4096};

inline constexpr Duration kFloodReportInterval = std::chrono::seconds(60);
// Members are fewer; who is within all limits is forgotten first.
inline constexpr std::size_t kMaxFloodEntries = 16'384;

enum class FloodKind : std::uint8_t { kDatagrams, kBytes, kGarbage, kSyncs, kChanges, kStatements };
inline constexpr std::size_t kFloodKinds = 6;
std::string_view to_string(FloodKind kind);  // a clause for a person: "sends too many datagrams"

class FloodGuard {
 public:
  struct Report {
    HostId host;
    FloodKind kind;             // what was dropped most
    std::uint64_t dropped = 0;  // since this host's last report
  };

  // Whether a datagram, a batch of sync records, a new sync session of `from` may be looked at. A
  // refusal is counted.
  bool admits_datagram(Instant now, HostId from, std::size_t bytes);
  bool admits_sync_records(Instant now, HostId from);
  bool admits_sync(Instant now, HostId from);
  // Whether a record of `writer` that came by gossip may be verified.
  bool admits_change(Instant now, HostId writer);
  // Whether a word of the root that `from` passed on may be verified.
  bool admits_statement(Instant now, HostId from);

  // `from` sent `count` things that no honest member sends.
  void on_garbage(Instant now, HostId from, std::uint64_t count);
  // A record of `writer` that came by gossip was new, and genuine.
  void on_change(Instant now, HostId writer);
  // So was a word of the root, that `from` passed on.
  void on_statement(Instant now, HostId from);

  // Hosts that were limited since their last report: at once the first time, then once per
  // kFloodReportInterval. Each is given once.
  std::vector<Report> take_reports(Instant now);
  // Hosts that were limited within the last kFloodReportInterval, in order.
  [[nodiscard]] std::vector<HostId> limited(Instant now) const;
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  [[nodiscard]] bool check_invariants() const { return entries_.size() <= kMaxFloodEntries; }

 private:
  struct Entry {
    TokenBucket datagrams, bytes, garbage, syncs, changes, statements;
    std::array<std::uint64_t, kFloodKinds> dropped{};  // since the last report
    Instant last_drop{};
    Instant report_at{};  // not before
    bool was_limited = false;
    [[nodiscard]] bool idle(Instant now) const;
  };
  Entry& entry(Instant now, HostId host);
  bool refuse(Instant now, HostId host, Entry& entry, FloodKind kind);
  void forget_idle(Instant now);

  std::map<HostId, Entry> entries_;
  std::vector<HostId> to_report_;
  std::uint64_t dropped_ = 0;
};

}  // namespace sixpn::registry
