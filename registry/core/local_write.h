// LocalWrite: a change that this host wants in the registry. The registry stamps, signs, merges, keeps and
// spreads it. A value.
#pragma once

#include <string>

#include "registry/core/record.h"

namespace sixpn {

struct LocalWrite {
  RecordValue value;   // the whole new record; std::monostate when erasing
  bool erase = false;  // write a tombstone for `key`
  RecordKey key;       // only for erase: else the key follows from the value
  std::string org;     // whose right permits a shared record ("" for owned ones)
};

}  // namespace sixpn
