#include "dns/core/zone.h"

#include <algorithm>
#include <array>

namespace sixpn::dns {
namespace {

constexpr std::array kZones = {
    Zone{ZoneKind::kInternal, "internal.", 1},
    Zone{ZoneKind::kFlycast, "flycast.", 1},
    Zone{ZoneKind::kReverse, "a.a.d.f.ip6.arpa.", 6},
    Zone{ZoneKind::kLocalhost, "localhost.", 1},
    Zone{ZoneKind::kNoSuch, "invalid.", 1},
    Zone{ZoneKind::kNoSuch, "test.", 1},
    Zone{ZoneKind::kNoSuch, "onion.", 1},
    Zone{ZoneKind::kNoSuch, "local.", 1},
};
constexpr Zone kForeignZone{};

bool is_inside(std::span<const std::string_view> labels, const Zone& zone) {
  if (labels.size() < zone.depth) return false;
  std::string_view rest = zone.apex;
  for (auto label : labels.last(zone.depth)) {
    bool same = label.size() < rest.size() && rest.starts_with(label) && rest[label.size()] == '.';
    if (!same) return false;
    rest.remove_prefix(label.size() + 1);
  }
  return true;
}

}  // namespace

const Zone& find_zone(std::span<const std::string_view> labels) {
  for (const auto& zone : kZones)
    if (is_inside(labels, zone)) return zone;
  return kForeignZone;
}

std::span<const Zone> own_zones() {
  return kZones;
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
