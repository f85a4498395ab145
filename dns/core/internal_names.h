// The names of .internal (docs/dns.md has the table for users). One grammar, read from the right:
// an underscore name of the network, or an app and what of it. Nothing: no such name (NXDOMAIN).
//
// A name exists while something registered bears it, in whatever state: a region, group or metadata
// value whose machines are all stopped is NODATA. Only <id>.vm names a running machine, and goes
// with it (docs/decisions/0050-names-that-exist.md). Pure.
#pragma once

#include <optional>

#include "dns/core/view.h"

namespace sixpn::dns {

// `labels` is not empty: the apex belongs to zone.h.
std::optional<NameContent> find_internal(const View& view, Labels labels);

}  // namespace sixpn::dns
