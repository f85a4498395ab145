#include "registry/core/relay_repair.h"

#include <algorithm>
#include <set>

namespace sixpn::registry {

RecordHead record_head(const RecordDigest& digest) {
  RecordHead out = 0;
  for (std::size_t i = 0; i < sizeof(RecordHead); ++i) out |= RecordHead{digest[i]} << (8 * i);
  return out;
}

RelayRepair::Seen& RelayRepair::remember(const SignedRecordPtr& record) {
  RecordHead head = record_head(record->digest);
  auto [place, added] = seen_.try_emplace(head);
  if (!added) return place->second;
  order_.push_back(head);
  if (order_.size() > kMaxSeen) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  return place->second;
}

bool RelayRepair::knows(RecordHead head) const {
  auto found = seen_.find(head);
  return found != seen_.end() && (found->second.old || !found->second.record.expired());
}

void RelayRepair::learn_old(const SignedRecordPtr& record) {
  remember(record).old = true;
}

void RelayRepair::learn(Instant now, const SignedRecordPtr& record, bool news) {
  bool again = knows(record_head(record->digest));
  remember(record) = {record, false};
  if (!news || again) return;
  news_.push_back({now, record_head(record->digest), interest_network(record->record)});
  if (news_.size() > kMaxSeen || now - news_.front().learnt > kRepairUntil) news_.pop_front();
}

bool RelayRepair::has_news(Instant now) const {
  return !news_.empty() && now - news_.back().learnt <= kRepairUntil;
}

bool RelayRepair::is_ripe(const Told& told, Instant now) const {
  return now - told.learnt >= kRepairFrom && now - told.learnt <= kRepairUntil;
}

std::vector<NetworkId> RelayRepair::networks(Instant now) const {
  std::set<NetworkId> out;
  for (const auto& told : news_)
    if (is_ripe(told, now)) out.insert(told.network);
  return {out.begin(), out.end()};
}

std::vector<RecordHead> RelayRepair::news(Instant now, std::size_t most,
                                          const std::function<bool(NetworkId)>& wanted) {
  while (!news_.empty() && now - news_.front().learnt > kRepairUntil) news_.pop_front();
  std::vector<Told*> ripe;
  for (auto& told : news_)
    if (is_ripe(told, now) && wanted(told.network)) ripe.push_back(&told);
  std::stable_sort(ripe.begin(), ripe.end(),
                   [](const Told* a, const Told* b) { return a->round < b->round; });
  ripe.resize(std::min(ripe.size(), most));
  ++round_;
  std::vector<RecordHead> out;
  for (Told* told : ripe) {
    told->round = round_;
    out.push_back(told->head);
  }
  return out;
}

std::vector<RecordHead> RelayRepair::lacking(Instant now, const std::vector<RecordHead>& heads) {
  while (!asked_.empty() && now - asked_.front().learnt >= kAskAgain) asked_.pop_front();
  std::vector<RecordHead> out;
  for (RecordHead head : heads) {
    if (seen_.contains(head) || asked_.size() >= kMaxAsked) continue;
    bool asked = std::any_of(asked_.begin(), asked_.end(),
                             [head](const Told& told) { return told.head == head; });
    if (asked) continue;
    asked_.push_back({now, head});
    out.push_back(head);
  }
  return out;
}

bool RelayRepair::lacks_host(Instant now, HostId host) {
  while (!asked_hosts_.empty() && now - asked_hosts_.front().first >= kAskAgain)
    asked_hosts_.pop_front();
  auto asked = std::count_if(asked_hosts_.begin(), asked_hosts_.end(),
                             [host](const auto& each) { return each.second == host; });
  if (asked >= 2 || asked_hosts_.size() >= kMaxAskedHosts) return false;
  asked_hosts_.emplace_back(now, host);
  return true;
}

bool RelayRepair::admits_answer(Instant now) {
  if (now - answering_ >= kRepairInterval) {
    answering_ = now;
    answers_ = 0;
  }
  if (answers_ >= kMaxAnswers) {
    ++refused_;
    return false;
  }
  ++answers_;
  return true;
}

SignedRecordPtr RelayRepair::find(Instant now, RecordHead head) {
  auto found = seen_.find(head);
  auto record = found == seen_.end() ? nullptr : found->second.record.lock();
  return record != nullptr && admits_answer(now) ? record : nullptr;
}

bool RelayRepair::check_invariants() const {
  return seen_.size() == order_.size() && order_.size() <= kMaxSeen && news_.size() <= kMaxSeen &&
         asked_.size() <= kMaxAsked && asked_hosts_.size() <= kMaxAskedHosts;
}

}  // namespace sixpn::registry
