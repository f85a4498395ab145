#include "dns/core/host_names.h"

#include <algorithm>
#include <string>

#include "dns/core/selection.h"
#include "dns/core/text_lists.h"
#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

using Found = std::optional<NameContent>;

// ---- forward
// -----------------------------------------------------------------------------------

const HostView* usable_host(const View& view, HostId id) {
  const HostView* host = view.snapshot.find_host(id);
  return host != nullptr && host->usable() ? host : nullptr;
}

Found find_proxy(const View& view, Labels before) {
  if (view.indexed == nullptr || before.size() > 1) return std::nullopt;
  if (before.empty()) return existing_name();
  auto id = parse_host_id(before[0]);
  if (!id || usable_host(view, *id) == nullptr) return std::nullopt;
  return by_rule("where a host dials this network's machines from",
                 {kTypeAaaa, {proxy_address(view.network, *id)}});
}

Found find_host(const View& view, Labels before) {
  if (!view.is_operators() || before.size() > 1) return std::nullopt;
  if (before.empty()) return list_hosts(view);
  const HostView* host = view.snapshot.find_host(std::string(before[0]));
  if (host == nullptr) return std::nullopt;
  return by_rule("a host's own address", {kTypeAaaa, {host_address(host->record.id)}});
}

// ---- reverse
// ------------------------------------------------------------------------------------

// The first host with an address inside both prefixes. `address_of` rises with the host's id, which
// is in words 3 and 4 of what it gives.
template <class AddressOf, class Accept>
const HostView* first_host(const View& view, const Prefix6& prefix, const Prefix6& within,
                           AddressOf address_of, Accept accept) {
  if (!prefix.contains(within.ip) && !within.contains(prefix.ip)) return nullptr;
  const auto& hosts = view.snapshot.hosts;
  auto from = within.contains(prefix.ip) ? host_of(prefix.ip) : HostId{};
  for (auto it = hosts.lower_bound(from); it != hosts.end(); ++it) {
    view.index.look_at(1);
    bool inside = prefix.contains(address_of(it->first));
    if (inside && accept(it->second)) return &it->second;
    if (!inside && prefix.ip < address_of(it->first)) break;
  }
  return nullptr;
}

}  // namespace

std::optional<NameContent> find_host_name(const View& view, std::string_view label, Labels before) {
  if (label == "_proxy") return find_proxy(view, before);
  if (label == "_hosts") return find_host(view, before);
  if (label == "_registry" && before.empty() && view.indexed != nullptr)
    return describe_registry(view);
  return std::nullopt;
}

std::optional<Name> host_name_in(const View& view, const Prefix6& prefix) {
  if (view.indexed == nullptr) return std::nullopt;
  const HostView* proxy = first_host(
      view, prefix, network_prefix(view.network),
      [&](HostId id) { return proxy_address(view.network, id); },
      [](const HostView& host) { return host.usable(); });
  if (proxy != nullptr)
    return Name::from_labels({to_string(proxy->record.id), "_proxy", "internal"});
  if (!view.is_operators()) return std::nullopt;
  // Of hosts that share a name, the name is one's.
  const HostView* host = first_host(
      view, prefix, network_prefix(kInfrastructureNetwork),
      [](HostId id) { return host_address(id); },
      [&](const HostView& each) { return view.snapshot.find_host(each.record.name) == &each; });
  if (host == nullptr) return std::nullopt;
  return Name::from_labels({host->record.name, "_hosts", "internal"});
}

}  // namespace sixpn::dns
