#include "dns/core/internal_names.h"

#include <string>

#include "dns/core/host_names.h"
#include "dns/core/selection.h"
#include "dns/core/service_names.h"
#include "dns/core/text_lists.h"
#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

using Found = std::optional<NameContent>;

NameContent address_of(const Ip6& ip) {
  return {kTypeAaaa, {ip}};
}

// ---- names of an app
// -------------------------------------------------------------------------------------

// What the machines of a name have in common.
std::string_view rule_of(Labels before, const AppName& name) {
  if (name.kind == AppNameKind::kNearest)
    return "started machines strictly by round trip, the asker first";
  if (before.empty() || before[0] == "global")
    return "all started machines: the asker's region first, then region by region by round trip";
  if (before.back() == "process")
    return "started machines of a process group, nearest region first";
  if (before.back() == "_metadata")
    return "started machines that have the metadata, nearest region first";
  if (before[0] == "healthy")
    return "started machines whose checks pass or that have none, nearest region first";
  return "started machines of a region";
}

NameContent machines_of(const View& view, const AppNames& names, const AppName& name,
                        std::string_view rule) {
  NameContent content{.type = kTypeAaaa, .rule = rule};
  if (!view.wants(kTypeAaaa)) return content;
  std::string blocks(names.count(name) * kAddressBlockBytes, '\0');
  auto count = names.write(name, view.source, view.rng, names.count(name), blocks.data());
  content.rdata.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    content.rdata.emplace_back(address_in(&blocks[i * kAddressBlockBytes]));
  return content;
}

Found find_in_app(const View& view, std::string_view label, Labels before) {
  if (view.indexed == nullptr) return std::nullopt;
  const AppView* app = view.index.app_view(*view.indexed, label);
  if (app == nullptr) return std::nullopt;
  // The one kind of name that AppNames leaves to the registry's own index.
  if (before.size() == 2 && before[1] == "vm") {
    const MachineRecord* machine = find_vm(view, *app, before[0]);
    if (machine == nullptr) return std::nullopt;
    return by_rule("one machine, while it is started", address_of(machine->address));
  }
  auto reach = before.empty() ? AppNames::Reach::kOwnName : AppNames::Reach::kAllNames;
  const AppNames* names = view.index.app(*view.indexed, label, reach,
                                         own_address(view.snapshot, view.names, view.source));
  auto found = names->find(relative_wire(before));
  if (!found) return find_service(view, *app, *names, before);
  switch (found->kind) {
    case AppNameKind::kNothing:
      return existing_name();
    case AppNameKind::kMachines:
    case AppNameKind::kNearest:
      return machines_of(view, *names, *found, rule_of(before, *found));
    case AppNameKind::kVmList:
      return list_machines(view, *app, ListScope::kAnswered);
    case AppNameKind::kAllVmList:
      return list_machines(view, *app, ListScope::kAll);
    case AppNameKind::kRegionList:
      return list_regions(view, *app, ListScope::kAnswered);
    case AppNameKind::kAllRegionList:
      return list_regions(view, *app, ListScope::kAll);
  }
  return std::nullopt;
}

// ---- names of the network
// --------------------------------------------------------------------------

// Where this asker reaches the resolver and the Machines API.
Ip6 resolver_address(const View& view) {
  if (classify(view.source) == AddressKind::kPeer) return peer_resolver_address(view.network);
  return kResolverAddress;
}

std::optional<ListScope> list_scope(Labels before) {
  if (before.empty()) return ListScope::kAnswered;
  if (before.size() == 1 && before[0] == "all") return ListScope::kAll;
  return std::nullopt;
}

Found find_of_network(const View& view, std::string_view label, Labels before) {
  if (label == "_instances") {
    auto scope = list_scope(before);
    return scope ? Found(list_instances(view, *scope)) : std::nullopt;
  }
  if (label == "_peer" && before.size() == 1) {
    auto peer = view.names.peers.find(std::string(before[0]));
    if (peer == view.names.peers.end()) return std::nullopt;
    return by_rule("a peer of the network", address_of(peer->second.address));
  }
  if (auto found = find_host_name(view, label, before)) return found;
  if (!before.empty()) return std::nullopt;
  if (label == "_peer") return list_peers(view);
  if (label == "_apps") return list_apps(view);
  if (label == "_api" || label == "_dns")
    return by_rule("where the asker reaches this host", address_of(resolver_address(view)));
  return std::nullopt;
}

}  // namespace

std::optional<NameContent> find_internal(const View& view, Labels labels) {
  auto last = labels.back();
  auto before = labels.first(labels.size() - 1);
  if (last.starts_with('_')) return find_of_network(view, last, before);
  return find_in_app(view, last, before);
}

}  // namespace sixpn::dns
