#include "registry/core/value_codec.h"

#include <algorithm>
#include <limits>

#include "base/encoding.h"
#include "registry/core/record.pb.h"
#include "registry/core/record_rules.h"
#include "registry/core/service_codec.h"
#include "registry/core/wire_fields.h"

namespace sixpn::registry {
namespace {

using registry::take;

std::string bytes_of(const auto& array) {
  return std::string(as_bytes(array));
}

// ---- encoding
// --------------------------------------------------------------------------------------

void put(wire::Endpoint& out, const IpEndpoint& in) {
  out.set_ip(bytes_of(in.ip.bytes));
  out.set_port(in.port);
}

wire::Host to_wire(const HostRecord& in) {
  wire::Host out;
  out.set_id(in.id.value);
  out.set_name(in.name);
  out.set_region(in.region);
  out.set_certificate(in.certificate);
  out.set_wireguard_key(bytes_of(in.wireguard_key));
  for (const auto& endpoint : in.endpoints) put(*out.add_endpoints(), endpoint);
  out.set_knock_port(in.knock_port);
  out.set_version(in.version);
  if (in.spare_key != PublicKey{}) out.set_spare_key(bytes_of(in.spare_key));
  out.set_spare_port(in.spare_port);
  out.set_rotation(static_cast<std::uint32_t>(in.rotation));
  out.set_tls_key(in.tls_key);
  out.set_key_proofs(in.key_proofs);
  return out;
}

wire::Machine to_wire(const MachineRecord& in) {
  wire::Machine out;
  out.set_id(in.id.value);
  out.set_host(in.host.value);
  out.set_network(in.network.value);
  out.set_app(in.app);
  out.set_group(in.group);
  out.set_region(in.region);
  out.set_address(bytes_of(in.address.bytes));
  for (auto [key, value] : in.metadata) {
    auto* label = out.add_metadata();
    label->set_key(key.data(), key.size());
    label->set_value(value.data(), value.size());
  }
  out.set_state(static_cast<std::uint32_t>(in.state));
  out.set_health(static_cast<std::uint32_t>(in.health));
  out.set_skip_dns(in.skip_dns);
  out.set_cordoned(in.cordoned);
  out.set_updated_ms(unix_ms(in.updated));
  for (const ServiceHealth& service : *in.service_health) {
    auto* added = out.add_service_health();
    added->set_internal_port(service.internal_port);
    added->set_health(static_cast<std::uint32_t>(service.health));
  }
  out.set_app_health(static_cast<std::uint32_t>(in.app_health));
  return out;
}

wire::Org to_wire(const OrgRecord& in) {
  wire::Org out;
  out.set_name(in.name);
  return out;
}

wire::Network to_wire(const NetworkRecord& in) {
  wire::Network out;
  out.set_id(in.id.value);
  out.set_org(in.org);
  out.set_name(in.name);
  return out;
}

wire::App to_wire(const AppRecord& in) {
  wire::App out;
  out.set_name(in.name);
  out.set_org(in.org);
  out.set_network(in.network.value);
  out.set_primary_region(in.primary_region);
  for (const auto& service : in.services) put_service(*out.add_services(), service);
  for (const auto& check : in.checks) put_check(*out.add_checks(), check);
  return out;
}

wire::Flycast to_wire(const FlycastRecord& in) {
  wire::Flycast out;
  out.set_address(bytes_of(in.address.bytes));
  out.set_app(in.app);
  out.set_app_network(in.app_network.value);
  out.set_service_name(in.service_name);
  return out;
}

wire::Peer to_wire(const PeerRecord& in) {
  wire::Peer out;
  out.set_name(in.name);
  out.set_network(in.network.value);
  out.set_gateway(in.gateway.value);
  out.set_wireguard_key(bytes_of(in.wireguard_key));
  out.set_address(bytes_of(in.address.bytes));
  return out;
}

wire::Revocation to_wire(const RevocationRecord& in) {
  wire::Revocation out;
  out.set_host(in.host.value);
  out.set_statement(in.statement);
  return out;
}

wire::Renewal to_wire(const RenewalRecord& in) {
  wire::Renewal out;
  out.set_host(in.host.value);
  out.set_certificate(bytes_of(in.certificate));
  out.set_valid_until_ms(unix_ms(in.valid_until));
  out.set_signed_ms(unix_ms(in.signed_at));
  out.set_statement(in.statement);
  return out;
}

wire::Interest to_wire(const InterestRecord& in) {
  wire::Interest out;
  out.set_host(in.host.value);
  out.set_some(!in.all);
  for (NetworkId network : in.networks) out.add_networks(network.value);
  for (NetworkId network : in.filling) out.add_filling(network.value);
  return out;
}

wire::TlsGrant to_wire(const TlsGrantRecord& in) {
  wire::TlsGrant out;
  out.set_org(in.org);
  out.set_host(in.host.value);
  out.set_statement(in.statement);
  return out;
}

// ---- decoding: each `take` returns false when the bytes have the wrong shape
// -------------------------

bool take(const std::string& in, PublicKey& out) {
  auto key = to_array<32>(in);
  if (key) out = *key;
  return key.has_value();
}

bool take(const std::string& in, Ip6& out) {
  auto bytes = to_array<16>(in);
  if (bytes) out.bytes = *bytes;
  return bytes.has_value();
}

bool take(const wire::Host& in, HostRecord& out) {
  out.id = HostId{in.id()};
  out.name = in.name();
  out.region = in.region();
  out.certificate = in.certificate();
  for (const auto& endpoint : in.endpoints()) {
    auto& added = out.endpoints.emplace_back();
    if (!take(endpoint.ip(), added.ip) || !take(endpoint.port(), added.port)) return false;
  }
  out.version = in.version();
  out.tls_key = in.tls_key();
  out.key_proofs = in.key_proofs();
  if (!in.spare_key().empty() && !take(in.spare_key(), out.spare_key)) return false;
  return take(in.wireguard_key(), out.wireguard_key) && take(in.knock_port(), out.knock_port) &&
         take(in.spare_port(), out.spare_port) &&
         take(in.rotation(), out.rotation, Rotation::kNone, Rotation::kReturn);
}

bool take(const wire::ServiceHealth& in, ServiceHealth& out) {
  return take(in.internal_port(), out.internal_port) &&
         take(in.health(), out.health, Health::kUnknown, Health::kCritical);
}

bool take(const wire::Machine& in, MachineRecord& out) {
  out.id = MachineId{in.id()};
  out.host = HostId{in.host()};
  out.network = NetworkId{in.network()};
  out.app = in.app();
  out.group = in.group();
  out.region = in.region();
  // Of too many, enough for record_rules.h to say so.
  int labels = std::min(in.metadata_size(), static_cast<int>(kMaxMetadata) + 1);
  for (int i = 0; i < labels; ++i)
    if (!out.metadata.try_emplace(in.metadata(i).key(), in.metadata(i).value())) return false;
  out.skip_dns = in.skip_dns();
  out.cordoned = in.cordoned();
  out.updated = from_unix_ms(in.updated_ms());
  int services = std::min(in.service_health_size(), static_cast<int>(kMaxServices) + 1);
  ServiceHealths health;
  for (int i = 0; i < services; ++i)
    if (!take(in.service_health(i), health.emplace_back())) return false;
  out.service_health = std::move(health);
  return take(in.address(), out.address) &&
         take(in.app_health(), out.app_health, Health::kUnknown, Health::kCritical) &&
         take(in.state(), out.state, MachineState::kCreated, MachineState::kDestroyed) &&
         take(in.health(), out.health, Health::kUnknown, Health::kCritical);
}

bool take(const wire::Org& in, OrgRecord& out) {
  out.name = in.name();
  return true;
}

bool take(const wire::Network& in, NetworkRecord& out) {
  out.id = NetworkId{in.id()};
  out.org = in.org();
  out.name = in.name();
  return true;
}

bool take(const wire::App& in, AppRecord& out) {
  out.name = in.name();
  out.org = in.org();
  out.network = NetworkId{in.network()};
  out.primary_region = in.primary_region();
  for (const auto& service : in.services())
    if (!take_service(service, out.services.emplace_back())) return false;
  for (const auto& check : in.checks())
    if (!take_check(check, out.checks.emplace_back())) return false;
  return true;
}

bool take(const wire::Flycast& in, FlycastRecord& out) {
  out.app = in.app();
  out.app_network = NetworkId{in.app_network()};
  out.service_name = in.service_name();
  return take(in.address(), out.address);
}

bool take(const wire::Peer& in, PeerRecord& out) {
  out.name = in.name();
  out.network = NetworkId{in.network()};
  out.gateway = HostId{in.gateway()};
  return take(in.wireguard_key(), out.wireguard_key) && take(in.address(), out.address);
}

bool take(const wire::Revocation& in, RevocationRecord& out) {
  out.host = HostId{in.host()};
  out.statement = in.statement();
  return true;
}

bool take(const wire::Renewal& in, RenewalRecord& out) {
  out.host = HostId{in.host()};
  out.valid_until = from_unix_ms(in.valid_until_ms());
  out.signed_at = from_unix_ms(in.signed_ms());
  out.statement = in.statement();
  return take(in.certificate(), out.certificate);
}

bool take(const wire::Interest& in, InterestRecord& out) {
  out.host = HostId{in.host()};
  out.all = !in.some();
  for (std::uint32_t network : in.networks()) out.networks.push_back(NetworkId{network});
  for (std::uint32_t network : in.filling()) out.filling.push_back(NetworkId{network});
  return true;
}

bool take(const wire::TlsGrant& in, TlsGrantRecord& out) {
  out.org = in.org();
  out.host = HostId{in.host()};
  out.statement = in.statement();
  return true;
}

template <class Message, class Value>
Result<RecordValue> decode_as(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error("the value is no message of its kind");
  Value value;
  if (!take(message, value)) return Error("a field of the value is malformed");
  return RecordValue(std::move(value));
}

struct Encoder {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(const auto& value) const { return to_wire(value).SerializeAsString(); }
};

}  // namespace

std::string encode_value(const RecordValue& value) {
  return std::visit(Encoder{}, value);
}

Result<RecordValue> decode_value(RecordKind kind, std::string_view bytes) {
  switch (kind) {
    case RecordKind::kHost:
      return decode_as<wire::Host, HostRecord>(bytes);
    case RecordKind::kMachine:
      return decode_as<wire::Machine, MachineRecord>(bytes);
    case RecordKind::kOrg:
      return decode_as<wire::Org, OrgRecord>(bytes);
    case RecordKind::kNetwork:
      return decode_as<wire::Network, NetworkRecord>(bytes);
    case RecordKind::kApp:
      return decode_as<wire::App, AppRecord>(bytes);
    case RecordKind::kFlycast:
      return decode_as<wire::Flycast, FlycastRecord>(bytes);
    case RecordKind::kPeer:
      return decode_as<wire::Peer, PeerRecord>(bytes);
    case RecordKind::kRevocation:
      return decode_as<wire::Revocation, RevocationRecord>(bytes);
    case RecordKind::kRenewal:
      return decode_as<wire::Renewal, RenewalRecord>(bytes);
    case RecordKind::kInterest:
      return decode_as<wire::Interest, InterestRecord>(bytes);
    case RecordKind::kTlsGrant:
      return decode_as<wire::TlsGrant, TlsGrantRecord>(bytes);
  }
  return RecordValue{};
}

}  // namespace sixpn::registry
