// Strong identifiers: integers that cannot be mixed up. Values only; std only.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sixpn {

template <class Tag, class Rep>
struct StrongId {
  Rep value{};
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep raw) : value(raw) {}
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

// A host: 32 bits, words 3 and 4 of an address. The upper half of a real host id is never zero, so
// the reserved rows of a network (Flycast: host field 1) cannot collide with a host.
using HostId = StrongId<struct HostIdTag, std::uint32_t>;

// An isolated network: 32 bits, words 1 and 2 of an address. 0 is the infrastructure network.
using NetworkId = StrongId<struct NetworkIdTag, std::uint32_t>;

// A machine's name as users see it: 56 bits, written as 14 hex digits as Fly does.
using MachineId = StrongId<struct MachineIdTag, std::uint64_t>;

inline constexpr NetworkId kInfrastructureNetwork{0};

std::string to_string(HostId id);     // 8 hex digits
std::string to_string(NetworkId id);  // 8 hex digits
std::string to_string(MachineId id);  // 14 hex digits

// Exactly as printed, upper or lower case; nothing else is accepted.
std::optional<HostId> parse_host_id(std::string_view text);
std::optional<NetworkId> parse_network_id(std::string_view text);
std::optional<MachineId> parse_machine_id(std::string_view text);

}  // namespace sixpn

template <class Tag, class Rep>
struct std::hash<sixpn::StrongId<Tag, Rep>> {
  std::size_t operator()(sixpn::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};
