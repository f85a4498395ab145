// What names say about hosts and about the registry itself.
//
// To everybody: <host id>._proxy, the address that a machine of this network sees when that host
// dials it (Flycast, checks), and _registry, how current this network's names are. To the operator
// alone: _hosts, <name>._hosts, and what _registry says about the whole registry. Hosts, their
// names and their state belong to the cluster, not to a tenant (docs/decisions/0096). Pure.
#pragma once

#include <optional>

#include "dns/core/view.h"

namespace sixpn::dns {

// `label` stands left of .internal, `before` left of it. Nothing: none of these names, or not for
// this asker.
std::optional<NameContent> find_host_name(const View& view, std::string_view label, Labels before);

// The name of the first host that has an address inside `prefix`: its proxy's in the asker's
// network, or for the operator its own.
std::optional<Name> host_name_in(const View& view, const Prefix6& prefix);

}  // namespace sixpn::dns
