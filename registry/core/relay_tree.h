// RelayTree: whom this host sends a push to. Three levels of hops: the origin sends to a few entry
// hosts of every region, an entry to about sqrt(n) inner hosts of its region, each of those to its
// leaves. Nobody is told a tree: who is an entry, an inner host or whose leaf follows from the
// members by rendezvous hash (Thaler and Ravishankar, 1998), so that one member more or less moves
// only its own edges. An inner host learns from the packet who its siblings are, because its own
// view may differ from the entry's: then a leaf is missed only where its one parent does not know
// it (decisions/0014).
//
// In other regions of a few hosts there is one level of four siblings instead, and the two trees
// are one: the origin sends to all four, each leaf has two of them as parents, and each sibling
// sends to the next, so that any one packet over the long way covers the region.
//
// Two trees per rotation share no entry and no inner host as far as a region's size allows. Eight
// rotations spread the work: who is inner in one is a leaf in most others.
//
// Not the protocol (relay.h), not who is alive (membership.h). Pure; control loop only. Asked
// steps are kept until the members change: a push costs O(children).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

namespace sixpn::registry {

// Up to this many hosts, this one included, the origin sends to everybody itself.
inline constexpr std::size_t kSmallCluster = 12;
// The own region, up to this size, has no inner hosts: the origin sends to all of it.
inline constexpr std::size_t kSmallRegion = 4;
// Another region, up to this size, has siblings. Above, trees cost fewer copies.
inline constexpr std::size_t kCompactRegion = 24;
inline constexpr std::size_t kSiblings = 4;
inline constexpr std::size_t kParents = 2;  // of a leaf, among the siblings
inline constexpr std::size_t kTreesPerRotation = 2;
inline constexpr std::size_t kRotations = 8;
inline constexpr std::size_t kTreeCount = kTreesPerRotation * kRotations;
inline constexpr std::size_t kEntriesPerTree = 2;  // per region
// Siblings that a packet may name: the square root of 16,384 hosts in one region.
inline constexpr std::size_t kMaxInner = 128;
inline constexpr std::size_t kMaxKnownSiblings = 64;  // sibling lists whose leaves are kept

// What a packet asks of its receiver.
enum class RelayLevel : std::uint8_t {
  kEntry = 1,    // send to the inner hosts of your region
  kInner = 2,    // send to your leaves
  kLeaf = 3,     // nothing
  kSibling = 4,  // send to your leaves, and to the next sibling
};

// Sends of one level: `inner` names the inner hosts, when the level is kInner, or the siblings.
struct RelayStep {
  RelayLevel level = RelayLevel::kLeaf;
  std::vector<HostId> to;
  std::vector<HostId> inner;
};

struct RelayMember {
  HostId host;
  std::string region;
  friend bool operator==(const RelayMember&, const RelayMember&) = default;
};

class RelayTree {
 public:
  explicit RelayTree(HostId self) : self_(self) {}

  // The living hosts, this one included or not, in any order; replaces what was known.
  void set_members(std::vector<RelayMember> members, const std::string& own_region);

  // Numbers below kTreeCount: tree `which` (0 or 1) of rotation `rotation`; others wrap around.
  [[nodiscard]] static std::uint8_t tree_of(std::uint64_t rotation, std::size_t which);
  [[nodiscard]] HostId self() const { return self_; }
  [[nodiscard]] bool is_small() const { return hosts_ < kSmallCluster; }
  [[nodiscard]] std::size_t size() const { return hosts_; }  // others

  // As origin: every region's entries, and the inner hosts of the own region. In a small cluster
  // everybody, and nobody by the second tree. References live until set_members.
  const std::vector<RelayStep>& from_origin(std::uint8_t tree);
  // As entry: the inner hosts of the own region (or all of it, as leaves).
  const RelayStep& from_entry(std::uint8_t tree);
  // The members of the own region whose parent among `inner` is this host.
  const std::vector<HostId>& leaves(std::uint8_t tree, const std::vector<HostId>& inner);

  // What `host`, self or somebody to stand in for, does as one of `siblings` (or of the first four
  // of the own region, when nobody is named): its leaves, and the next one.
  [[nodiscard]] std::vector<RelayStep> from_sibling(HostId host, std::uint8_t tree,
                                                    std::vector<HostId> siblings);

  // In place of one who does not answer: its leaves, and the next entry of its region (the
  // `attempt`th, from 0; nothing when there is none).
  [[nodiscard]] std::vector<HostId> leaves_of(HostId parent, std::uint8_t tree,
                                              const std::vector<HostId>& inner) const;
  [[nodiscard]] std::optional<HostId> next_entry(HostId dead, std::uint8_t tree,
                                                 std::size_t attempt) const;

  // Regions by number, for estimates of round trips; kNoRegion for strangers.
  static constexpr std::size_t kNoRegion = ~std::size_t{0};
  [[nodiscard]] std::size_t region_of(HostId host) const;
  [[nodiscard]] std::size_t own_region() const { return own_region_; }
  [[nodiscard]] const std::vector<std::string>& regions() const { return region_names_; }
  [[nodiscard]] std::vector<HostId> members() const;  // self included, in id order
  [[nodiscard]] const std::vector<HostId>& region_members(std::size_t region) const {
    return regions_[region];
  }

 private:
  using Ranking = std::vector<HostId>;  // of a region's members, by weight in a rotation

  const Ranking& ranking(std::size_t region, std::uint8_t tree);
  [[nodiscard]] Ranking rank(std::size_t region, std::uint8_t tree) const;
  RelayStep step_inside(std::uint8_t tree);
  std::vector<HostId> siblings_of(std::size_t region, std::uint8_t tree);
  void add_steps(std::size_t region, std::uint8_t tree, RelayStep& direct, RelayStep& entries,
                 std::vector<RelayStep>& steps);

  HostId self_;
  std::size_t hosts_ = 0;
  std::size_t own_region_ = 0;
  std::vector<std::string> region_names_;
  std::vector<std::vector<HostId>> regions_;  // members, self included in its own; in id order
  std::vector<std::pair<HostId, std::size_t>> region_by_host_;       // in id order
  std::map<std::pair<std::size_t, std::size_t>, Ranking> rankings_;  // by region and rotation
  std::array<std::optional<std::vector<RelayStep>>, kTreeCount> origin_steps_;
  std::array<std::optional<RelayStep>, kTreeCount> entry_steps_;
  std::map<std::pair<std::uint8_t, std::vector<HostId>>, std::vector<HostId>> leaves_;
};

}  // namespace sixpn::registry
