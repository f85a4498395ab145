#include "dns/core/reverse_names.h"

#include "base/encoding.h"
#include "dns/core/host_names.h"
#include "dns/core/selection.h"
#include "dns/core/zone.h"
#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

// The prefix that the nibbles name, most significant last: 16 + 4 per label bits long.
std::optional<Prefix6> parse_nibbles(Labels labels) {
  constexpr std::size_t kZoneNibbles = 4;
  if (labels.size() > 32 - kZoneNibbles) return std::nullopt;
  Prefix6 prefix{kMeshPrefix.ip, 16};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    auto label = labels[labels.size() - 1 - i];
    int value = label.size() == 1 ? hex_value(label[0]) : -1;
    if (value < 0) return std::nullopt;
    std::size_t nibble = kZoneNibbles + i;
    auto shifted = nibble % 2 == 0 ? value << 4 : value;
    prefix.ip.bytes[nibble / 2] |= static_cast<std::uint8_t>(shifted);
    prefix.length += 4;
  }
  return prefix;
}

// The name of one address, by the records of the asker's network.
std::optional<Name> name_of(const View& view, const MachineRecord& machine) {
  if (!is_answered(view.snapshot, machine, &view.source)) return std::nullopt;
  return machine_name(machine);
}

std::optional<Name> name_of(const FlycastRecord& record) {
  if (record.service_name.empty()) return Name::from_labels({record.app, "flycast"});
  return Name::from_labels({record.service_name, "svc", record.app, "flycast"});
}

std::optional<Name> name_of(const PeerRecord& peer) {
  return Name::from_labels({peer.name, "_peer", "internal"});
}

// The name of the first address inside `prefix` that has one; of a /128, the name of that address.
std::optional<Name> first_name(const View& view, const Prefix6& prefix) {
  for (const Ip6& resolver : {kResolverAddress, peer_resolver_address(view.network)})
    if (prefix.contains(resolver)) return name_server();
  const auto& machines = view.names.machines_by_address;
  for (auto it = machines.lower_bound(prefix.ip);
       it != machines.end() && prefix.contains(it->first); ++it) {
    view.index.look_at(1);
    if (auto name = name_of(view, *it->second)) return name;
  }
  const auto& flycast = view.names.flycast;
  auto service = flycast.lower_bound(prefix.ip);
  if (service != flycast.end() && prefix.contains(service->first)) return name_of(service->second);
  view.index.look_at(view.names.peers.size());
  for (const auto& [name, peer] : view.names.peers)
    if (prefix.contains(peer.address)) return name_of(peer);
  return host_name_in(view, prefix);
}

}  // namespace

std::optional<Ip6> parse_reverse_name(Labels labels) {
  constexpr std::size_t kZoneLabels = 6;
  if (labels.size() != 32 + 2) return std::nullopt;
  auto prefix = parse_nibbles(labels.first(labels.size() - kZoneLabels));
  return prefix ? std::optional(prefix->ip) : std::nullopt;
}

std::optional<NameContent> find_reverse(const View& view, Labels labels) {
  auto prefix = parse_nibbles(labels);
  if (!prefix) return std::nullopt;
  auto name = first_name(view, *prefix);
  if (!name) return std::nullopt;
  if (prefix->length < 128) return existing_name();
  return by_rule("the name of an address", {kTypePtr, {*name}});
}

}  // namespace sixpn::dns
