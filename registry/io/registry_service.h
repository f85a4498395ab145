// RegistryService: the registry of this host, on the control loop: gossip over UDP and anti-entropy
// over TCP inside the tunnel, the last state in SQLite, snapshots for every consumer. The protocol
// itself is registry/core/gossip.h; this is its shell. It does not configure the mesh nor verify
// knocks.
//
// Life: construct, open() (disk; the state read back is a snapshot at once), on_snapshot(), start()
// (sockets), ..., leave() or stop(), destroy. All methods on the control loop, except that open()
// may be called before the loop runs. Callbacks run on the control loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "registry/core/counters.h"
#include "registry/core/enrolment_conflicts.h"
#include "registry/core/interest.h"
#include "registry/core/keys.h"
#include "registry/core/local_write.h"
#include "registry/core/record.h"
#include "registry/core/signed_record.h"
#include "registry/core/snapshot.h"
#include "registry/core/validity.h"

namespace sixpn {
class EventLoop;
}

namespace sixpn::registry {

inline constexpr std::uint16_t kGossipPort = 7946;

struct RegistryOptions {
  HostId self;
  SigningKey signing_key;
  PublicKey root_key{};
  std::string state_dir;  // holds registry.db
  HostRecord own_host;    // published at open(); update_own_host() replaces it later
  std::uint16_t port = kGossipPort;
  std::optional<Ip6> bind_address;  // host_address(self) by default
  // This host joined with a token that names other hosts, so an empty registry is not yet the
  // truth: the snapshot counts as synced only after a sync, or a state read back from disk.
  bool expects_peers = false;
  std::chrono::milliseconds certificate_grace = kCertificateGrace;  // the same on all hosts
};

// What this host knows of another from its datagrams.
struct LastHeard {
  std::optional<Duration> heard_ago;
  std::optional<std::chrono::milliseconds> clock_ahead;  // of ours; nothing until measured
};

class RegistryService {
 public:
  RegistryService(EventLoop& loop, RegistryOptions options);
  ~RegistryService();
  RegistryService(const RegistryService&) = delete;
  RegistryService& operator=(const RegistryService&) = delete;

  // Opens or makes the database, reads the state back, publishes the own host record. Errors (in
  // words for the operator): another agent runs on this folder, read-only or full disk, a newer
  // schema. A corrupt file is set aside under a name that open() logs, and the state comes back
  // from other hosts.
  Result<void> open();
  // Binds UDP and TCP on [bind_address]:port (the address may appear later) and starts to probe.
  Result<void> start();
  // Tells the others that this host leaves, then stops. `done` after the message was sent.
  void leave(std::function<void()> done);
  // Stops sockets and timers and flushes the disk; no more callbacks. Idempotent.
  void stop();

  // Signs, merges, persists, spreads; `done` runs after the snapshot holds the writes, or with the
  // reason why none of them was made. A full disk does not fail a write: it is kept, retried, and
  // reported by disk_error().
  void write(std::vector<LocalWrite> writes, std::function<void(Result<void>)> done);
  // Whether a new machine of this host would find room in the registry (StoreLimits).
  [[nodiscard]] Result<void> check_room() const;
  // A host record that the knock verified; a no-op when known. It is checked again like any other.
  void admit(SignedRecordPtr host_record);

  // A knock presented another certificate of a known host, and was refused.
  void note_second_enrolment(const HostCertificate& refused);

  // The own host record as it travels now (for the knock). Null before open(), and when another
  // enrolment of this host's id stands.
  [[nodiscard]] SignedRecordPtr own_host_record() const;
  void update_own_host(HostRecord record);

  // Never null after open().
  [[nodiscard]] SnapshotPtr snapshot() const;
  // Calls `subscriber` with every new snapshot, and at once with the present one if there is one.
  void on_snapshot(std::function<void(SnapshotPtr)> subscriber);

  // Every record, tombstones included, in key order.
  [[nodiscard]] std::vector<SignedRecordPtr> dump() const;
  [[nodiscard]] Counters counters() const;
  // Hosts that send more than they may, within the last minute (flood_guard.h).
  [[nodiscard]] std::vector<HostId> flooding() const;
  [[nodiscard]] std::map<HostId, LastHeard> last_heard() const;
  // Host ids that were enrolled twice, as far as this host knows.
  [[nodiscard]] std::map<HostId, EnrolmentConflict> conflicts() const;
  // What is to be thought of before this host says that it uses a network no more.
  [[nodiscard]] Keeping keeping() const;
  // Why the last write to disk failed; nothing when all is well.
  [[nodiscard]] std::optional<Error> disk_error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::registry
