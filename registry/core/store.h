// Store: the registry's records, and who may write them. merge() is commutative, associative and
// idempotent for records that this cluster accepts, so every order of arrival gives the same store.
// It verifies each record once: the writer's certificate chain, its right, its signature.
//
// Not the wire, not the disk, not membership. Owned by Gossip; control loop only. Bounded by
// StoreLimits.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/certificate.h"
#include "registry/core/hybrid_clock.h"
#include "registry/core/record_checks.h"
#include "registry/core/records_by_slot.h"
#include "registry/core/selection.h"
#include "registry/core/signed_record.h"
#include "registry/core/slot.h"
#include "registry/core/store_groups.h"

namespace sixpn::registry {

// A tombstone is kept this long, so that a host that was away for less cannot bring the record
// back.
inline constexpr std::chrono::hours kTombstoneHorizon{14 * 24};

struct StoreLimits {
  std::size_t records = 1'000'000;
  // Of one writer: live records, and tombstones beside them, which a host that makes and destroys
  // machines all day leaves for kTombstoneHorizon. What the root signed counts for nobody.
  std::size_t records_per_writer = 4096;
  std::size_t tombstones_per_writer = 65'536;
};

enum class Verdict : std::uint8_t {
  kAccepted,
  kDuplicate,      // known, or older than what is known
  kUnknownWriter,  // the writer's host record is not here yet
  kBadSignature,
  kBadCertificate,
  kEnrolmentLost,  // another enrolment of the same host id stands
  kNotPermitted,   // outside the writer's certificate
  kClockAhead,     // stamped further in the future than clocks may differ
  kExpired,        // a tombstone older than the horizon, of something unknown here
  kFull,
};
std::string_view to_string(
    Verdict verdict);  // a clause for a person: "its signature does not verify"

// Where a record came from: records from our own disk were verified before they were written there.
enum class Origin : std::uint8_t { kNetwork, kDisk };

// When more machines of a network changed at once, its view is built anew.
inline constexpr std::size_t kSingleMachines = 64;

// What merges changed since the last take_changes().
struct Changes {
  // Put or removed; of those that were read back from the disk nothing is said.
  std::set<Slot> slots;
  std::set<NetworkId> networks;  // whose views must be rebuilt
  // Of networks where nothing else changed; at most kSingleMachines each.
  std::map<NetworkId, std::set<MachineId>> machines;
  [[nodiscard]] bool empty() const { return slots.empty() && networks.empty() && machines.empty(); }
  void add(Changes other) {
    slots.merge(other.slots);
    networks.merge(other.networks);
    for (auto& [network, ids] : other.machines) machines[network].merge(ids);
  }
};

class Store {
 public:
  explicit Store(const PublicKey& root_key, StoreLimits limits = {}, RecordChecks checks = {});
  // Indexes point into the set of records, which may move with its pool but not be copied.
  Store(Store&&) = default;
  Store& operator=(Store&&) = delete;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() = default;

  // What merge() would answer; changes nothing.
  [[nodiscard]] Verdict judge(const SignedRecord& record, WallTime now) const;
  Verdict merge(const SignedRecordPtr& record, WallTime now, Origin origin = Origin::kNetwork);
  // Whether a record of an unknown slot would be within the limits, behind so many others of its
  // writer that are to come first.
  [[nodiscard]] bool has_room(const Record& record, std::size_t ahead = 0) const;
  // Makes room for many that are about to be merged: so they are held closer than when each makes
  // its own. Afterwards trim().
  void reserve(std::span<const SignedRecordPtr> records) { groups_.reserve(records); }
  void trim() { groups_.trim(); }
  // Forgets tombstones past the horizon.
  void collect(WallTime now);
  // Lets go of the machines of these networks, tombstones included. Not a deletion: nobody is told,
  // and they may come again.
  void forget(const std::set<NetworkId>& networks);

  [[nodiscard]] SignedRecordPtr find(const Slot& slot) const;
  [[nodiscard]] SignedRecordPtr host_record(HostId host) const;
  [[nodiscard]] const RecordsBySlot& records() const { return records_; }
  // The live records of a network, in slot order: its network, apps, machines, peers, Flycast
  // addresses.
  [[nodiscard]] std::vector<SignedRecordPtr> of_network(NetworkId network) const;
  [[nodiscard]] std::vector<NetworkId> networks() const;

