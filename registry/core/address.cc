#include "registry/core/address.h"

namespace sixpn {
namespace {

constexpr std::uint16_t high(std::uint32_t v) {
  return static_cast<std::uint16_t>(v >> 16);
}
constexpr std::uint16_t low(std::uint32_t v) {
  return static_cast<std::uint16_t>(v);
}

constexpr Ip6 compose(NetworkId network, std::uint32_t host, std::uint32_t machine,
                      std::uint16_t free) {
  return Ip6::from_words({0xfdaa, high(network.value), low(network.value), high(host), low(host),
                          high(machine), low(machine), free});
}

constexpr std::uint32_t kFlycastHostField = 1;
constexpr std::uint32_t kProxyMachineField = 1;
constexpr std::uint32_t kPeerMachineField = 0xa;
constexpr std::uint16_t kGuestSuffix = 2;

}  // namespace

Prefix6 network_prefix(NetworkId network) {
  return {compose(network, 0, 0, 0), 48};
}

Prefix6 host_prefix(NetworkId network, HostId host) {
  return {compose(network, host.value, 0, 0), 80};
}

Ip6 machine_address(NetworkId network, HostId host, std::uint32_t machine_field) {
  return compose(network, host.value, machine_field, kGuestSuffix);
}

Prefix6 machine_prefix(const Ip6& machine) {
  return make_prefix(machine, 112);
}

Ip6 host_address(HostId host) {
  return compose(kInfrastructureNetwork, host.value, 0, 1);
}

Ip6 proxy_address(NetworkId network, HostId host) {
  return compose(network, host.value, kProxyMachineField, kGuestSuffix);
}

Prefix6 flycast_prefix(NetworkId network) {
  return {compose(network, kFlycastHostField, 0, 0), 80};
}

Ip6 flycast_address(NetworkId network, std::uint16_t counter) {
  return compose(network, kFlycastHostField, 0, counter);
}

Ip6 peer_address(NetworkId network, HostId gateway, std::uint8_t index) {
  return compose(network, gateway.value, kPeerMachineField,
                 static_cast<std::uint16_t>(index << 8 | kGuestSuffix));
}

Ip6 peer_resolver_address(NetworkId network) {
  return compose(network, 0, 0, 3);
}

NetworkId network_of(const Ip6& ip) {
  return NetworkId{ip.dword(1)};
}

HostId host_of(const Ip6& ip) {
  return HostId{ip.dword(3)};
}

AddressKind classify(const Ip6& ip) {
  if (!kMeshPrefix.contains(ip)) return AddressKind::kOutside;
  std::uint32_t host = ip.dword(3);
  std::uint32_t machine = ip.dword(5);
  std::uint16_t free = ip.word(7);
  if (host == 0 && machine == 0 && free == 3) return AddressKind::kResolver;
  if (network_of(ip) == kInfrastructureNetwork) {
    bool is_host = host >= kFirstHostId && machine == 0 && free == 1;
    return is_host ? AddressKind::kHost : AddressKind::kUnassigned;
  }
  if (host == kFlycastHostField && machine == 0 && free != 0) return AddressKind::kFlycast;
  if (host < kFirstHostId) return AddressKind::kUnassigned;
  if (machine == kPeerMachineField && (free & 0xff) == kGuestSuffix) return AddressKind::kPeer;
  if (free != kGuestSuffix) return AddressKind::kUnassigned;
  if (machine == kProxyMachineField) return AddressKind::kProxy;
  return machine >= kFirstMachineField ? AddressKind::kMachine : AddressKind::kUnassigned;
}

std::optional<HostId> host_from_address(const Ip6& ip) {
  if (classify(ip) != AddressKind::kHost) return std::nullopt;
  return host_of(ip);
}

}  // namespace sixpn
