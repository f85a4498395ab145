#include "registry/core/record_rules.h"

#include <algorithm>

#include "registry/core/address.h"
#include "registry/core/hybrid_clock.h"
#include "registry/core/key_proofs.h"
#include "registry/core/region.h"
#include "registry/core/service_rules.h"
#include "registry/core/slot.h"
#include "registry/core/wire_values.h"

namespace sixpn::registry {
namespace {

constexpr std::uint64_t kMaxMachineId = (std::uint64_t{1} << 56) - 1;

Result<void> require(bool holds, std::string_view otherwise) {
  if (holds) return {};
  return Error(std::string(otherwise));
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Length of the UTF-8 sequence that starts with this byte (RFC 3629); 0 when it starts none.
std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;  // no control characters
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if ((lead & 0xf0) == 0xe0) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

// The second byte narrows E0 (overlong), ED (surrogates), F0 (overlong) and F4 (above 10FFFF).
bool is_second_byte(unsigned char lead, unsigned char second) {
  if ((second & 0xc0) != 0x80) return false;
  switch (lead) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second <= 0x9f;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second <= 0x8f;
    default:
      return true;
  }
}

bool is_text(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = sequence_length(byte(i));
    if (length == 0 || i + length > text.size()) return false;
    if (length > 1 && !is_second_byte(byte(i), byte(i + 1))) return false;
    for (std::size_t k = 2; k < length; ++k)
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    i += length;
  }
  return true;
}

bool is_host_id(HostId id) {
  return id.value >= kFirstHostId;
}
bool is_network_id(NetworkId id) {
  return id != kInfrastructureNetwork;
}

bool is_statement(const std::string& statement) {
  return !statement.empty() && statement.size() <= kMaxStatementBytes;
}
bool is_date(WallTime time) {
  return decode_unix_ms(unix_ms(time)).has_value();
}

Result<void> check_metadata(const TextMap& metadata) {
  if (metadata.size() > kMaxMetadata) return Error("a machine has too many metadata entries");
  for (auto [key, value] : metadata) {
    if (key.empty() || key.size() > kMaxMetadataKeyBytes || !is_text(key))
      return Error("a metadata key must be 1 to 128 bytes of text");
    if (value.size() > kMaxMetadataValueBytes || !is_text(value))
      return Error("a metadata value must be at most 1024 bytes of text");
  }
  return {};
}

Result<void> check_service_health(const ServiceHealths& services) {
  if (services.size() > kMaxServices) return Error("a machine has the health of too many services");
  bool rising = std::adjacent_find(services.begin(), services.end(), [](auto& a, auto& b) {
                  return a.internal_port >= b.internal_port;
                }) == services.end();
  return require(rising && (services.empty() || services.front().internal_port != 0),
                 "the health of a machine's services must be by ascending ports, none of them 0");
}

Result<void> check_app_checks(const std::vector<AppCheck>& checks) {
  if (checks.size() > kMaxAppChecks) return Error("the app has too many checks");
  for (std::size_t i = 0; i < checks.size(); ++i) {
    if (auto checked = check_app_check(checks[i]); !checked) return checked;
    bool again = std::any_of(checks.begin(), checks.begin() + static_cast<std::ptrdiff_t>(i),
                             [&](const AppCheck& other) { return other.name == checks[i].name; });
    if (again) return Error("two checks of the app have one name");
  }
  return {};
}

Error bad_region(std::string_view whose, std::string_view region) {
  return Error("the " + std::string(whose) + ": expected " + std::string(expected_region(region)));
}

struct ValueRules {
  const Record& record;

  Result<void> operator()(std::monostate) const { return {}; }

