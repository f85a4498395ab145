// The compiling of AppNames: who answers, in which order, and under which names.
#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "dns/core/app_names.h"
#include "dns/core/fast_hash.h"
#include "dns/core/name.h"
#include "dns/core/render.h"
#include "dns/core/selection.h"

namespace sixpn::dns {
namespace {

using namespace std::literals;

constexpr Duration kUnmeasured = Duration::max();
constexpr std::string_view kProcess = "\x07process";
constexpr std::string_view kMetadata = "\x02kv\x09_metadata";
constexpr std::string_view kGroupKey = "fly_process_group";

// "\3ord" of "ord"; empty for what is no label.
std::string label_of(std::string_view text) {
  if (text.empty() || text.size() > kMaxLabelBytes) return {};
  return static_cast<char>(text.size()) + to_lower(text);
}

// The labels of a text with dots; none when one of them is no label.
std::vector<std::string> labels_of(std::string_view text) {
  std::vector<std::string> labels;
  for (;;) {
    auto dot = text.find('.');
    labels.push_back(label_of(text.substr(0, dot)));
    if (labels.back().empty()) return {};
    if (dot == std::string_view::npos) return labels;
    text.remove_prefix(dot + 1);
  }
}

struct Candidate {
  const MachineRecord* machine = nullptr;
  Duration distance{};  // of its host
  std::uint32_t tier = 0;
};

}  // namespace

class AppNamesBuilder {
 public:
  AppNamesBuilder(const Snapshot& snapshot, const AppView& app, const Vantage& vantage,
                  const Ip6* own)
      : snapshot_(snapshot), app_(app), vantage_(vantage), own_(own) {}

  void rank_machines(AppNames& names) {
    find_candidates();
    assign_tiers();
    std::sort(ranked_.begin(), ranked_.end(), [](const Candidate& a, const Candidate& b) {
      return a.tier != b.tier ? a.tier < b.tier : a.machine->address < b.machine->address;
    });
    store_ranks(names);
  }

  // After rank_machines().
  std::unique_ptr<const AppNames::Table> name_them() {
    rank_by_distance();
    table_->sets.push_back({0, static_cast<std::uint32_t>(ranked_.size()), false});
    for (std::uint32_t rank = 0; rank < ranked_.size(); ++rank)
      enlist(*ranked_[rank].machine, rank);
    for (const MachineRecord* machine : silent_) enlist(*machine, kNoRank);
    store_names();
    return std::move(table_);
  }

 private:
  static constexpr std::uint32_t kNoRank = UINT32_MAX;
  struct Content {
    AppNameKind kind = AppNameKind::kNothing;
    std::vector<std::uint32_t> ranks;
  };
  using Contents = std::vector<Content*>;
  struct Host {
    bool here = false;
    Duration distance = kUnmeasured;
  };

  const Host& host(HostId id) {
    auto [known, added] = hosts_.try_emplace(id);
    if (!added) return known->second;
    const HostView* view = snapshot_.find_host(id);
    Host& host = known->second;
    host.here = view != nullptr && view->usable();
    if (view != nullptr) host.distance = view->round_trip.value_or(kUnmeasured);
    if (id == vantage_.self) host.distance = Duration::zero();
    return host;
  }

  // Sorts out who answers, and who is registered but silent.
  void find_candidates() {
    for (const auto& machine : app_.machines) {
      if (!is_registered(*machine)) continue;
      const Host& home = host(machine->host);
      if (is_answered(*machine, home.here, own_))
        ranked_.push_back({machine.get(), home.distance, 0});
      else
        silent_.push_back(machine.get());
    }
  }

  // Tiers by region: the local one, then by the nearest host there. Two regions at one distance
  // must not interleave: the name is the last word.
  void assign_tiers() {
    std::map<std::string_view, Duration> nearest;
    for (const auto& each : ranked_) {
      auto [region, added] = nearest.try_emplace(each.machine->region, kUnmeasured);
      region->second = std::min(region->second, each.distance);
    }
    std::vector<std::tuple<bool, Duration, std::string_view>> order;
    for (const auto& [region, distance] : nearest)
      order.emplace_back(region != vantage_.region, distance, region);
    std::sort(order.begin(), order.end());
    std::map<std::string_view, std::uint32_t> tiers;
    for (const auto& place : order)
      tiers.emplace(std::get<2>(place), static_cast<std::uint32_t>(tiers.size()));
    for (auto& each : ranked_) each.tier = tiers.at(each.machine->region);
  }

  void store_ranks(AppNames& names) const {
    names.machines_ = static_cast<std::uint32_t>(ranked_.size());
    names.tiers_ = ranked_.empty() ? 0 : ranked_.back().tier + 1;
    constexpr std::size_t kWord = sizeof(std::uint32_t);
    static_assert(kAddressBlockBytes % kWord == 0);
    auto words = names.tiers_ + ranked_.size() * (kAddressBlockBytes / kWord);
    names.ranked_ = std::make_unique_for_overwrite<std::uint32_t[]>(words);
    auto* blocks = reinterpret_cast<char*>(names.ranked_.get() + names.tiers_);
    for (std::uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      names.ranked_[ranked_[rank].tier] = rank + 1;
      auto block = render_address(ranked_[rank].machine->address);
      std::memcpy(blocks + rank * kAddressBlockBytes, block.data(), block.size());
    }
  }

  void rank_by_distance() {
    auto& order = table_->nearest;
    for (std::uint32_t rank = 0; rank < ranked_.size(); ++rank) order.push_back(rank);
    std::stable_sort(order.begin(), order.end(),
                     [this](auto a, auto b) { return ranked_[a].distance < ranked_[b].distance; });
    for (std::uint32_t i = 0; i < order.size(); ++i)
      if (i + 1 == order.size() || ranked_[order[i + 1]].distance != ranked_[order[i]].distance)
        table_->nearest_ends.push_back(i + 1);
  }

