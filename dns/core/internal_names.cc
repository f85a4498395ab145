#include "dns/core/internal_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "dns/core/selection.h"
#include "dns/core/text_lists.h"
#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

using Found = std::optional<NameContent>;

enum class Order { kByRegion, kByDistance };

NameContent address_of(const Ip6& ip) {
  return {kTypeAaaa, {ip}};
}

NameContent machines_of(const View& view, const Machines& candidates,
                        Order order = Order::kByRegion, std::size_t limit = SIZE_MAX) {
  if (!view.wants(kTypeAaaa)) return {kTypeAaaa, {}};
  Machines machines = answered(view, candidates);
  if (order == Order::kByDistance)
    order_by_distance(view, machines);
  else
    order_by_region(view, machines);
  machines.resize(std::min(limit, machines.size()));
  return {kTypeAaaa, addresses(machines)};
}

// The registered machines of `app` that match; no such name when there are none.
template <class Predicate>
Found matching(const View& view, const AppView& app, Predicate matches) {
  Machines found;
  for (const auto& machine : app.machines)
    if (is_registered(*machine) && matches(*machine)) found.push_back(machine);
  if (found.empty()) return std::nullopt;
  return machines_of(view, found);
}

// ---- what stands before <app>.internal
// ------------------------------------------------------------- Each takes the labels left of its
// keyword.

Found find_global(const View& view, const AppView& app, Labels before) {
  if (!before.empty()) return std::nullopt;
  return machines_of(view, app.machines);
}

std::optional<ListScope> list_scope(Labels before) {
  if (before.empty()) return ListScope::kAnswered;
  if (before.size() == 1 && before[0] == "all") return ListScope::kAll;
  return std::nullopt;
}

Found find_vms(const View& view, const AppView& app, Labels before) {
  auto scope = list_scope(before);
  return scope ? Found(list_machines(view, app, *scope)) : std::nullopt;
}

Found find_regions(const View& view, const AppView& app, Labels before) {
  auto scope = list_scope(before);
  return scope ? Found(list_regions(view, app, *scope)) : std::nullopt;
}

Found find_vm(const View& view, const AppView& app, Labels before) {
  if (before.empty()) return existing_name();
  auto id = parse_machine_id(before[0]);
  if (before.size() != 1 || !id) return std::nullopt;
  auto found = view.names.machines.find(*id);
  if (found == view.names.machines.end()) return std::nullopt;
  const MachineRecord& machine = *found->second;
  if (machine.app != app.app.name || !is_answered(view, machine)) return std::nullopt;
  return address_of(machine.address);
}

Found find_process(const View& view, const AppView& app, Labels before) {
  if (before.empty()) return existing_name();
  if (before.size() != 1) return std::nullopt;
  return matching(view, app, [&](const MachineRecord& m) { return m.group == before[0]; });
}

// N of "top<N>": a positive number without leading zeros.
std::optional<std::size_t> parse_top(std::string_view label) {
  if (!label.starts_with("top") || label.size() < 4 || label[3] == '0') return std::nullopt;
  std::uint32_t count = 0;
  auto [end, failed] = std::from_chars(label.data() + 3, label.data() + label.size(), count);
  if (failed != std::errc{} || end != label.data() + label.size()) return std::nullopt;
  return count;
}

Found find_of(const View& view, const AppView& app, Labels before) {
  if (before.empty()) return existing_name();
  if (before.size() > 2 || before.back() != "nearest") return std::nullopt;
  if (before.size() == 1) return existing_name();
  auto count = parse_top(before[0]);
  if (!count) return std::nullopt;
  return machines_of(view, app.machines, Order::kByDistance, *count);
}

// The value under `key` in lower case, as names are compared. A machine's process group is metadata
// too.
std::optional<std::string> metadata_value(const MachineRecord& machine, std::string_view key) {
  for (auto [name, value] : machine.metadata)
    if (to_lower(name) == key) return to_lower(value);
  if (key == "fly_process_group") return machine.group;
  return std::nullopt;
}

std::string join(Labels labels) {
  std::string joined;
  for (auto label : labels) {
    if (!joined.empty()) joined += '.';
    joined += label;
  }
  return joined;
}

// <value>.<key>.kv._metadata. A value may hold dots, and so span labels: then the tails of the
// value are empty non-terminals.
Found find_metadata(const View& view, const AppView& app, Labels before) {
  if (before.empty()) return existing_name();
  if (before.back() != "kv") return std::nullopt;
  if (before.size() == 1) return existing_name();
  auto key = before[before.size() - 2];
  auto value = join(before.first(before.size() - 2));
  auto has_value = [&](const MachineRecord& m) { return metadata_value(m, key) == value; };
  if (auto found = matching(view, app, has_value)) return found;
  auto tail = value.empty() ? value : "." + value;
  for (const auto& machine : app.machines) {
    auto whole = metadata_value(*machine, key);
    if (is_registered(*machine) && whole && whole->ends_with(tail)) return existing_name();
  }
  return std::nullopt;
}

Found find_region(const View& view, const AppView& app, std::string_view region) {
  return matching(view, app, [&](const MachineRecord& m) { return m.region == region; });
}

using Finder = Found (*)(const View&, const AppView&, Labels);
// Keywords win over regions of the same three letters.
constexpr std::array<std::pair<std::string_view, Finder>, 7> kKeywords = {{
    {"global", find_global},
    {"vms", find_vms},
    {"regions", find_regions},
    {"vm", find_vm},
    {"process", find_process},
    {"of", find_of},
    {"_metadata", find_metadata},
}};

Found find_in_app(const View& view, const AppView& app, Labels before) {
  if (before.empty()) return machines_of(view, app.machines);
  for (const auto& [keyword, find] : kKeywords)
    if (keyword == before.back()) return find(view, app, before.first(before.size() - 1));
  if (before.size() != 1) return std::nullopt;
  return find_region(view, app, before[0]);
}

// ---- names of the network
// --------------------------------------------------------------------------

// Where this asker reaches the resolver and the Machines API.
Ip6 resolver_address(const View& view) {
  if (classify(view.viewer.source) == AddressKind::kPeer)
    return peer_resolver_address(view.network);
  return kResolverAddress;
}

Found find_of_network(const View& view, std::string_view label, Labels before) {
  if (label == "_instances") {
    auto scope = list_scope(before);
    return scope ? Found(list_instances(view, *scope)) : std::nullopt;
  }
  if (label == "_peer" && before.size() == 1) {
    auto peer = view.names.peers.find(std::string(before[0]));
    return peer == view.names.peers.end() ? std::nullopt : Found(address_of(peer->second.address));
  }
  if (!before.empty()) return std::nullopt;
  if (label == "_peer") return list_peers(view);
  if (label == "_apps") return list_apps(view);
  if (label == "_api" || label == "_dns") return address_of(resolver_address(view));
  return std::nullopt;
}

}  // namespace

std::optional<NameContent> find_internal(const View& view, Labels labels) {
  auto last = labels.back();
  auto before = labels.first(labels.size() - 1);
  if (last.starts_with('_')) return find_of_network(view, last, before);
  auto app = view.names.apps.find(std::string(last));
  if (app == view.names.apps.end()) return std::nullopt;
  return find_in_app(view, app->second, before);
}

}  // namespace sixpn::dns
