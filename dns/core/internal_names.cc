#include "dns/core/internal_names.h"

#include <cstring>
#include <string>

#include "dns/core/selection.h"
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

// <id>.vm.<app>, the one kind of name that AppNames leaves to the registry's own index.
Found find_vm(const View& view, const AppView& app, std::string_view label) {
  auto id = parse_machine_id(label);
  if (!id) return std::nullopt;
  auto found = view.names.machines.find(*id);
  if (found == view.names.machines.end()) return std::nullopt;
  const MachineRecord& machine = *found->second;
  if (machine.app != app.app.name || !is_answered(view.snapshot, machine, &view.source))
    return std::nullopt;
  return address_of(machine.address);
}

NameContent machines_of(const View& view, const AppNames& names, const AppName& name) {
  NameContent content{kTypeAaaa, {}};
  if (!view.wants(kTypeAaaa)) return content;
  std::string blocks(names.count(name) * kAddressBlockBytes, '\0');
  auto count = names.write(name, view.source, view.rng, names.count(name), blocks.data());
  content.rdata.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Ip6 ip;
    auto end = (i + 1) * kAddressBlockBytes;
    std::memcpy(ip.bytes.data(), blocks.data() + end - ip.bytes.size(), ip.bytes.size());
    content.rdata.emplace_back(ip);
  }
  return content;
}

std::string relative_wire(Labels labels) {
  std::string wire;
  for (auto label : labels) {
    wire += static_cast<char>(label.size());
    wire += label;
  }
  return wire;
}

Found find_in_app(const View& view, std::string_view label, Labels before) {
  if (view.indexed == nullptr) return std::nullopt;
  const AppView* app = view.index.app_view(*view.indexed, label);
  if (app == nullptr) return std::nullopt;
  if (before.size() == 2 && before[1] == "vm") return find_vm(view, *app, before[0]);
  const AppNames* names =
      view.index.app(*view.indexed, label, own_address(view.snapshot, view.names, view.source));
  auto found = names->find(relative_wire(before));
  if (!found) return std::nullopt;
  switch (found->kind) {
    case AppNameKind::kNothing:
      return existing_name();
    case AppNameKind::kMachines:
    case AppNameKind::kNearest:
      return machines_of(view, *names, *found);
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
    return peer == view.names.peers.end() ? std::nullopt : Found(address_of(peer->second.address));
  }
  if (!before.empty()) return std::nullopt;
  if (label == "_peer") return list_peers(view);
  if (label == "_apps") return list_apps(view);
  if (label == "_api" || label == "_dns") return address_of(resolver_address(view));
  return std::nullopt;
}

}  // namespace

const Ip6* own_address(const Snapshot& snapshot, const NetworkView& names, const Ip6& source) {
  auto machine = names.machines_by_address.find(source);
  if (machine == names.machines_by_address.end()) return nullptr;
  bool serves = snapshot.is_serving(*machine->second);
  return !serves && is_answered(snapshot, *machine->second, &source) ? &source : nullptr;
}

std::optional<NameContent> find_internal(const View& view, Labels labels) {
  auto last = labels.back();
  auto before = labels.first(labels.size() - 1);
  if (last.starts_with('_')) return find_of_network(view, last, before);
  return find_in_app(view, last, before);
}

}  // namespace sixpn::dns
