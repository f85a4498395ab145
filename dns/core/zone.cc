#include "dns/core/zone.h"

#include <algorithm>
#include <array>

namespace sixpn::dns {
namespace {

struct ZoneEntry {
  std::array<std::string_view, 6> labels;  // of the apex; the last `zone.depth` of them count
  Zone zone;
};

constexpr std::array kZones = {
    ZoneEntry{{"internal"}, {ZoneKind::kInternal, "internal.", 1}},
    ZoneEntry{{"flycast"}, {ZoneKind::kFlycast, "flycast.", 1}},
    ZoneEntry{{"a", "a", "d", "f", "ip6", "arpa"}, {ZoneKind::kReverse, "a.a.d.f.ip6.arpa.", 6}},
    ZoneEntry{{"localhost"}, {ZoneKind::kLocalhost, "localhost.", 1}},
    ZoneEntry{{"invalid"}, {ZoneKind::kNoSuch, "invalid.", 1}},
    ZoneEntry{{"test"}, {ZoneKind::kNoSuch, "test.", 1}},
    ZoneEntry{{"onion"}, {ZoneKind::kNoSuch, "onion.", 1}},
    ZoneEntry{{"local"}, {ZoneKind::kNoSuch, "local.", 1}},
};
constexpr Zone kForeignZone{};

bool is_inside(std::span<const std::string_view> labels, const ZoneEntry& entry) {
  if (labels.size() < entry.zone.depth) return false;
  return std::equal(labels.end() - static_cast<std::ptrdiff_t>(entry.zone.depth), labels.end(),
                    entry.labels.begin());
}

}  // namespace

const Zone& find_zone(std::span<const std::string_view> labels) {
  for (const auto& entry : kZones)
    if (is_inside(labels, entry)) return entry.zone;
  return kForeignZone;
}

Name zone_apex(const Zone& zone) {
  return Name::from_text(zone.apex).value_or(Name());
}

Name name_server() {
  return Name::from_labels({"_dns", "internal"}).value_or(Name());
}

ResourceRecord zone_soa(const Zone& zone, std::uint64_t generation) {
  Soa soa{name_server(), Name::from_labels({"hostmaster", "internal"}).value_or(Name()),
          static_cast<std::uint32_t>(generation)};
  return {zone_apex(zone), kTypeSoa, std::move(soa)};
}

}  // namespace sixpn::dns
