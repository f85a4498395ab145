#include "registry/core/record.h"

#include <algorithm>
#include <array>

#include "registry/core/region.h"

namespace sixpn {
namespace {

constexpr std::array<std::string_view, 9> kStateNames = {"created",   "starting",   "started",
                                                         "stopping",  "stopped",    "suspending",
                                                         "suspended", "destroying", "destroyed"};

}  // namespace

std::string_view to_string(RecordKind kind) {
  switch (kind) {
    case RecordKind::kHost:
      return "host";
    case RecordKind::kMachine:
      return "machine";
    case RecordKind::kOrg:
      return "org";
    case RecordKind::kNetwork:
      return "network";
    case RecordKind::kApp:
      return "app";
    case RecordKind::kFlycast:
      return "flycast";
    case RecordKind::kPeer:
      return "peer";
    case RecordKind::kRevocation:
      return "revocation";
    case RecordKind::kRenewal:
      return "renewal";
    case RecordKind::kInterest:
      return "interest";
    case RecordKind::kTlsGrant:
      return "tls";
  }
  return "unknown";
}

std::string to_string(const RecordKey& key) {
  return std::string(to_string(key.kind)) + "/" + key.id;
}

std::string_view to_string(MachineState state) {
  auto index = static_cast<std::size_t>(state) - 1;
  return index < kStateNames.size() ? kStateNames[index] : "unknown";
}

std::optional<MachineState> parse_machine_state(std::string_view text) {
  auto found = std::find(kStateNames.begin(), kStateNames.end(), text);
  if (found == kStateNames.end()) return std::nullopt;
  return static_cast<MachineState>(found - kStateNames.begin() + 1);
}

std::string_view to_string(Health health) {
  switch (health) {
    case Health::kPassing:
      return "passing";
    case Health::kWarning:
      return "warning";
    case Health::kCritical:
      return "critical";
    case Health::kUnknown:
      break;
  }
  return "unknown";
}

RecordKey host_key(HostId id) {
  return {RecordKind::kHost, to_string(id)};
}
RecordKey machine_key(MachineId id) {
  return {RecordKind::kMachine, to_string(id)};
}
RecordKey org_key(const std::string& name) {
  return {RecordKind::kOrg, name};
}
RecordKey network_key(NetworkId id) {
  return {RecordKind::kNetwork, to_string(id)};
}
RecordKey app_key(NetworkId network, const std::string& app) {
  return {RecordKind::kApp, to_string(network) + "/" + app};
}
RecordKey flycast_key(const Ip6& address) {
  return {RecordKind::kFlycast, to_string(address)};
}
RecordKey peer_key(NetworkId network, const std::string& peer) {
  return {RecordKind::kPeer, to_string(network) + "/" + peer};
}
RecordKey revocation_key(HostId host) {
  return {RecordKind::kRevocation, to_string(host)};
}
RecordKey renewal_key(HostId host) {
  return {RecordKind::kRenewal, to_string(host)};
}
RecordKey interest_key(HostId host) {
  return {RecordKind::kInterest, to_string(host)};
}

RecordKey tls_grant_key(const std::string& org, HostId host) {
  return {RecordKind::kTlsGrant, host == HostId{} ? org : org + "/" + to_string(host)};
}

NetworkId interest_network(const Record& record) {
  const auto* machine = std::get_if<MachineRecord>(&record.value);
  return machine == nullptr ? record.network : machine->network;
}

RecordKey key_of(const RecordValue& value) {
  struct Keyed {
    RecordKey operator()(std::monostate) const { return {}; }
    RecordKey operator()(const HostRecord& r) const { return host_key(r.id); }
    RecordKey operator()(const MachineRecord& r) const { return machine_key(r.id); }
    RecordKey operator()(const OrgRecord& r) const { return org_key(r.name); }
    RecordKey operator()(const NetworkRecord& r) const { return network_key(r.id); }
    RecordKey operator()(const AppRecord& r) const { return app_key(r.network, r.name); }
    RecordKey operator()(const FlycastRecord& r) const { return flycast_key(r.address); }
    RecordKey operator()(const PeerRecord& r) const { return peer_key(r.network, r.name); }
    RecordKey operator()(const RevocationRecord& r) const { return revocation_key(r.host); }
    RecordKey operator()(const RenewalRecord& r) const { return renewal_key(r.host); }
    RecordKey operator()(const InterestRecord& r) const { return interest_key(r.host); }
    RecordKey operator()(const TlsGrantRecord& r) const { return tls_grant_key(r.org, r.host); }
  };
  return std::visit(Keyed{}, value);
}

bool is_dns_label(std::string_view name) {
  if (name.empty() || name.size() > 63 || name.front() == '-' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_region(std::string_view region) {
  return region.size() == 3 && region != kNoRegion &&
         std::all_of(region.begin(), region.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace sixpn
