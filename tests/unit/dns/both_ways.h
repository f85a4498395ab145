// A message through the servers' own path (Responder) and, beside it, through the long way
// (resolve()): two roads to one answer, which must say the same.
#pragma once

#include <string>
#include <string_view>

#include "dns/core/resolve.h"
#include "dns/core/responder.h"

namespace sixpn::dns::testing {

struct BothWays {
  Outcome outcome;         // of the responder; the query as resolve() parsed it
  std::string difference;  // empty: they agree
};

BothWays ask_both_ways(const Snapshot* snapshot, const Audience& audience, std::string_view message,
                       const Ip6& source, Transport transport, std::uint64_t seed = 1);

}  // namespace sixpn::dns::testing