  Result<void> operator()(const HostRecord& host) const {
    if (!is_host_id(host.id)) return Error("a host id's upper half must not be zero");
    if (host.id != record.writer) return Error("a host record must be written by that host");
    if (!is_dns_label(host.name)) return Error("the host's name is no DNS label");
    if (!is_region(host.region)) return bad_region("host's region", host.region);
    if (host.certificate.empty() || host.certificate.size() > kMaxCertificateBytes)
      return Error("the host record has no certificate, or one that is too long");
    if (host.endpoints.size() > kMaxEndpoints) return Error("the host has too many endpoints");
    if (!host.tls_key.empty() && host.tls_key.size() != kTlsKeyBytes)
      return Error("the host's key for TLS is not 33 bytes");
    if (!host.key_proofs.empty() && host.key_proofs.size() != 2 * kKeyProofBytes)
      return Error("the proofs of the host's WireGuard keys are not 192 bytes");
    return require(host.version.size() <= kMaxVersionBytes && is_printable_ascii(host.version),
                   "the host's program version is not short text");
  }

  Result<void> operator()(const MachineRecord& machine) const {
    if (machine.id.value == 0 || machine.id.value > kMaxMachineId)
      return Error("a machine id must be 14 hex digits, not all zero");
    if (machine.host != record.writer)
      return Error("a machine record must be written by the host it lives on");
    if (!is_network_id(machine.network)) return Error("a machine must be in a network");
    if (classify(machine.address) != AddressKind::kMachine ||
        network_of(machine.address) != machine.network)
      return Error("the machine's address is no machine address of its network");
    if (!is_dns_label(machine.app)) return Error("the machine's app is no DNS label");
    if (!is_dns_label(machine.group)) return Error("the machine's process group is no DNS label");
    if (!is_region(machine.region)) return bad_region("machine's region", machine.region);
    if (auto health = check_service_health(*machine.service_health); !health) return health;
    return check_metadata(machine.metadata);
  }

  Result<void> operator()(const OrgRecord& org) const {
    if (org.name != record.org) return Error("an org record must be written under its own right");
    return require(is_dns_label(org.name), "the org's name is no DNS label");
  }

  Result<void> operator()(const NetworkRecord& network) const {
    if (!is_network_id(network.id)) return Error("network id 0 is the infrastructure's");
    if (network.org != record.org) return Error("a network must be written under its org's right");
    return require(is_dns_label(network.name), "the network's name is no DNS label");
  }

  Result<void> operator()(const AppRecord& app) const {
    if (!is_dns_label(app.name)) return Error("the app's name is no DNS label");
    if (app.org != record.org) return Error("an app must be written under its org's right");
    if (!is_network_id(app.network)) return Error("an app must be in a network");
    if (!app.primary_region.empty() && !is_region(app.primary_region))
      return bad_region("app's primary region", app.primary_region);
    if (app.services.size() > kMaxServices) return Error("the app has too many services");
    for (const auto& service : app.services)
      if (auto checked = check_service(service); !checked) return checked;
    return check_app_checks(app.checks);
  }

  Result<void> operator()(const FlycastRecord& flycast) const {
    if (classify(flycast.address) != AddressKind::kFlycast)
      return Error("the address is no Flycast address");
    if (!is_dns_label(flycast.app)) return Error("the Flycast address's app is no DNS label");
    if (!is_network_id(flycast.app_network)) return Error("the app must be in a network");
    return require(flycast.service_name.empty() || is_dns_label(flycast.service_name),
                   "the service name is no DNS label");
  }

  Result<void> operator()(const PeerRecord& peer) const {
    if (!is_dns_label(peer.name)) return Error("the peer's name is no DNS label");
    bool fits = classify(peer.address) == AddressKind::kPeer &&
                network_of(peer.address) == peer.network && host_of(peer.address) == peer.gateway;
    return require(fits, "the peer's address does not fit its network and gateway");
  }

  Result<void> operator()(const RevocationRecord& revocation) const {
    if (!is_host_id(revocation.host)) return Error("the revoked host's id is no host id");
    return require(is_statement(revocation.statement),
                   "the revocation has no statement, or one that is too long");
  }

