// View: one network as one asker sees it, for the length of one question. The names of a zone are
// looked up in it: internal_names.h, flycast_names.h, reverse_names.h each say what a name holds.
// References only; lives on the stack of answer(). Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
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
  std::vector<ResourceRecord> additional = {};
  std::string_view rule = {};  // as Answer's
};

// Lower case, leftmost first, without the labels of the zone's apex.
using Labels = std::span<const std::string_view>;

// A source that is no machine and no peer asks by Audience::extra_views, or through the admin
// socket: it is the host itself, so the operator. Addresses of that kind that nobody knows are not
// believed.
bool is_operator(const Ip6& source);

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
  // Asked by the cluster's operator, not by a tenant (is_operator()).
  [[nodiscard]] bool is_operators() const { return is_operator(source); }
};

// The asker's address where an app has to be compiled for it alone: it runs, and the registry does
// not say yet that it serves. Else null.
const Ip6* own_address(const Snapshot& snapshot, const NetworkView& names, const Ip6& source);

// The machine of <id>.vm.<app>, by its label; null: there is no such name.
const MachineRecord* find_vm(const View& view, const AppView& app, std::string_view id);

// In wire form, without the root: as AppNames::find() takes it.
std::string relative_wire(Labels labels);

// <id>.vm.<app>.internal; nothing when that is no name.
std::optional<Name> machine_name(const MachineRecord& machine);

inline NameContent existing_name() {
  return {.rule = "a name that only has names below it"};
}

inline NameContent by_rule(std::string_view rule, NameContent content) {
  content.rule = rule;
  return content;
}

}  // namespace sixpn::dns
