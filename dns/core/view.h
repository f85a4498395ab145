// View: one network as one asker sees it, for the length of one question. The names of a zone are
// looked up in it: internal_names.h, flycast_names.h, reverse_names.h each say what a name holds.
// References only; lives on the stack of answer(). Pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dns/core/answer.h"
#include "dns/core/name_index.h"

namespace sixpn::dns {

// What a name that exists holds: at most one RRset. Empty rdata: the name exists without data of
// that type (an empty non-terminal, an app with nothing started), so every type is NODATA.
struct NameContent {
  RrType type = 0;
  std::vector<Rdata> rdata;
  bool list_cut = false;
  bool lasting = true;  // as Answer's
};

// Lower case, leftmost first, without the labels of the zone's apex.
using Labels = std::span<const std::string_view>;

struct View {
  const Snapshot& snapshot;
  NetworkId network;
  const NetworkView& names;
  NameIndex& index;
  NameIndex::Network* indexed;  // null: the snapshot has no such network
  const Ip6& source;
  RrType asked = 0;
  Rng& rng;

  // Whether rdata of `type` is worth computing: content of another type may stay empty.
  [[nodiscard]] bool wants(RrType type) const { return asked == type || asked == kTypeAny; }
};

// The asker's address where an app has to be compiled for it alone: it runs, and the registry does
// not say yet that it serves. Else null.
const Ip6* own_address(const Snapshot& snapshot, const NetworkView& names, const Ip6& source);

inline NameContent existing_name() {
  return {};
}

}  // namespace sixpn::dns
