#include "dns/core/answer_memo.h"

#include <utility>

namespace sixpn::dns {

const RenderedRecords* AnswerMemo::find(const NameIndex& index, const NameIndex::Network& network,
                                        const Key& key) {
  auto found = answers_.find(key);
  if (found == answers_.end()) return nullptr;
  Kept& kept = found->second;
  if (kept.age == index.age()) return &kept.records;
  bool same_view =
      !kept.view.owner_before(network.view_ptr()) && !network.view_ptr().owner_before(kept.view);
  if (same_view && kept.hosts_age == index.hosts_age()) {
    kept.age = index.age();
    return &kept.records;
  }
  bytes_ -= kept.records.bytes.size();
  answers_.erase(found);
  return nullptr;
}

const RenderedRecords* AnswerMemo::keep(const NameIndex& index, const NameIndex::Network& network,
                                        const Key& key, RenderedRecords records) {
  if (answers_.size() >= kMost || bytes_ + records.bytes.size() > kMostBytes) {
    answers_.clear();
    bytes_ = 0;
  }
  bytes_ += records.bytes.size();
  Kept kept{index.age(), index.hosts_age(), network.view_ptr(), std::move(records)};
  StoredKey stored{key.network, key.type, key.peer, std::string(key.name)};
  return &answers_.insert_or_assign(std::move(stored), std::move(kept)).first->second.records;
}

}  // namespace sixpn::dns
