// The value part of a record to and from bytes (record.proto). Shape only: what a well-formed value
// may say is checked by record_rules.h. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/core/record.h"

namespace sixpn::registry {

std::string encode_value(const RecordValue& value);

// A kind from a newer version decodes to std::monostate. Errors: bytes that are no such message, a
// key or an address of the wrong length, a number out of its type's range.
Result<RecordValue> decode_value(RecordKind kind, std::string_view bytes);

}  // namespace sixpn::registry
