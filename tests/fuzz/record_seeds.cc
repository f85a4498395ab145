// A record of each kind with no field left at its zero, and the tombstones.
#include "registry/core/address.h"
#include "registry/core/certificate.h"
#include "registry/core/hybrid_clock.h"
#include "registry/core/record.pb.h"
#include "registry/core/tls_grant.h"
#include "tests/fuzz/record_pool.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::fuzz {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::kOtherNetwork;
using test::kTestNetwork;

constexpr const char* kOrg = "acme";

sim::EnrolledHost writer() {
  return pool_cluster().enrol(1, {kOrg}, 0, kPoolTime + hours(900), kPoolTime);
}

PublicKey key_of_byte(std::uint8_t byte) {
  PublicKey key;
  key.fill(byte);
  return key;
}

HostRecord full_host(const sim::EnrolledHost& host) {
  HostRecord out = host.record;
  out.endpoints = {*parse_endpoint("192.0.2.1:51820"), *parse_endpoint("[2001:db8::1]:51820")};
  out.wireguard_key = key_of_byte(1);
  out.knock_port = 51821;
  out.version = "1.2.3";
  out.spare_key = key_of_byte(2);
  out.spare_port = 51822;
  out.rotation = Rotation::kLeave;
  out.tls_key = '\2' + std::string(32, 'k');
  out.key_proofs = std::string(192, 'p');
  return out;
}

MachineRecord full_machine(const sim::EnrolledHost& host, unsigned number, MachineState state,
                           Health health) {
  MachineRecord out = test::make_machine(host, number);
  out.metadata = {{"fly_process_group", "app"}, {"note", "caf\xc3\xa9"}};
  out.state = state;
  out.health = health;
  out.app_health = health;
  out.service_health = ServiceHealths{{80, Health::kPassing}, {8080, health}};
  out.skip_dns = true;
  out.cordoned = true;
  out.updated = kPoolTime;
  return out;
}

ServiceCheck http_check() {
  ServiceCheck check;
  check.kind = CheckKind::kHttp;
  check.method = "GET";
  check.path = "/up?deep=1";
  check.tls = true;
  check.tls_skip_verify = true;
  check.tls_server_name = "db.internal";
  check.headers = {{"Host", "web"}, {"Accept", "*/*"}};
  return check;
}

ServiceCheck script_check() {
  ServiceCheck check;
  check.kind = CheckKind::kScript;
  check.command = {"/bin/check", "-v"};
  return check;
}

Service full_service() {
  HttpOptions http;
  http.compress = true;
  http.h2_backend = true;
  http.idle_timeout = seconds(60);
  http.headers_read_timeout = seconds(10);
  http.pristine = true;
  http.response_headers = {{"x-a", {"b", "c"}}, {"server", {}}};
  http.replay_cache = {{"/a", seconds(60), true, "sid", true}};
  Service out;
  out.internal_port = 8080;
  out.ports = {{80, 81, {"http"}, true, kProxyProtocolBinary, http, {}},
               {443, 443, {"tls", "http"}, false, kProxyProtocolText, {}, {{"h2"}, true}}};
  out.groups = {"app"};
  out.concurrency = ConcurrencyType::kRequests;
  out.soft_limit = 20;
  out.hard_limit = 25;
  out.auto_stop = AutoStop::kSuspend;
  out.min_machines_running = 1;
  out.checks = {http_check(), script_check(), ServiceCheck{}};
  return out;
}

AppRecord full_app() {
  Service raw;
  raw.protocol = ServiceProtocol::kUdp;
  raw.internal_port = 53;
  raw.ports = {{53, 53, {}, false, kProxyProtocolText, {}, {}}};
  raw.kernel_path = true;
  raw.auto_stop = AutoStop::kStop;
  return {"web",
          kOrg,
          kTestNetwork,
          "iad",
          {full_service(), raw},
          {{"alive", 9000, {"app"}, http_check(), true}}};
}

RenewalRecord renewal_of(const sim::EnrolledHost& host) {
  Renewal said{host.id, certificate_digest(host.certificate.encoded), kPoolTime + hours(99),
               kPoolTime};
  return {said.host, said.certificate, said.valid_until, said.signed_at,
          sign_renewal(said, pool_cluster().root())};
}

TlsGrantRecord grant_of(HostId host) {
  TlsGrant grant{kOrg, host, "not opened here", kPoolTime};
  return {kOrg, host, sign_tls_grant(grant, pool_cluster().root())};
}

struct NamedValue {
  const char* name;
  RecordValue value;
};