  Result<void> operator()(const RenewalRecord& renewal) const {
    if (!is_host_id(renewal.host)) return Error("the renewed host's id is no host id");
    if (!is_date(renewal.valid_until) || !is_date(renewal.signed_at))
      return Error("the renewal's times are no dates");
    // Else an old statement under a new stamp would displace a newer one.
    if (record.stamp.major != HybridClock::from_wall(renewal.signed_at))
      return Error("a renewal must be stamped with the time it was signed at");
    return require(is_statement(renewal.statement),
                   "the renewal has no statement, or one that is too long");
  }

  Result<void> operator()(const InterestRecord& interest) const {
    if (interest.host != record.writer)
      return Error("an interest must be written by the host that has it");
    const auto& networks = interest.networks;
    if (networks.size() > kMaxInterests) return Error("an interest names too many networks");
    if (!is_rising(networks) || !std::all_of(networks.begin(), networks.end(), is_network_id))
      return Error(
          "an interest's networks must be ascending ids, none of them the infrastructure's");
    const auto& filling = interest.filling;
    bool known = std::all_of(filling.begin(), filling.end(), [&](NetworkId network) {
      return network == NetworkId{} ? interest.all
                                    : std::binary_search(networks.begin(), networks.end(), network);
    });
    return require(known && is_rising(filling), "an interest is filling what it does not name");
  }

  Result<void> operator()(const TlsGrantRecord& grant) const {
    if (grant.org != record.org)
      return Error("a certificate for TLS must be written under its org's right");
    if (grant.host != HostId{} && !is_host_id(grant.host))
      return Error("the certified host's id is no host id");
    return require(is_statement(grant.statement),
                   "the certificate for TLS has no statement, or one that is too long");
  }

  static bool is_rising(const std::vector<NetworkId>& networks) {
    return std::adjacent_find(networks.begin(), networks.end(),
                              [](auto a, auto b) { return a >= b; }) == networks.end();
  }
};

bool is_known(RecordKind kind) {
  return kind >= RecordKind::kHost && kind <= RecordKind::kTlsGrant;
}

Result<void> check_right(const Record& record) {
  if (!is_host_id(record.writer)) return Error("the writer is no host id");
  bool rightless = sixpn::is_owned(record.key.kind) || is_root_signed(record.key.kind);
  if (rightless) return require(record.org.empty(), "this kind of record is under no org's right");
  if (record.org.empty() && is_known(record.key.kind))
    return Error("a shared record must name the org whose right it uses");
  return require(record.org.empty() || is_dns_label(record.org), "the org is no DNS label");
}

Result<void> check_tombstone(const Record& record) {
  if (record.key.kind == RecordKind::kHost || record.key.kind == RecordKind::kInterest ||
      is_root_signed(record.key.kind))
    return Error("this kind of record cannot be erased");
  if (!std::holds_alternative<std::monostate>(record.value))
    return Error("a tombstone carries no value");
  return require(unix_ms(record.deleted) > 0, "a tombstone must say when it was written");
}

}  // namespace

Result<void> check_record(const Record& record) {
  if (record.key.kind == RecordKind{} || record.key.id.empty() ||
      record.key.id.size() > kMaxIdBytes || !is_printable_ascii(record.key.id))
    return Error("the record's key is malformed");
  if (auto right = check_right(record); !right) return right;
  if (!is_owned(record) && record.stamp.minor != record.writer.value)
    return Error("a shared record's stamp must end with its writer");
  if (is_owned(record) && record.stamp.major > kMaxRecordIncarnation)
    return Error("the record's incarnation is out of range");
  bool may_name = record.tombstone && record.key.kind == RecordKind::kMachine;
  if (record.network != NetworkId{} && !may_name)
    return Error("only a machine's tombstone names its network");
  if (record.tombstone) return check_tombstone(record);
  if (unix_ms(record.deleted) != 0) return Error("only a tombstone says when it was deleted");
  if (!is_known(record.key.kind)) return {};
  if (std::holds_alternative<std::monostate>(record.value)) return Error("the record has no value");
  if (key_of(record.value) != record.key) return Error("the record's key does not match its value");
  return std::visit(ValueRules{record}, record.value);
}

}  // namespace sixpn::registry
