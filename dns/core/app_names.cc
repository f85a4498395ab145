#include "dns/core/app_names.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "dns/core/fast_hash.h"
#include "dns/core/name.h"
#include "dns/core/render.h"
#include "dns/core/selection.h"

namespace sixpn::dns {
namespace {

using namespace std::literals;

constexpr Duration kUnmeasured = Duration::max();
constexpr std::uint32_t kAllMachines = 0;

struct Keyword {
  std::string_view relative;
  AppNameKind kind;
};
// They win over a region, group or value that is written alike.
constexpr std::array kKeywords = {
    Keyword{"", AppNameKind::kMachines},
    Keyword{"\x06global", AppNameKind::kMachines},
    Keyword{"\x03vms", AppNameKind::kVmList},
    Keyword{"\x03"
            "all\x03vms",
            AppNameKind::kAllVmList},
    Keyword{"\x07regions", AppNameKind::kRegionList},
    Keyword{"\x03"
            "all\x07regions",
            AppNameKind::kAllRegionList},
    Keyword{"\x02vm", AppNameKind::kNothing},
    Keyword{"\x07process", AppNameKind::kNothing},
    Keyword{"\x02of", AppNameKind::kNothing},
    Keyword{"\x07nearest\x02of", AppNameKind::kNothing},
    Keyword{"\x09_metadata", AppNameKind::kNothing},
    Keyword{"\x02kv\x09_metadata", AppNameKind::kNothing},
};
constexpr std::string_view kProcess = "\x07process";
constexpr std::string_view kNearestOf = "\x07nearest\x02of";
constexpr std::string_view kMetadata = "\x02kv\x09_metadata";
constexpr std::string_view kHealthy = "\x07healthy";
constexpr std::string_view kGroupKey = "fly_process_group";

// N of "top<N>": a positive number without leading zeros.
std::optional<std::uint32_t> parse_top(std::string_view label) {
  if (!label.starts_with("top") || label.size() < 4 || label[3] == '0') return std::nullopt;
  std::uint32_t count = 0;
  auto [end, failed] = std::from_chars(label.data() + 3, label.data() + label.size(), count);
  if (failed != std::errc{} || end != label.data() + label.size()) return std::nullopt;
  return count;
}

// The one label in front of `tail`, with its length byte; nothing when there are more or none.
std::optional<std::string_view> label_before(std::string_view relative, std::string_view tail) {
  if (relative.size() <= tail.size() || !relative.ends_with(tail)) return std::nullopt;
  auto label = relative.substr(0, relative.size() - tail.size());
  if (static_cast<std::size_t>(static_cast<unsigned char>(label[0])) + 1 != label.size())
    return std::nullopt;
  return label;
}

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

// ---- compiling
// -------------------------------------------------------------------------------------

class AppNamesBuilder {
 public:
  AppNamesBuilder(AppNames& names, const Snapshot& snapshot, const AppView& app,
                  const Vantage& vantage, const Ip6* own)
      : names_(names), snapshot_(snapshot), app_(app), vantage_(vantage), own_(own) {}