std::vector<NamedValue> owned_values(const sim::EnrolledHost& host) {
  std::vector<NamedValue> out;
  HostRecord returning = full_host(host);
  returning.rotation = Rotation::kReturn;
  out.push_back({"host", full_host(host)});
  out.push_back({"host-returning", returning});
  auto health = [](unsigned i) { return static_cast<Health>(i % 4); };
  static const char* const kNames[] = {
      "machine-created",   "machine-starting",   "machine-started",
      "machine-stopping",  "machine-stopped",    "machine-suspending",
      "machine-suspended", "machine-destroying", "machine-destroyed"};
  for (unsigned i = 0; i < std::size(kNames); ++i)
    out.push_back(
        {kNames[i], full_machine(host, i + 1, static_cast<MachineState>(i + 1), health(i + 1))});
  out.push_back(
      {"interest", InterestRecord{host.id, false, {kTestNetwork, kOtherNetwork}, {kOtherNetwork}}});
  out.push_back({"interest-all", InterestRecord{host.id, true, {kTestNetwork}, {NetworkId{}}}});
  return out;
}

std::vector<NamedValue> shared_values(const sim::EnrolledHost& host) {
  return {
      {"org", OrgRecord{kOrg}},
      {"network", NetworkRecord{kTestNetwork, kOrg, "default"}},
      {"app", full_app()},
      {"flycast", FlycastRecord{flycast_address(kTestNetwork, 2), "web", kTestNetwork, "admin"}},
      {"peer", PeerRecord{"laptop", kTestNetwork, host.id, key_of_byte(3),
                          peer_address(kTestNetwork, host.id, 7)}},
      {"tls_grant", grant_of(HostId{})},
      {"tls_grant-host", grant_of(host.id)}};
}

std::string body_of(const SignedRecord& record) {
  wire::SignedRecord envelope;
  envelope.ParseFromString(record.wire());
  return envelope.body();
}

// An app as other versions may write it: its default said, and a field that this one does not know.
std::string foreign_body(const SignedRecord& app) {
  wire::RecordBody body;
  wire::App value;
  body.ParseFromString(body_of(app));
  value.ParseFromString(body.value());
  for (auto& service : *value.mutable_services())
    for (auto& port : *service.mutable_ports())
      if (port.proxy_protocol() == 0) port.set_proxy_protocol(kProxyProtocolText);
  body.set_value(value.SerializeAsString() + "\xfa\x06\x03new");  // 111: "new"
  return body.SerializeAsString();
}

}  // namespace

std::vector<NamedRecord> full_records() {
  const sim::EnrolledHost host = writer();
  const auto stamp = registry::HybridClock::from_wall(kPoolTime);
  std::vector<NamedRecord> out;
  for (auto& [name, value] : owned_values(host))
    out.push_back({name, host.sign(test::make_owned_record(host, value, 3, 7))});
  for (auto& [name, value] : shared_values(host))
    out.push_back({name, host.sign(test::make_shared_record(host, value, kOrg, stamp))});
  RevocationRecord revoked{sim::host_id(2),
                           sign_revocation(sim::host_id(2), kPoolTime, pool_cluster().root())};
  out.push_back({"revocation", host.sign(test::make_shared_record(host, revoked, "", stamp))});
  out.push_back(
      {"renewal", host.sign(test::make_shared_record(host, renewal_of(host), "", stamp))});

  Record machine = test::make_owned_record(host, test::make_machine(host, 1), 3, 8);
  out.push_back({"machine-erased", host.sign(test::make_tombstone(machine, 3, kPoolTime))});
  Record app = test::make_shared_record(host, full_app(), kOrg, stamp);
  out.push_back({"app-erased", host.sign(test::make_tombstone(app, stamp, kPoolTime))});
  Record unknown;
  unknown.key = {static_cast<RecordKind>(77), "thing"};
  unknown.writer = host.id;
  unknown.stamp = {3, host.id.value};
  unknown.org = kOrg;
  out.push_back({"unknown", host.sign(unknown)});
  return out;
}

// Bodies: record() puts an envelope around them, and no mutation has to mend its lengths. Two come
// whole.
void add_records(Seeds& seeds) {
  for (const auto& [name, record] : full_records()) {
    seeds.add("record", name, body_of(*record));
    if (name == "host" || name == "machine-started")
      seeds.add("record", name + "-signed", record->wire());
    if (name == "app") seeds.add("record", "app-foreign", foreign_body(*record));
  }
  // Each record of the pool, and once more from the end, with days and collections between.
  std::string forward;
  std::string backward;
  for (int i = 0; i < 240; i += 2) {
    forward += {static_cast<char>(i), static_cast<char>(i / 2 % 2)};
    backward += {static_cast<char>(239 - i), static_cast<char>(i / 2 % 2)};
    if (i % 40 == 38) forward += "\xf0\x30\xff";
    if (i % 80 == 78) backward += "\xf7\xff\xf8";
  }
  seeds.add("store", "forward", forward);
  seeds.add("store", "backward", backward);
}

}  // namespace sixpn::fuzz
