// The lines of `GET /v1/registry/watch` (docs/api.md), each ended by a newline. Pure.
#pragma once

#include <string>

#include "registry/core/snapshot_diff.h"

namespace sixpn::agent {

// {"type":"value","kind":"machine","key":"machine/...","value":{...}}: part of a full state.
std::string value_line(const RecordKey& key, const WatchedRef& value);
// {"type":"change","generation":42,"kind":...,"key":...,"old":{...}|null,"new":{...}|null}
std::string change_line(std::uint64_t generation, const SnapshotChange& change);

// {"type":"held","generation":42,"network":"...","held":true|false}: all machines of the network
// are known from here on (and listed next), or none are told any more: they are not gone.
std::string held_line(std::uint64_t generation, NetworkId network, bool held);

}  // namespace sixpn::agent