  // A name that machines stand for. Its place does not move.
  Content* content(const std::string& relative) {
    Content& content = contents_[relative];
    content.kind = AppNameKind::kMachines;
    return &content;
  }

  static void add(const Contents& contents, std::uint32_t rank) {
    if (rank == kNoRank) return;
    for (Content* each : contents) each->ranks.push_back(rank);
  }

  void enlist(const MachineRecord& machine, std::uint32_t rank) {
    add(of_region(machine.region), rank);
    add(of_health(machine.region), is_healthy(machine) ? rank : kNoRank);
    add(of_group(machine.group), rank);
    bool grouped = false;
    for (auto [key, value] : machine.metadata) {
      grouped = grouped || to_lower(key) == kGroupKey;
      add(of_value(key, value), rank);
    }
    // A machine's process group is metadata too.
    if (!grouped) add(of_value(kGroupKey, machine.group), rank);
  }

  // Each looked up once for all machines that share it. The keys are the records' own.
  const Contents& of_region(std::string_view region) {
    auto [known, added] = regions_.try_emplace(region);
    if (added) known->second = {content(label_of(region))};
    return known->second;
  }

  const Contents& of_health(std::string_view region) {
    auto [known, added] = healths_.try_emplace(region);
    if (added)
      known->second = {content(std::string(AppNames::kHealthy)),
                       content(std::string(AppNames::kHealthy) + label_of(region))};
    return known->second;
  }

  const Contents& of_group(std::string_view group) {
    auto [known, added] = groups_.try_emplace(group);
    auto label = added ? label_of(group) : std::string();
    if (!label.empty()) known->second = {content(label + std::string(kProcess))};
    return known->second;
  }

  const Contents& of_value(std::string_view key, std::string_view value) {
    auto [known, added] = values_.try_emplace({key, value});
    auto label = added ? label_of(key) : std::string();
    if (!label.empty()) known->second = name_value(label + std::string(kMetadata), value);
    return known->second;
  }

  // <value>.<key>.kv._metadata. A value with dots is one label, written with escapes, or spans
  // several: then the tails of the value are empty non-terminals. `key` alone names all machines
  // that have it.
  Contents name_value(const std::string& key, std::string_view value) {
    Contents out = {content(key)};
    auto labels = labels_of(value);
    if (labels.size() != 1)
      if (auto whole = label_of(value); !whole.empty()) out.push_back(content(whole + key));
    std::string relative = key;
    for (std::size_t i = labels.size(); i > 0; --i) {
      relative = labels[i - 1] + relative;
      if (relative.size() > kMaxNameBytes) break;
      i == 1 ? out.push_back(content(relative)) : void(contents_[relative]);
    }
    return out;
  }

  void store_names() {
    std::size_t slots = 4;
    while (slots * 3 < contents_.size() * 4) slots *= 2;
    table_->slots.resize(slots);
    for (auto& [relative, content] : contents_) {
      AppNames::Slot slot;
      slot.used = true;
      slot.hash = static_cast<std::uint32_t>(fast_hash(relative));
      slot.key = static_cast<std::uint32_t>(table_->keys.size());
      slot.key_size = static_cast<std::uint16_t>(relative.size());
      slot.kind = content.kind;
      if (content.kind == AppNameKind::kMachines) slot.set = add_set(content.ranks);
      table_->keys += relative;
      auto place = slot.hash & (slots - 1);
      while (table_->slots[place].used) place = (place + 1) & (slots - 1);
      table_->slots[place] = slot;
    }
    shrink();
  }

  // Neighbours in rank, as all of a region or of the app are, need no list.
  std::uint32_t add_set(std::vector<std::uint32_t>& ranks) {
    // One machine may have one key twice, in two spellings.
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    AppNames::Set set{0, static_cast<std::uint32_t>(ranks.size()), false};
    if (!ranks.empty() && ranks.back() - ranks.front() + 1 == ranks.size()) {
      set.first = ranks.front();
    } else if (!ranks.empty()) {
      set.listed = true;
      set.first = static_cast<std::uint32_t>(table_->members.size());
      table_->members.insert(table_->members.end(), ranks.begin(), ranks.end());
    }
    table_->sets.push_back(set);
    return static_cast<std::uint32_t>(table_->sets.size() - 1);
  }

  void shrink() {
    table_->nearest.shrink_to_fit();
    table_->nearest_ends.shrink_to_fit();
    table_->members.shrink_to_fit();
    table_->sets.shrink_to_fit();
    table_->keys.shrink_to_fit();
  }

  std::unique_ptr<AppNames::Table> table_ = std::make_unique<AppNames::Table>();
  const Snapshot& snapshot_;
  const AppView& app_;
  const Vantage& vantage_;
  const Ip6* own_;
  std::vector<Candidate> ranked_;
  std::vector<const MachineRecord*> silent_;
  std::unordered_map<HostId, Host> hosts_;
  std::map<std::string, Content> contents_;
  std::unordered_map<std::string_view, Contents> regions_, healths_, groups_;
  std::map<std::pair<std::string_view, std::string_view>, Contents> values_;
};

AppNames::AppNames(const Snapshot& snapshot, const AppView& app, const Vantage& vantage,
                   Reach reach, const Ip6* own) {
  AppNamesBuilder builder(snapshot, app, vantage, own);
  builder.rank_machines(*this);
  if (reach == Reach::kAllNames) table_ = builder.name_them();
}

}  // namespace sixpn::dns
