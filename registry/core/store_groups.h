// StoreGroups: the store's records by origin (the scope of their slots: the writer of owned
// records, the org of shared ones), with hashes that add up: what anti-entropy compares, from 64
// buckets of origins down to parts of one origin. Kept up to date with each put and remove.
//
// Hashes and lists are of a selection (selection.h): of all records, or without the machines of the
// networks that it leaves out.
//
// It holds no records, only pointers to the store's entries. Owned by Store; control loop only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/core/selection.h"
#include "registry/core/signed_record.h"
#include "registry/core/slot.h"

namespace sixpn::registry {

inline constexpr std::size_t kBuckets = 64;
using BucketHashes = std::array<std::uint64_t, kBuckets>;

// The same on every platform and in every version: peers compare by it.
std::uint64_t slot_hash(const Slot& slot);
// What a record adds to the hashes of all that contain it.
std::uint64_t weight_of(const SignedRecord& record);

class StoreGroups {
 public:
  using Entry = SignedRecordPtr;  // of Store's records: its address is stable
  struct Member {
    std::uint64_t hash;    // slot_hash
    std::uint64_t weight;  // of the record
    const Entry* entry;
    NetworkId network;  // whose interest decides who holds it (interest_network in record.h)
  };
  struct Sum {
    std::uint64_t hash = 0;  // of weights
    std::size_t count = 0;
    friend bool operator==(const Sum&, const Sum&) = default;
  };
  using Sums = std::map<NetworkId, Sum>;  // of machines by network; 0: of all other records
  struct Group {
    std::uint64_t hash = 0;       // the sum of its members' weights
    std::vector<Member> members;  // by hash, then slot
  };

  // Makes room for records that are about to be added. trim() lets go of it where none was.
  void reserve(std::span<const SignedRecordPtr> records);
  void trim();

  // `slot`: the entry's.
  void add(const Slot& slot, const Entry& entry);
  void remove(const Slot& slot, const Entry& entry);

  [[nodiscard]] const std::map<std::string, Group, std::less<>>& groups() const { return groups_; }
  [[nodiscard]] const Group* find(std::string_view origin) const;
  // The sum of all groups.
  [[nodiscard]] std::uint64_t root(const Selection& selection) const;
  // Of machines by network, of all groups.
  [[nodiscard]] const Sums& sums() const { return sums_; }
  // Sums of the hashes of the groups in each bucket.
  [[nodiscard]] BucketHashes buckets(const Selection& selection) const;
  [[nodiscard]] static Sum sum(const Group& group, const Selection& selection);
  [[nodiscard]] static std::size_t bucket_of(std::string_view origin);

  // A group is cut into 2^bits parts by the leading bits of its members' hashes; bits <= 16.
  [[nodiscard]] static std::size_t part_of(std::uint64_t hash, unsigned bits);
  [[nodiscard]] static std::vector<std::uint64_t> part_hashes(const Group& group, unsigned bits,
                                                              const Selection& selection);
  // All members of a part, selected or not.
  [[nodiscard]] static std::span<const Member> part(const Group& group, unsigned bits,
                                                    std::size_t index);

  // Equal hashes and equal slots, for tests.
  [[nodiscard]] bool is_same_as(const StoreGroups& other) const;

 private:
  std::map<std::string, Group, std::less<>> groups_;
  BucketHashes buckets_{};
  Sums sums_;  // of all groups
};

}  // namespace sixpn::registry
