#include "registry/core/relay.h"

#include <algorithm>

#include "registry/core/relay_repair.h"

namespace sixpn::registry {
namespace {

constexpr std::size_t kContentBytes = kMaxDatagramBytes - kHeaderBytes;
constexpr std::uint8_t kAllDuties = (1U << 2 * kTreesPerRotation) - 1;

// A record that no datagram holds: a packet for each fragment.
void cut(const SignedRecordPtr& record, std::vector<std::shared_ptr<const PushContent>>& out) {
  for (std::size_t i = 0; i < fragments_of(record->wire_size); ++i)
    out.push_back(std::make_shared<const PushContent>(
        PushContent{{}, {record}, i, fragment_bytes(kFragmentBytes)}));
}

// Updates first, then records, in packets of at most `budget` bytes; what is larger goes alone, and
// last.
std::vector<std::shared_ptr<const PushContent>> pack(const std::vector<MemberUpdate>& updates,
                                                     const std::vector<SignedRecordPtr>& records,
                                                     std::size_t budget) {
  std::vector<std::shared_ptr<const PushContent>> out;
  PushContent open;
  auto close = [&] {
    if (open.bytes > 0) out.push_back(std::make_shared<const PushContent>(std::move(open)));
    open = {};
  };
  for (const auto& update : updates) {
    std::size_t bytes = update_bytes(update);
    if (open.bytes + bytes > budget || open.updates.size() >= kMaxUpdatesPerDatagram) close();
    open.updates.push_back(update);
    open.bytes += bytes;
  }
  for (const auto& record : records) {
    if (record->wire_size > kMaxGossipedRecordBytes) continue;
    std::size_t bytes = record_bytes(record->wire_size);
    if (open.bytes + bytes > budget || open.records.size() >= kMaxRecordsPerDatagram) close();
    open.records.push_back(record);
    open.bytes += bytes;
  }
  close();
  for (const auto& record : records)
    if (record->wire_size > kMaxGossipedRecordBytes) cut(record, out);
  return out;
}

}  // namespace

Relay::Relay(HostId self, Rng& rng)
    : tree_(self), sequence_(static_cast<std::uint32_t>(rng() >> 32)) {}

void Relay::set_members(std::vector<RelayMember> members, const std::string& own_region) {
  tree_.set_members(std::move(members), own_region);
  network_trees_.clear();
  std::erase_if(paths_, [this](const auto& entry) {
    const auto& names = tree_.regions();
    return std::find(names.begin(), names.end(), entry.first) == names.end();
  });
  std::erase_if(owed_, [this](const auto& entry) {
    return tree_.region_of(entry.first) == RelayTree::kNoRegion;
  });
}

void Relay::set_interests(const Store::Interests* interests) {
  interests_ = interests;
  network_trees_.clear();
}

NetworkId Relay::audience(NetworkId network) {
  bool all_want_all = interests_ == nullptr || interests_->empty();
  if (network == NetworkId{} || all_want_all || tree_.regions().empty()) return {};
  if (auto known = network_trees_.find(network); known != network_trees_.end())
    return known->second ? network : NetworkId{};
  if (network_trees_.size() >= kMaxNetworkTrees) network_trees_.clear();
  std::vector<RelayMember> members;
  bool everybody = true;
  for (std::size_t region = 0; region < tree_.regions().size(); ++region)
    for (HostId host : tree_.region_members(region)) {
      auto found = interests_->find(host);
      bool wanted = host == tree_.self() || found == interests_->end() ||
                    wants(std::get_if<InterestRecord>(&found->second->record.value), network);
      everybody = everybody && wanted;
      if (wanted) members.push_back({host, tree_.regions()[region]});
    }
  auto& place = network_trees_[network];
  if (everybody) return {};
  place.emplace(tree_.self());
  place->set_members(std::move(members), tree_.regions()[tree_.own_region()]);
  return network;
}

RelayTree& Relay::tree(NetworkId audience_of) {
  NetworkId known = audience(audience_of);
  return known == NetworkId{} ? tree_ : *network_trees_.at(known);
}

PathTime* Relay::path(HostId host) {
  std::size_t region = tree_.region_of(host);
  return region == RelayTree::kNoRegion ? nullptr : &paths_[tree_.regions()[region]];
}

Duration Relay::repeat_after(HostId host) {
  const PathTime* known = path(host);
  if (known == nullptr) return kRepeatUnknown;
  bool near = tree_.region_of(host) == tree_.own_region();
  return near && !known->known() ? kRepeatNear : known->repeat_after();
}

// Acknowledgements that rode along were measured too; the next one may wait.
Duration Relay::remind_after(HostId host) {
  const PathTime* known = path(host);
  if (known == nullptr || !known->known()) return kRepeatNear;
  return std::max(known->remind_after(), 2 * kAckDelay);
}

void Relay::suggest_path(HostId host, Duration measured) {
  PathTime* known = path(host);
  if (known != nullptr && !known->known()) known->sample(measured + kAckDelay);
}

bool Relay::knows_all_paths() const {
  return paths_.size() == tree_.regions().size() &&
         std::all_of(paths_.begin(), paths_.end(),
                     [](const auto& entry) { return entry.second.known(); });
}

// ---- gathering
// -------------------------------------------------------------------------------------

std::uint64_t Relay::item_of(const SignedRecord& record) {
  return record_head(record.digest);
}

// Without signatures: what is passed on again is the copy that was verified.
std::uint64_t Relay::item_of(const MemberUpdate& update) {
  std::uint64_t h = 0xcbf29ce484222325ULL;  // FNV-1a, by words
  auto mix = [&h](std::uint64_t word) { h = (h ^ word) * 0x100000001b3ULL; };
  mix(update.host.value);
  mix(update.accuser.value);
  mix(update.incarnation);
  mix(static_cast<std::uint64_t>(update.status));
  for (const auto& accusation : update.accusers) mix(accusation.accuser.value);
  return h ^ (h >> 29);
}

// Also counts the rate of changes.
Relay::Duty& Relay::remember(Instant now, std::uint64_t item) {
  if (now - second_ >= std::chrono::seconds(1)) {
    items_before_ = now - second_ < std::chrono::seconds(2) ? items_ : 0;
    items_ = 0;
    second_ = now;
  }
  ++items_;
  auto [place, added] = duties_.try_emplace(item);
  if (!added) return place->second = {};
  duties_order_.push_back(item);
  if (duties_order_.size() > kMaxDuties) {
    duties_.erase(duties_order_.front());
    duties_order_.pop_front();
  }
  return place->second;
}

Relay::Bundle* Relay::bundle(Instant now, Order order, HostId from, bool urgent) {
  std::size_t level = order.level;
  auto found = bundles_.find(order);
  if (found == bundles_.end()) {
    if (bundles_.size() >= kMaxBundles) return nullptr;
    found = bundles_.emplace(std::move(order), Bundle{}).first;
    found->second.from = from;
  }
  Bundle& bundle = found->second;
  Instant due = std::max(now, last_sent_[level] + (urgent ? kUrgentWindow : kNormalWindow));
  bundle.due = std::min(bundle.due, due);
  return bundle.updates.size() + bundle.records.size() < kMaxBundled ? &bundle : nullptr;
}

void Relay::originate(Instant now, const MemberUpdate& update) {
  remember(now, item_of(update)).done = kAllDuties;
  auto* gathered = bundle(now, {0, kTreesPerRotation, {}}, {}, true);
  gathered != nullptr ? gathered->updates.push_back(update) : void(++counters_.dropped_full);
}

void Relay::originate(Instant now, const SignedRecordPtr& record, bool urgent) {
  remember(now, item_of(*record)).done = kAllDuties;
  bool spare = urgent || items_before_ <= kBusyRate;
  auto trees = static_cast<std::uint8_t>(spare ? kTreesPerRotation : 1);
  NetworkId network = audience(interest_network(record->record));
  auto* gathered = bundle(now, {0, trees, {}, network}, {}, urgent);
  gathered != nullptr ? gathered->records.push_back(record) : void(++counters_.dropped_full);
}

void Relay::pass_on(Instant now, HostId from, const PushHeader& order, const MemberUpdate& update) {
  Duty& duty = remember(now, item_of(update));
  duty.update = update;
  perform_duty(now, from, order, duty);
}

void Relay::pass_on(Instant now, HostId from, const PushHeader& order,
                    const SignedRecordPtr& record, bool urgent) {
  Duty& duty = remember(now, item_of(*record));
  duty.record = record;
  duty.urgent = urgent;
  perform_duty(now, from, order, duty);
}

bool Relay::pass_on_again(Instant now, HostId from, const PushHeader& order, std::uint64_t item) {
  auto found = duties_.find(item);
  if (found == duties_.end()) return false;
  perform_duty(now, from, order, found->second);
  return true;
}

void Relay::perform_duty(Instant now, HostId from, const PushHeader& order, Duty& duty) {
  // In a small region an entry may be an inner host as well.
  unsigned duties = order.level == RelayLevel::kInner ? kTreesPerRotation : 0;
  auto bit = static_cast<std::uint8_t>(1U << (order.tree % kTreesPerRotation + duties));
  if (order.level == RelayLevel::kLeaf || (duty.done & bit) != 0) return;
  duty.done = static_cast<std::uint8_t>(duty.done | bit);
  auto record = duty.record.lock();
  if (!duty.update && record == nullptr) return;  // a newer one is on its way
  NetworkId network = record == nullptr ? NetworkId{} : audience(interest_network(record->record));
  auto* gathered =
      bundle(now, {static_cast<std::uint8_t>(order.level), order.tree, order.inner, network}, from,
             duty.urgent);
  if (gathered == nullptr) {
    ++counters_.dropped_full;
  } else if (duty.update) {
    gathered->updates.push_back(*duty.update);
  } else {
    gathered->records.push_back(std::move(record));
  }
}

void Relay::answer(Now now, HostId to, const std::vector<SignedRecordPtr>& records, Output& out) {
  for (const auto& content : pack({}, records, kContentBytes))
    dispatch(now.mono,
             {.header = {}, .content = content, .targets = {}, .adoptions = kMaxAdoptions},
             {RelayLevel::kLeaf, 0, 0, {}}, {to}, out);
}

// ---- sending
// ---------------------------------------------------------------------------------------

void Relay::send_due(Now now, Output& out) {
  for (auto it = bundles_.begin(); it != bundles_.end();) {
    if (it->second.due > now.mono) {
      ++it;
      continue;
    }
    last_sent_[it->first.level] = now.mono;
    send_bundle(now, it->first, it->second, out);
    it = bundles_.erase(it);
  }
  while (!flights_due_.empty() && flights_due_.begin()->first <= now.mono)
    repeat(now.mono, flights_due_.begin()->second, out);
  send_acks(now.mono, out);
}

// Room for the hosts that packets of this order name.
std::size_t Relay::names_bytes(const Order& order) {
  if (order.level == static_cast<std::uint8_t>(RelayLevel::kInner)) return 0;
  if (order.level == static_cast<std::uint8_t>(RelayLevel::kSibling))
    return sibling_bytes(order.inner.size() + 1);
  return sibling_bytes(
      std::max(tree(order.audience).from_entry(order.tree).inner.size(), kSiblings));
}

void Relay::send_bundle(Now now, const Order& order, const Bundle& bundle, Output& out) {
  auto contents = pack(bundle.updates, bundle.records, kContentBytes - names_bytes(order));
  RelayTree& members = tree(order.audience);
  if (order.level == static_cast<std::uint8_t>(RelayLevel::kInner)) {
    RelayStep step{RelayLevel::kLeaf, members.leaves(order.tree, order.inner), {}};
    send_step(now.mono, order, order.tree, step, contents, bundle.from, out);
  } else if (order.level == static_cast<std::uint8_t>(RelayLevel::kSibling)) {
    for (const auto& step : members.from_sibling(members.self(), order.tree, order.inner))
      send_step(now.mono, order, order.tree, step, contents, bundle.from, out);
  } else if (order.level == static_cast<std::uint8_t>(RelayLevel::kEntry)) {
    send_step(now.mono, order, order.tree, members.from_entry(order.tree), contents, bundle.from,
              out);
  } else {
    auto rotation = static_cast<std::uint64_t>(now.wall.time_since_epoch() / kRotationTime);
    for (std::size_t which = 0; which < order.tree; ++which) {
      std::uint8_t tree = RelayTree::tree_of(rotation, which);
      for (const auto& step : members.from_origin(tree))
        send_step(now.mono, order, tree, step, contents, {}, out);
    }
  }
}

void Relay::send_step(Instant now, const Order& order, std::uint8_t tree, const RelayStep& step,
                      const Contents& contents, HostId except, Output& out) {
  auto to = step.to;
  std::erase(to, except);
  if (to.empty()) return;
  for (const auto& content : contents) {
    PushHeader header{step.level, tree, 0, step.inner};
    // A large record leaves no room for names: the receiver then goes by its own view.
    if (content->bytes + sibling_bytes(step.inner.size()) > kContentBytes) header.inner.clear();
    dispatch(now, {.header = {}, .audience = order.audience, .content = content, .targets = {}},
             std::move(header), to, out);
  }
}

Instant Relay::next_wake() const {
  Instant wake = flights_due_.empty() ? kNever : flights_due_.begin()->first;
  if (!acks_due_.empty()) wake = std::min(wake, acks_due_.front().first);
  for (const auto& [order, bundle] : bundles_) wake = std::min(wake, bundle.due);
  return wake;
}

bool Relay::check_invariants() const {
  std::size_t targets = 0;
  for (const auto& [sequence, flight] : flights_) {
    if (flight.targets.empty() || !flights_due_.contains({flight.due, sequence})) return false;
    targets += flight.targets.size();
  }
  bool owed = std::all_of(owed_.begin(), owed_.end(), [](const auto& entry) {
    return !entry.second.empty() && entry.second.size() <= kMaxOwedAcks;
  });
  return owed && targets == in_flight_ && in_flight_ <= kMaxInFlight &&
         flights_due_.size() == flights_.size() && duties_.size() == duties_order_.size() &&
         duties_.size() <= kMaxDuties && bundles_.size() <= kMaxBundles;
}

}  // namespace sixpn::registry