  // Of hosts whose record is here.
  [[nodiscard]] const HostCertificate* certificate_of(HostId host) const;
  [[nodiscard]] const std::map<HostId, HostCertificate>& certificates() const {
    return certificates_;
  }
  [[nodiscard]] bool is_revoked(HostId host) const { return revoked_.contains(host); }
  [[nodiscard]] const std::set<HostId>& revoked() const { return revoked_; }

  // What the host says that it holds; one that has said nothing holds all.
  [[nodiscard]] Selection selection_of(HostId host) const;
  [[nodiscard]] const InterestRecord* interest_of(HostId host) const;  // null: it holds all
  using Interests = std::map<HostId, SignedRecordPtr>;  // of hosts that do not hold all, or not yet
  [[nodiscard]] const Interests& interests() const { return interests_; }
  // Counts the changes of what hosts say they hold.
  [[nodiscard]] std::uint64_t interest_generation() const { return interest_generation_; }

  // Counts the changes of records that are of no network: hosts, certificates, orgs, revocations,
  // renewals, interests.
  [[nodiscard]] std::uint64_t host_records_generation() const { return host_records_generation_; }

  [[nodiscard]] const PublicKey& root_key() const { return root_key_; }

  // Equal roots mean equal stores. A bucket holds the slots that hash to it (what peers of version
  // 0.1 compare); groups() are the records by origin.
  [[nodiscard]] std::uint64_t root_hash() const { return root_; }
  [[nodiscard]] std::uint64_t root_hash(const Selection& selection) const {
    return selection.all ? root_ : groups_.root(selection);
  }
  [[nodiscard]] const BucketHashes& bucket_hashes() const { return buckets_; }
  [[nodiscard]] static std::size_t bucket_of(const Slot& slot);
  [[nodiscard]] const StoreGroups& groups() const { return groups_; }

  [[nodiscard]] HybridClock& clock() { return clock_; }
  Changes take_changes() { return std::exchange(changes_, {}); }

  // Recomputes hashes, counts and indexes; false when one drifted (for tests).
  [[nodiscard]] bool check_invariants() const;

 private:
  struct Judgement {
    Verdict verdict;
    std::optional<HostCertificate> certificate;  // of a host record that brings a new one
  };
  [[nodiscard]] Judgement weigh(const SignedRecord& record, WallTime now, Origin origin) const;
  [[nodiscard]] Judgement weigh_host(const SignedRecord& record, const SignedRecord* known,
                                     Origin origin) const;
  [[nodiscard]] Verdict weigh_right(const SignedRecord& record, Origin origin) const;
  [[nodiscard]] Verdict weigh_statement(const SignedRecord& record, Origin origin) const;

  struct WriterCount {
    std::size_t live = 0;
    std::size_t all = 0;
    friend bool operator==(const WriterCount&, const WriterCount&) = default;
  };
  using Entry = StoreGroups::Entry;
  using Entries = std::vector<const Entry*>;  // in slot order

  void put(const SignedRecordPtr& record, Origin origin);
  void remove(const Slot& slot);
  void index(const Entry& entry, bool present);
  void index_network(NetworkId network, const Entry& entry, bool present);
  void install_certificate(HostId host, HostCertificate certificate);
  void touch(NetworkId network, const RecordValue& value);
  void touch_all_networks();

  PublicKey root_key_;
  StoreLimits limits_;
  RecordChecks checks_;
  std::unique_ptr<std::pmr::memory_resource> nodes_ =
      std::make_unique<std::pmr::unsynchronized_pool_resource>(kNodePool);
  RecordsBySlot records_{nodes_.get()};
  std::map<HostId, HostCertificate> certificates_;
  std::map<HostId, WriterCount> count_by_writer_;
  std::map<NetworkId, Entries> by_network_;
  StoreGroups groups_;
  std::set<std::pair<WallTime, Slot>> tombstones_;
  std::set<HostId> revoked_;
  Interests interests_;
  std::uint64_t interest_generation_ = 0;
  std::uint64_t host_records_generation_ = 0;
  BucketHashes buckets_{};
  std::uint64_t root_ = 0;
  HybridClock clock_;
  Changes changes_;
};

}  // namespace sixpn::registry
