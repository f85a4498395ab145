// Which zone a name belongs to, and what every zone has: apex, SOA, name server. Nothing of an own
// zone is ever forwarded, whether the name exists or not. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dns/core/answer.h"

namespace sixpn::dns {

enum class ZoneKind {
  kInternal,   // internal.
  kFlycast,    // flycast.
  kReverse,    // a.a.d.f.ip6.arpa., the reverse of fdaa::/16
  kLocalhost,  // localhost., RFC 6761 section 6.3
  kNoSuch,     // names that no resolver may leak: RFC 6761, RFC 6762 section 22.1, RFC 7686
  // Of this site, whoever asks: the reverse of addresses that mean something else elsewhere
  // (RFC 6303 section 4, RFC 7793), home.arpa. (RFC 8375) and alt. (RFC 9476). Empty, unless a
  // forward rule says who knows them (ForwardRules::has_local()).
  kLocal,
  kForeign,  // everything else
};

struct Zone {
  ZoneKind kind = ZoneKind::kForeign;
  std::string_view apex;  // text form, final dot included; "" for kForeign
  std::size_t depth = 0;  // labels of the apex
};

// Those that are answered here, .internal first. The longest that a name lies in is its zone.
std::span<const Zone> own_zones();
// `labels`: lower case, leftmost first. One of own_zones(), or a zone of kind kForeign.
const Zone& find_zone(std::span<const std::string_view> labels);

Name zone_apex(const Zone& zone);
// The host name of the resolver, in NS and SOA records; it exists in every network's view.
Name name_server();
ResourceRecord zone_soa(const Zone& zone, std::uint64_t generation);

}  // namespace sixpn::dns
