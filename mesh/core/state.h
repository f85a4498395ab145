// The parts that desired and observed state of the mesh are made of: small comparable values, one
// per kind of kernel object. No behaviour; text forms (to_string) are for plans and logs.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"

namespace sixpn::mesh {

// rtm_protocol of every route of ours: how they are found again, and told from everyone else's.
inline constexpr std::uint8_t kRouteProtocol = 110;
// Packets with this mark are delivered to local sockets, whatever their address (tproxy).
inline constexpr std::uint32_t kTproxyMark = 0x6e;
// Packets with this mark are the kernel's to hand to a machine (service_map.h), not the proxy's.
inline constexpr std::uint32_t kServiceMark = 0x6f;
inline constexpr std::uint32_t kTproxyTable = 110;
inline constexpr std::uint16_t kTproxyPort = 7948;
// Where the resolver takes what is asked at fdaa:N:N::3: on no interface, only tproxy finds it.
inline constexpr Ip6 kResolverTproxyAddress = Ip6::from_words({0xfdaa, 0, 0, 0, 0, 0, 0, 2});
inline constexpr std::uint16_t kGossipPort = 7946;
inline constexpr std::uint16_t kFlycastHopPort = 7947;

inline constexpr std::uint32_t kMainTable = 254;
inline constexpr std::uint32_t kLocalTable = 255;
// The unreachable route must lose against the device's, and win against a default route (by
// prefix).
inline constexpr std::uint32_t kRouteMetric = 1024;
inline constexpr std::uint32_t kUnreachableMetric = 65536;
inline constexpr std::uint32_t kRulePriority = 110;

// The machine's end of its veth pair, inside its own namespace.
inline constexpr const char* kMachineInterface = "sixpn0";
// The host end's address, and so the machine's gateway.
inline constexpr Ip6 kGatewayAddress = Ip6::from_words({0xfe80, 0, 0, 0, 0, 0, 0, 1});

// The WireGuard devices of a host. The main one carries every link between hosts; the spare one
// exists only while some host rotates its keys, and carries that host's links meanwhile (decision
// 0036). The gateway's is there while peers connect to this host, and carries theirs.
enum class Plane : std::uint8_t { kMain, kSpare, kGateway };
inline constexpr std::array kAllPlanes = {Plane::kMain, Plane::kSpare, Plane::kGateway};
// Of the two that carry links between hosts.
constexpr Plane other(Plane plane) {
  return plane == Plane::kMain ? Plane::kSpare : Plane::kMain;
}

struct InterfaceAddress {
  std::string interface;
  Ip6 ip;
  int length = 128;
  friend auto operator<=>(const InterfaceAddress&, const InterfaceAddress&) = default;
};

enum class RouteKind { kUnicast, kLocal, kUnreachable };

struct Route {
  Prefix6 destination;
  RouteKind kind = RouteKind::kUnicast;
  std::string interface;  // "lo" for unreachable routes: IPv6 has them there
  std::uint32_t table = kMainTable;
  std::uint32_t metric = kRouteMetric;
  friend auto operator<=>(const Route&, const Route&) = default;
};

// "fwmark MARK lookup TABLE".
struct Rule {
  std::uint32_t mark = 0;
  std::uint32_t table = 0;
  std::uint32_t priority = 0;
  friend auto operator<=>(const Rule&, const Rule&) = default;
};

// A machine's link to this host, both ends: interfaces, addresses and the machine's own routes. The
// host's route to the machine is a Route.
struct Veth {
  std::string name;  // of the host end
  std::string netns_path;
  Ip6 address;
  int mtu = 0;
  friend auto operator<=>(const Veth&, const Veth&) = default;
};

// "sx" and the machine field of the address in 8 hex digits.
std::string veth_name(const Ip6& machine_address);
// True for names that veth_name can give.
bool is_veth_name(std::string_view name);

// One element of a named set of the firewall; each field an interface name, an address or a prefix.
struct SetElement {
  std::string set;
  std::vector<std::string> key;
  friend auto operator<=>(const SetElement&, const SetElement&) = default;
};

std::string to_string(const InterfaceAddress& address);
std::string to_string(const Route& route);
std::string to_string(const Rule& rule);
std::string to_string(const SetElement& element);

}  // namespace sixpn::mesh
