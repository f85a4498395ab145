// RecordsBySlot: records in the order of their slots, without a copy of each slot beside its
// record. An element keeps its address while it is in the set, also when its record is replaced.
// Its nodes are of the owner's pool: 48 bytes each instead of the heap's 64.
// Used by Store, read by whoever compares or lists registries; control loop only.
#pragma once

#include <memory_resource>
#include <set>

#include "registry/core/signed_record.h"
#include "registry/core/slot.h"

namespace sixpn::registry {

struct BySlot {
  using is_transparent = void;

  bool operator()(const SignedRecordPtr& a, const SignedRecordPtr& b) const {
    if (auto order = a->record.key <=> b->record.key; order != 0) return order < 0;
    return scope_of(a->record) < scope_of(b->record);
  }
  bool operator()(const SignedRecordPtr& a, const Slot& b) const {
    if (auto order = a->record.key <=> b.key; order != 0) return order < 0;
    return scope_of(a->record) < b.scope;
  }
  bool operator()(const Slot& a, const SignedRecordPtr& b) const {
    if (auto order = a.key <=> b->record.key; order != 0) return order < 0;
    return a.scope < scope_of(b->record);
  }
};

using RecordsBySlot = std::pmr::set<SignedRecordPtr, BySlot>;

// Blocks of 48 kB at most: what a store has too much of is no more than one of them. Blocks go back
// to the heap with the store.
inline constexpr std::pmr::pool_options kNodePool{.max_blocks_per_chunk = 1024,
                                                  .largest_required_pool_block = 64};

}  // namespace sixpn::registry
