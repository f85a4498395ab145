// The reverse zone of fdaa::/16 (RFC 3596 section 2.5): 28 nibbles under a.a.d.f.ip6.arpa are the
// name of a machine, peer, Flycast or proxy address of the asker's own network, or for the operator
// of a host; fewer are an empty non-terminal when an address lies below them. Every other network's
// addresses do not exist. Pure.
#pragma once

#include <optional>

#include "dns/core/view.h"

namespace sixpn::dns {

// The address of a whole reverse name, zone included: 32 nibbles under ip6.arpa. Nothing for less.
std::optional<Ip6> parse_reverse_name(Labels labels);

// `labels` is not empty. Nothing: no such name.
std::optional<NameContent> find_reverse(const View& view, Labels labels);

}  // namespace sixpn::dns
