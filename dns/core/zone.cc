#include "dns/core/zone.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sixpn::dns {
namespace {

// Those before kLocal first: the reverse of our own addresses lies in d.f.ip6.arpa.
constexpr std::array kPlainZones = {
    Zone{ZoneKind::kInternal, "internal.", 1},
    Zone{ZoneKind::kFlycast, "flycast.", 1},
    Zone{ZoneKind::kReverse, "a.a.d.f.ip6.arpa.", 6},
    Zone{ZoneKind::kLocalhost, "localhost.", 1},
    Zone{ZoneKind::kNoSuch, "invalid.", 1},
    Zone{ZoneKind::kNoSuch, "test.", 1},
    Zone{ZoneKind::kNoSuch, "onion.", 1},
    Zone{ZoneKind::kNoSuch, "local.", 1},
    Zone{ZoneKind::kLocal, "alt.", 1},        // RFC 9476
    Zone{ZoneKind::kLocal, "home.arpa.", 2},  // RFC 8375
    // RFC 6303 section 4.1; 172.16.0.0/12 is below.
    Zone{ZoneKind::kLocal, "10.in-addr.arpa.", 3},
    Zone{ZoneKind::kLocal, "168.192.in-addr.arpa.", 4},
    // Section 4.2.
    Zone{ZoneKind::kLocal, "0.in-addr.arpa.", 3},
    Zone{ZoneKind::kLocal, "127.in-addr.arpa.", 3},
    Zone{ZoneKind::kLocal, "254.169.in-addr.arpa.", 4},
    Zone{ZoneKind::kLocal, "2.0.192.in-addr.arpa.", 5},
    Zone{ZoneKind::kLocal, "100.51.198.in-addr.arpa.", 5},
    Zone{ZoneKind::kLocal, "113.0.203.in-addr.arpa.", 5},
    Zone{ZoneKind::kLocal, "255.255.255.255.in-addr.arpa.", 6},
    // Section 4.3: :: and ::1.
    Zone{ZoneKind::kLocal,
         "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", 34},
    Zone{ZoneKind::kLocal,
         "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", 34},
    // Section 4.4.
    Zone{ZoneKind::kLocal, "d.f.ip6.arpa.", 4},
    // Section 4.5.
    Zone{ZoneKind::kLocal, "8.e.f.ip6.arpa.", 5},
    Zone{ZoneKind::kLocal, "9.e.f.ip6.arpa.", 5},
    Zone{ZoneKind::kLocal, "a.e.f.ip6.arpa.", 5},
    Zone{ZoneKind::kLocal, "b.e.f.ip6.arpa.", 5},
    // Section 4.6.
    Zone{ZoneKind::kLocal, "8.b.d.0.1.0.0.2.ip6.arpa.", 10},
};

// The zones <second>.<first>.in-addr.arpa., `second` from `from` on, `Count` of them.
template <int Count>
struct ReverseRange {
  std::string_view tail;  // ".172.in-addr.arpa."
  int from;
  std::array<std::array<char, 24>, Count> apexes{};

  constexpr ReverseRange(std::string_view zones, int first) : tail(zones), from(first) {
    for (int i = 0; i < Count; ++i) {
      std::size_t at = 0;
      for (int power = 100; power > 0; power /= 10)
        if (from + i >= power) apexes[i][at++] = static_cast<char>('0' + (from + i) / power % 10);
      for (char c : tail) apexes[i][at++] = c;
    }
  }
  [[nodiscard]] constexpr Zone zone(int i) const {
    auto size = tail.size() + (from + i >= 100 ? 3 : from + i >= 10 ? 2 : 1);
    return {ZoneKind::kLocal, {apexes[i].data(), size}, 4};
  }
};
constexpr ReverseRange<16> kPrivate(".172.in-addr.arpa.", 16);  // RFC 6303 section 4.1
constexpr ReverseRange<64> kShared(".100.in-addr.arpa.", 64);   // RFC 7793

constexpr std::size_t kPrivateAt = kPlainZones.size();
constexpr std::size_t kSharedAt = kPrivateAt + kPrivate.apexes.size();

constexpr auto kZones = [] {
  std::array<Zone, kSharedAt + kShared.apexes.size()> zones;
  std::copy(kPlainZones.begin(), kPlainZones.end(), zones.begin());
  for (std::size_t i = kPrivateAt; i < kSharedAt; ++i)
    zones[i] = kPrivate.zone(static_cast<int>(i - kPrivateAt));
  for (std::size_t i = kSharedAt; i < zones.size(); ++i)
    zones[i] = kShared.zone(static_cast<int>(i - kSharedAt));
  return zones;
}();
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

// The place of the one zone of a range that the name may lie in.
template <int Count>
std::size_t place_in(const ReverseRange<Count>& range, std::string_view second) {
  int number = 0;
  auto [end, failed] = std::from_chars(second.data(), second.data() + second.size(), number);
  bool within = failed == std::errc{} && number >= range.from && number < range.from + Count;
  return within ? static_cast<std::size_t>(number - range.from) : 0;
}

const Zone& zone_in_range(std::span<const std::string_view> labels) {
  constexpr std::size_t kDepth = 4;
  if (labels.size() < kDepth) return kForeignZone;
  auto first = labels[labels.size() - 3], second = labels[labels.size() - kDepth];
  if (first != "172" && first != "100") return kForeignZone;
  std::size_t place = first == "172" ? kPrivateAt + place_in(kPrivate, second)
                                     : kSharedAt + place_in(kShared, second);
  return is_inside(labels, kZones[place]) ? kZones[place] : kForeignZone;
}

}  // namespace

const Zone& find_zone(std::span<const std::string_view> labels) {
  for (const auto& zone : std::span(kZones).first(kPlainZones.size()))
    if (is_inside(labels, zone)) return zone;
  return zone_in_range(labels);
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
