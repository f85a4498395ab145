// The records of the registry: plain values. What a record says, who may write it, and how two
// versions of it are ordered. The wire form is in record_codec.h; merging is in store.h.
//
// Owned records (host, machine, interest): written only by their owner, ordered by (incarnation,
// version). Shared records (the rest): any host permitted by its certificate writes, last writer
// wins by hybrid logical clock, host id breaks ties.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/boxed.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/rare.h"
#include "base/shared_text.h"
#include "base/text_map.h"
#include "base/time.h"
#include "registry/core/keys.h"
#include "registry/core/service.h"

namespace sixpn {

enum class RecordKind : std::uint8_t {
  kHost = 1,
  kMachine = 2,
  kOrg = 3,
  kNetwork = 4,
  kApp = 5,
  kFlycast = 6,
  kPeer = 7,
  kRevocation = 8,
  kRenewal = 9,
  kInterest = 10,
  kTlsGrant = 11,
};
std::string_view to_string(RecordKind kind);  // "machine"

// Part of one network's view.
constexpr bool is_of_network(RecordKind kind) {
  switch (kind) {
    case RecordKind::kMachine:
    case RecordKind::kNetwork:
    case RecordKind::kApp:
    case RecordKind::kFlycast:
    case RecordKind::kPeer:
      return true;
    default:
      return false;
  }
}

// Its statement is signed by the root key; which host wrote it down does not matter.
constexpr bool is_root_signed(RecordKind kind) {
  return kind == RecordKind::kRevocation || kind == RecordKind::kRenewal;
}

constexpr bool is_owned(RecordKind kind) {
  return kind == RecordKind::kHost || kind == RecordKind::kMachine || kind == RecordKind::kInterest;
}

// Identifies a record for ever. `id` is, by kind: host id; machine id; org name; network id;
// "<network id>/<app>"; the Flycast address; "<network id>/<peer>"; revoked host id; renewed host
// id; interested host id; "<org>" for its authority, "<org>/<host id>" for a host's certificate.
struct RecordKey {
  RecordKind kind{};
  std::string id;
  friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
};
std::string to_string(const RecordKey& key);  // "machine/148e21dad76789"

// Orders two versions of one record: owned = (incarnation, version), shared = (hybrid clock,
// writer).
struct Stamp {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  friend constexpr auto operator<=>(const Stamp&, const Stamp&) = default;
};

// ---- what each kind says
// ---------------------------------------------------------------------------

// Where a host's rotation of its WireGuard keys is (docs/decisions/0036). The same on the wire.
enum class Rotation : std::uint8_t {
  kNone = 0,
  kLeave = 1,   // its links shall leave the main device for the spare one
  kReturn = 2,  // the main device may have a new key: its links shall come back
};

struct HostRecord {
  HostId id;
  std::string name;
  std::string region;      // three letters
  SharedText certificate;  // encoded HostCertificate (certificate.h)
  PublicKey wireguard_key{};
  std::vector<IpEndpoint> endpoints;  // WireGuard, best first
  std::uint16_t knock_port = 0;
  std::string version;  // of the program
  // Of the spare WireGuard device, which carries the links while the main one changes its key.
  // Zero: an older program, which has none. Its endpoints are those of the main device, with this
  // port.
  PublicKey spare_key{};
  std::uint16_t spare_port = 0;
  Rotation rotation = Rotation::kNone;
  // Of the key that its certificates for TLS name (tls_grant.h): a compressed point of P-256. "":
  // an older program, which ends no TLS.
  std::string tls_key;
  // That it has the private keys of these two: of wireguard_key, then of spare_key (key_proofs.h).
  // "": an older program.
  SharedText key_proofs;
  friend bool operator==(const HostRecord&, const HostRecord&) = default;
};

// As in Fly's Machines API; the transient states lie between.
enum class MachineState : std::uint8_t {
  kCreated = 1,
  kStarting,
  kStarted,
  kStopping,
  kStopped,
  kSuspending,
  kSuspended,
  kDestroying,
  kDestroyed,
};
std::string_view to_string(MachineState state);
std::optional<MachineState> parse_machine_state(std::string_view text);

enum class Health : std::uint8_t { kUnknown = 0, kPassing = 1, kWarning = 2, kCritical = 3 };
std::string_view to_string(Health health);  // "passing"

// A service of a machine, by its internal port, whose checks stand otherwise than `health` says.
struct ServiceHealth {
  std::uint16_t internal_port = 0;
  Health health = Health::kUnknown;
  friend bool operator==(const ServiceHealth&, const ServiceHealth&) = default;
};

using ServiceHealths = std::vector<ServiceHealth>;

// Read its health by service_health.h.
struct MachineRecord {
  MachineId id;
  HostId host;  // where it lives now (its address tells where it was born)
  NetworkId network;
  SharedText app;
  SharedText group;  // process group, "app" by default
  SharedText region;
  Ip6 address;
  TextMap metadata;
  MachineState state = MachineState::kCreated;
  Health health = Health::kUnknown;       // the worst of its checks that are routed by
  Health app_health = Health::kUnknown;   // of the app's informational checks
  bool skip_dns = false;                  // never registered in .internal
  bool cordoned = false;                  // Flycast does not choose it
  WallTime updated{};                     // of the last state change, for people; never compared
  Rare<ServiceHealths> service_health{};  // ascending by port; not written by sixpn 0.1
  friend bool operator==(const MachineRecord&, const MachineRecord&) = default;
};

struct OrgRecord {
  std::string name;
  friend bool operator==(const OrgRecord&, const OrgRecord&) = default;
};

struct NetworkRecord {
  NetworkId id;
  std::string org;
  std::string name;  // "default" or a custom network's name
  friend bool operator==(const NetworkRecord&, const NetworkRecord&) = default;
};

struct AppRecord {
  std::string name;
  std::string org;
  NetworkId network;
  std::string primary_region;
  std::vector<Service> services;
  std::vector<AppCheck> checks{};  // no two of one name
  friend bool operator==(const AppRecord&, const AppRecord&) = default;
};

struct FlycastRecord {
  Ip6 address;  // its network field is the network that may dial it
  std::string app;
  NetworkId app_network;     // where the app's machines are
  std::string service_name;  // "" except for <svc>.svc.<app>.flycast
  friend bool operator==(const FlycastRecord&, const FlycastRecord&) = default;
};

struct PeerRecord {
  std::string name;
  NetworkId network;
  HostId gateway;
  PublicKey wireguard_key{};
  Ip6 address;
  friend bool operator==(const PeerRecord&, const PeerRecord&) = default;
};

struct RevocationRecord {
  HostId host;
  std::string statement;  // encoded and signed by the root key (certificate.h)
  friend bool operator==(const RevocationRecord&, const RevocationRecord&) = default;
};

// A new validity for one certificate. Ordered by when the root signed it, whoever passes it on.
struct RenewalRecord {
  HostId host;
  Hash certificate{};  // BLAKE2b of the encoded HostCertificate that it renews
  WallTime valid_until{};
  WallTime signed_at{};
  std::string statement;  // encoded and signed by the root key; says the same (certificate.h)
  friend bool operator==(const RenewalRecord&, const RenewalRecord&) = default;
};

// Which networks' machines a host holds (interest.h). A host without this record holds all.
struct InterestRecord {
  HostId host;
  bool all = true;  // of every network; `networks` then only says which of them it uses
  std::vector<NetworkId> networks;  // ascending
  // What it wants and has not synced yet since it began to, ascending: some of `networks`; 0 for
  // the rest, when `all`.
  std::vector<NetworkId> filling;
  friend bool operator==(const InterestRecord&, const InterestRecord&) = default;
};

// A certificate for TLS on an org's Flycast addresses: its authority's own, or a host's, which lets
// the host issue certificates for names of the org's apps. Any host of the org passes it on; it
// counts only where the root signed its statement (tls_authority.h).
struct TlsGrantRecord {
  std::string org;
  HostId host;            // zero: the authority's own
  std::string statement;  // encoded and signed by the root key (tls_grant.h)
  friend bool operator==(const TlsGrantRecord&, const TlsGrantRecord&) = default;
};

// The largest values are of the rarest kinds: inside, they would set the size of every machine's
// record.
using HostValue = Boxed<HostRecord>;
using AppValue = Boxed<AppRecord>;

// std::monostate: a tombstone, or a kind from a newer version whose value travels opaque.
using RecordValue = std::variant<std::monostate, HostValue, MachineRecord, OrgRecord, NetworkRecord,
                                 AppValue, FlycastRecord, PeerRecord, RevocationRecord,
                                 RenewalRecord, InterestRecord, TlsGrantRecord>;

struct Record {
  RecordKey key;
  HostId writer;
  Stamp stamp;
  bool tombstone = false;
  // Of a machine's tombstone: the network it was in; zero when its writer is of sixpn 0.1. Zero
  // otherwise: a live machine's value says it.
  NetworkId network;
  // When a tombstone was written (Unix time by the writer), to expire it; zero otherwise.
  WallTime deleted{};
  // The org whose certificate right allows this write, for shared records ("" for owned).
  SharedText org;
  RecordValue value;
  friend bool operator==(const Record&, const Record&) = default;
};

RecordKey host_key(HostId id);
RecordKey machine_key(MachineId id);
RecordKey org_key(const std::string& name);
RecordKey network_key(NetworkId id);
RecordKey app_key(NetworkId network, const std::string& app);
RecordKey flycast_key(const Ip6& address);
RecordKey peer_key(NetworkId network, const std::string& peer);
RecordKey revocation_key(HostId host);
RecordKey renewal_key(HostId host);
RecordKey interest_key(HostId host);
RecordKey tls_grant_key(const std::string& org, HostId host);

// The network whose interest decides who holds a record: a machine's. Zero: everybody holds it.
NetworkId interest_network(const Record& record);

// The key that a value belongs under (its kind and id).
RecordKey key_of(const RecordValue& value);

// Names: apps, orgs, hosts, process groups and peers are DNS labels in lower case: a-z, 0-9, '-',
// not at an end, 1..63 characters. Regions: three letters a-z (region.h).
bool is_dns_label(std::string_view name);
bool is_region(std::string_view region);

}  // namespace sixpn
