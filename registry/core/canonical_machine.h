// A machine's record read straight from its bytes, where these are exactly what encoding it gives:
// most of a registry, and most of a cold start. Whatever differs by a bit (fields of a newer
// version, another order, a zero written out) is for the general decoder. Only record_codec.cc
// calls this.
#pragma once

#include <optional>
#include <string_view>

#include "registry/core/record.h"

namespace sixpn::registry {

// `body`: an encoded RecordBody (record.proto). Shape only, as decode_value. Where it reads a
// record, encoding that gives `body`.
std::optional<Record> read_canonical_machine(std::string_view body);

}  // namespace sixpn::registry