  void build() {
    rank_machines();
    rank_by_distance();
    names_.sets_.push_back({0, static_cast<std::uint32_t>(ranked_.size()), false});
    for (std::uint32_t rank = 0; rank < ranked_.size(); ++rank)
      enlist(*ranked_[rank].machine, rank);
    for (const MachineRecord* machine : silent_) enlist(*machine, kNoRank);
    store_names();
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

  void rank_machines() {
    find_candidates();
    assign_tiers();
    std::sort(ranked_.begin(), ranked_.end(), [](const Candidate& a, const Candidate& b) {
      return a.tier != b.tier ? a.tier < b.tier : a.machine->address < b.machine->address;
    });
    names_.blocks_.reserve(ranked_.size());
    for (std::uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      if (rank + 1 == ranked_.size() || ranked_[rank + 1].tier != ranked_[rank].tier)
        names_.tier_ends_.push_back(rank + 1);
      names_.blocks_.push_back(render_address(ranked_[rank].machine->address));
    }
  }

  void rank_by_distance() {
    auto& order = names_.nearest_;
    for (std::uint32_t rank = 0; rank < ranked_.size(); ++rank) order.push_back(rank);
    std::stable_sort(order.begin(), order.end(),
                     [this](auto a, auto b) { return ranked_[a].distance < ranked_[b].distance; });
    for (std::uint32_t i = 0; i < order.size(); ++i)
      if (i + 1 == order.size() || ranked_[order[i + 1]].distance != ranked_[order[i]].distance)
        names_.nearest_ends_.push_back(i + 1);
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
      known->second = {content(std::string(kHealthy)),
                       content(std::string(kHealthy) + label_of(region))};
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
    names_.slots_.resize(slots);
    for (auto& [relative, content] : contents_) {
      AppNames::Slot slot;
      slot.used = true;
      slot.hash = static_cast<std::uint32_t>(fast_hash(relative));
      slot.key = static_cast<std::uint32_t>(names_.keys_.size());
      slot.key_size = static_cast<std::uint16_t>(relative.size());
      slot.kind = content.kind;
      if (content.kind == AppNameKind::kMachines) slot.set = add_set(content.ranks);
      names_.keys_ += relative;
      auto place = slot.hash & (slots - 1);
      while (names_.slots_[place].used) place = (place + 1) & (slots - 1);
      names_.slots_[place] = slot;
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
      set.first = static_cast<std::uint32_t>(names_.members_.size());
      names_.members_.insert(names_.members_.end(), ranks.begin(), ranks.end());
    }
    names_.sets_.push_back(set);
    return static_cast<std::uint32_t>(names_.sets_.size() - 1);
  }

  void shrink() {
    names_.blocks_.shrink_to_fit();
    names_.tier_ends_.shrink_to_fit();
    names_.nearest_.shrink_to_fit();
    names_.nearest_ends_.shrink_to_fit();
    names_.members_.shrink_to_fit();
    names_.sets_.shrink_to_fit();
    names_.keys_.shrink_to_fit();
  }

  AppNames& names_;
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
                   const Ip6* own) {
  AppNamesBuilder(*this, snapshot, app, vantage, own).build();
}

// ---- looking up
// ------------------------------------------------------------------------------------

std::optional<AppName> AppNames::find(std::string_view relative) const {
  for (const auto& keyword : kKeywords)
    if (keyword.relative == relative) return AppName{keyword.kind, kAllMachines};
  if (auto top = label_before(relative, kNearestOf)) {
    auto limit = parse_top(top->substr(1));
    return limit ? std::optional(AppName{AppNameKind::kNearest, 0, *limit}) : std::nullopt;
  }
  auto hash = static_cast<std::uint32_t>(fast_hash(relative));
  auto mask = slots_.size() - 1;
  for (auto place = hash & mask; slots_[place].used; place = (place + 1) & mask) {
    const Slot& slot = slots_[place];
    if (slot.hash != hash || slot.key_size != relative.size()) continue;
    if (std::memcmp(keys_.data() + slot.key, relative.data(), relative.size()) == 0)
      return AppName{slot.kind, slot.set};
  }
  // An app without machines has this name too.
  if (relative == kHealthy) return AppName{AppNameKind::kMachines, kAllMachines};
  return std::nullopt;
}

std::size_t AppNames::count(const AppName& name) const {
  if (name.kind == AppNameKind::kMachines) return sets_[name.set].size;
  if (name.kind == AppNameKind::kNearest) return std::min<std::size_t>(name.limit, blocks_.size());
  return 0;
}

std::size_t AppNames::write(const AppName& name, const Ip6& asker, Rng& rng, std::size_t room,
                            char* out) const {
  if (name.kind == AppNameKind::kMachines) return write_set(sets_[name.set], rng, room, out);
  if (name.kind == AppNameKind::kNearest) return write_nearest(name.limit, asker, rng, room, out);
  return 0;
}

std::size_t AppNames::run_end(const Set& set, std::size_t i,
                              const std::vector<std::uint32_t>& ends) const {
  auto end_rank = *std::upper_bound(ends.begin(), ends.end(), rank(set, i));
  if (!set.listed) return std::min<std::size_t>(set.size, end_rank - set.first);
  auto begin = members_.begin() + set.first;
  return static_cast<std::size_t>(
      std::lower_bound(begin + static_cast<std::ptrdiff_t>(i), begin + set.size, end_rank) - begin);
}

// Tier by tier, each turned to a start drawn anew.
std::size_t AppNames::write_set(const Set& set, Rng& rng, std::size_t room, char* out) const {
  std::size_t written = 0;
  for (std::size_t begin = 0; begin < set.size && written < room;) {
    std::size_t end = run_end(set, begin, tier_ends_);
    std::size_t run = end - begin;
    std::size_t at = run > 1 ? begin + rng.below(run) : begin;
    for (std::size_t i = 0; i < run && written < room; ++i, ++written) {
      std::memcpy(out + written * kAddressBlockBytes, blocks_[rank(set, at)].data(),
                  kAddressBlockBytes);
      if (++at == end) at = begin;
    }
    begin = end;
  }
  return written;
}

std::size_t AppNames::write_nearest(std::size_t limit, const Ip6& asker, Rng& rng, std::size_t room,
                                    char* out) const {
  room = std::min(room, limit);
  std::size_t written = 0;
  auto put = [&](std::uint32_t rank) {
    std::memcpy(out + written++ * kAddressBlockBytes, blocks_[rank].data(), kAddressBlockBytes);
  };
  auto own = rank_of(asker);
  if (own && room > 0) put(*own);
  std::uint32_t begin = 0;
  for (auto end : nearest_ends_) {
    std::uint32_t at = begin + static_cast<std::uint32_t>(rng.below(end - begin));
    for (std::uint32_t i = begin; i < end && written < room; ++i) {
      if (nearest_[at] != own) put(nearest_[at]);
      if (++at == end) at = begin;
    }
    begin = end;
  }
  return written;
}

// The asker is on this host, so in the first tier, which is in order of address.
std::optional<std::uint32_t> AppNames::rank_of(const Ip6& address) const {
  if (tier_ends_.empty()) return std::nullopt;
  auto first = blocks_.begin();
  auto last = first + tier_ends_.front();
  constexpr std::size_t kAddressAt = kAddressBlockBytes - 16;
  auto before = [](const AddressBlock& block, const Ip6& ip) {
    return std::memcmp(block.data() + kAddressAt, ip.bytes.data(), ip.bytes.size()) < 0;
  };
  auto found = std::lower_bound(first, last, address, before);
  if (found == last ||
      std::memcmp(found->data() + kAddressAt, address.bytes.data(), address.bytes.size()) != 0)
    return std::nullopt;
  return static_cast<std::uint32_t>(found - first);
}

std::size_t AppNames::bytes() const {
  return sizeof *this + blocks_.capacity() * sizeof(AddressBlock) +
         sizeof(std::uint32_t) * (tier_ends_.capacity() + nearest_.capacity() +
                                  nearest_ends_.capacity() + members_.capacity()) +
         sets_.capacity() * sizeof(Set) + slots_.capacity() * sizeof(Slot) + keys_.capacity();
}

}  // namespace sixpn::dns
