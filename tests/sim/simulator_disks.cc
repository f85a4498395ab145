// What is on disks, what they lose, and which accepted writes must therefore be there in the end.
#include <algorithm>

#include "tests/sim/simulator_node.h"

namespace sixpn::sim {

// After it was lost or replaced: the host owes what is on it.
void Simulator::look_at_disk(Node& node) {
  node.owed.clear();
  for (const auto& [slot, record] : node.disk) owe(node, slot, record->record.stamp);
}

void Simulator::lose_disk(unsigned host) {
  Node& node = *nodes_[host];
  node.disk.clear();
  node.disk_is_whole = false;
  node.incarnation = 0;
  look_at_disk(node);
}

void Simulator::copy_disk(unsigned host) {
  Node& node = *nodes_[host];
  node.old_disk = node.disk;
  node.old_incarnation = node.incarnation;
  node.old_disk_was_whole = node.disk_is_whole;
}

void Simulator::restore_disk(unsigned host) {
  Node& node = *nodes_[host];
  if (node.old_disk.empty()) return;
  node.disk = std::exchange(node.old_disk, {});
  node.incarnation = node.old_incarnation;
  node.disk_is_whole = node.old_disk_was_whole;
  look_at_disk(node);
}

void Simulator::persist(Node& node, const registry::Changes& changes, Instant when) {
  // A batch says so, behind those before it; a local write, which does not wait, may overtake them.
  bool whole = when != now_ && node.gossip->synced() && !node.disk_is_whole;
  if (changes.slots.empty() && !whole) return;
  std::vector<std::pair<registry::Slot, SignedRecordPtr>> batch;
  for (const auto& slot : changes.slots) {
    auto record = node.gossip->store().find(slot);
    if (record) record_effect(node.index, record->wire());
    batch.emplace_back(slot, record);
  }
  auto apply = [this, whole, batch = std::move(batch)](Node& self) {
    self.disk_is_whole |= whole;
    for (const auto& [slot, record] : batch) {
      if (record) {
        // A local write goes to the disk at once, and may overtake a batch.
        auto& place = self.disk[slot];
        if (!place || place->record.stamp <= record->record.stamp) place = record;
        owe(self, slot, place->record.stamp);
      } else {
        self.disk.erase(slot);
      }
    }
  };
  if (when == now_) return apply(node);
  deliver(when, node.index, std::move(apply));
}

// Owed by its writer from here on, whatever its disk really keeps.
void Simulator::remember(Node& node, const SignedRecordPtr& record) {
  auto slot = registry::slot_of(record->record);
  auto& versions = accepted_[slot];
  auto place = std::lower_bound(versions.begin(), versions.end(), record,
                                [](const SignedRecordPtr& a, const SignedRecordPtr& b) {
                                  return a->record.stamp < b->record.stamp;
                                });
  versions.insert(place, record);
  owe(node, slot, record->record.stamp);
}

// Large clusters are not asked for truth().
void Simulator::owe(Node& node, const registry::Slot& slot, Stamp stamp) const {
  if (options_.warm) return;
  auto& owed = node.owed[slot];
  owed = std::max(owed, stamp);
}

}  // namespace sixpn::sim
