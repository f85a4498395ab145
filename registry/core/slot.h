// Slot: where a record lives in the store. Its key, and the scope of the right to write it: the
// owner of an owned record, the org of a shared one. Versions compete only inside a slot, so a host
// that may write org B cannot displace a record of org A, nor claim another host's machine: it
// writes beside it, and the snapshot decides which claim stands (snapshot_builder.h).
// decisions/0010.
#pragma once

#include <compare>
#include <string>

#include "registry/core/record.h"

namespace sixpn::registry {

struct Slot {
  RecordKey key;
  std::string scope;  // writer's host id (owned), org (shared), "" (root-signed)
  friend auto operator<=>(const Slot&, const Slot&) = default;
};

// Kinds of newer versions count as owned when they name no org.
inline bool is_owned(const Record& record) {
  if (is_root_signed(record.key.kind)) return false;
  return sixpn::is_owned(record.key.kind) || record.org.empty();
}

inline std::string scope_of(const Record& record) {
  return is_owned(record) ? to_string(record.writer) : record.org.str();
}
inline Slot slot_of(const Record& record) {
  return {record.key, scope_of(record)};
}

}  // namespace sixpn::registry
