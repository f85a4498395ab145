// Reads a name that may be compressed (RFC 1035 section 4.1.4), from bytes that nobody vouches for:
// a pointer goes before the piece of the name that it stands in, never into the header, and a name
// has at most kMostPointers of them and 255 bytes. So what one name costs is bounded. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "dns/core/name.h"
#include "dns/core/wire_reader.h"

namespace sixpn::dns {

// As many as a name has labels at most.
inline constexpr int kMostPointers = 127;

// The name where `reader` is, which steps behind it. `message`: what `reader` reads. Nothing when
// it is malformed, or the reader failed before.
std::optional<Name> read_name(std::string_view message, WireReader& reader);

}  // namespace sixpn::dns
