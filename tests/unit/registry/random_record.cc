#include "tests/unit/registry/random_record.h"

#include "registry/core/address.h"
#include "registry/core/hybrid_clock.h"

namespace sixpn::test {
namespace {

std::string pick(Rng& rng, std::vector<std::string> from) {
  return from[rng.below(from.size())];
}

HttpOptions random_http(Rng& rng) {
  HttpOptions http;
  http.compress = rng.chance(0.5);
  http.h2_backend = rng.chance(0.5);
  http.idle_timeout = std::chrono::seconds(rng.below(100));
  http.headers_read_timeout = std::chrono::milliseconds(rng.below(100));
  http.pristine = rng.chance(0.5);
  if (rng.chance(0.5)) http.response_headers = {{"x-a", {"b", ""}}, {"server", {}}};
  if (rng.chance(0.5))
    http.replay_cache = {
        {"/a", std::chrono::seconds(10 + rng.below(9)), rng.chance(0.5), "sid", rng.chance(0.5)}};
  return http;
}

ServiceCheck random_check(Rng& rng) {
  ServiceCheck check;
  check.interval = std::chrono::seconds(1 + rng.below(60));
  check.timeout = std::chrono::milliseconds(1000 + rng.below(9000));
  check.grace = std::chrono::seconds(rng.below(61));
  switch (rng.below(3)) {
    case 0:
      return check;
    case 1:
      check.kind = CheckKind::kHttp;
      check.method = pick(rng, {"GET", "HEAD"});
      check.path = pick(rng, {"/", "/up?deep=1"});
      check.tls = rng.chance(0.5);
      check.tls_skip_verify = rng.chance(0.5);
      check.tls_server_name = pick(rng, {"", "db.internal"});
      check.headers = {{"Host", "web"}, {"Accept", "*/*"}};
      return check;
    default:
      check.kind = CheckKind::kScript;
      check.command = {"/bin/check", "", pick(rng, {"-v", "a b"})};
      return check;
  }
}

Service random_service(Rng& rng) {
  Service service;
  service.protocol = rng.chance(0.5) ? ServiceProtocol::kTcp : ServiceProtocol::kUdp;
  service.internal_port = static_cast<std::uint16_t>(1 + rng.below(65535));
  auto first = static_cast<std::uint16_t>(1 + rng.below(60000));
  service.ports = {{first,
                    static_cast<std::uint16_t>(first + rng.below(9)),
                    {pick(rng, {"http", "tls", "proxy_proto"})},
                    rng.chance(0.5),
                    rng.chance(0.5) ? kProxyProtocolText : kProxyProtocolBinary,
                    rng.chance(0.5) ? random_http(rng) : HttpOptions{}}};
  service.groups = {pick(rng, {"app", "worker"})};
  service.concurrency =
      rng.chance(0.5) ? ConcurrencyType::kConnections : ConcurrencyType::kRequests;
  service.soft_limit = static_cast<std::uint32_t>(rng.below(100));
  service.hard_limit = static_cast<std::uint32_t>(rng.below(100));
  service.auto_start = rng.chance(0.5);
  service.auto_stop = static_cast<AutoStop>(rng.below(3));
  service.min_machines_running = static_cast<std::uint32_t>(rng.below(4));
  for (std::uint64_t i = rng.below(3); i > 0; --i) service.checks.push_back(random_check(rng));
  service.kernel_path = rng.chance(0.5);
  return service;
}

AppCheck random_app_check(Rng& rng, const std::string& name) {
  AppCheck check{name, static_cast<std::uint16_t>(1 + rng.below(65535)), {}, random_check(rng)};
  check.check.interval = std::chrono::seconds(2 + rng.below(3599));
  if (rng.chance(0.5)) check.groups = {"app", "worker"};
  check.readiness = rng.chance(0.5);
  return check;
}

RecordValue random_shared_value(Rng& rng, const std::string& org) {
  switch (rng.below(6)) {
    case 0:
      return OrgRecord{org};
    case 5:
      return TlsGrantRecord{org, rng.chance(0.5) ? HostId{} : sim::host_id(1), "statement"};
    case 1:
      return NetworkRecord{kTestNetwork, org, pick(rng, {"default", "staging"})};
    case 2: {
      AppRecord app{pick(rng, {"web", "db"}), org, kTestNetwork, pick(rng, {"", "iad"}), {}};
      for (std::uint64_t i = rng.below(3); i > 0; --i) app.services.push_back(random_service(rng));
      if (rng.chance(0.5))
        app.checks = {random_app_check(rng, "alive"), random_app_check(rng, "q_1")};
      return app;
    }
    case 3:
      return FlycastRecord{
          flycast_address(kTestNetwork, static_cast<std::uint16_t>(2 + rng.below(2))),
          pick(rng, {"web", "db"}), kTestNetwork, pick(rng, {"", "admin"})};
    default: {
      PeerRecord peer{"laptop",
                      kTestNetwork,
                      sim::host_id(1),
                      {},
                      peer_address(kTestNetwork, sim::host_id(1), 7)};
      peer.wireguard_key[0] = static_cast<std::uint8_t>(rng());
      return peer;
    }
  }
}

// The draws one after another: compilers differ in the order of arguments, and inputs that are
// committed (tests/fuzz) are of these records.
Record owned_at_random(const sim::EnrolledHost& host, RecordValue value, Rng& rng) {
  std::uint64_t version = rng.below(4);
  std::uint64_t incarnation = 1 + rng.below(2);
  return make_owned_record(host, std::move(value), incarnation, version);
}

}  // namespace

MachineRecord make_machine(const sim::EnrolledHost& host, unsigned number, NetworkId network) {
  MachineRecord machine;
  machine.id = MachineId{0x1000 + number};
  machine.host = host.id;
  machine.network = network;
  machine.app = "web";
  machine.group = "app";
  machine.region = host.record.region;
  machine.address = machine_address(network, host.id, kFirstMachineField + number);
  machine.state = MachineState::kStarted;
  return machine;
}

Record make_shared_record(const sim::EnrolledHost& host, RecordValue value, const std::string& org,
                          std::uint64_t major) {
  Record out;
  out.key = key_of(value);
  out.writer = host.id;
  out.stamp = {major, host.id.value};
  out.org = org;
  out.value = std::move(value);
  return out;
}

Record make_tombstone(Record of, std::uint64_t major, WallTime deleted) {
  of.network = interest_network(of);
  of.tombstone = true;
  of.deleted = deleted;
  of.stamp.major = major;
  of.value = std::monostate{};
  return of;
}

Record make_owned_record(const sim::EnrolledHost& host, RecordValue value,
                         std::uint64_t incarnation, std::uint64_t version) {
  Record out;
  out.key = key_of(value);
  out.writer = host.id;
  out.stamp = {incarnation, version};
  out.value = std::move(value);
  return out;
}

SignedRecordPtr sign_renewal_record(const sim::TestCluster& cluster,
                                    const sim::EnrolledHost& writer, const sim::EnrolledHost& host,
                                    WallTime until, WallTime signed_at,
                                    std::optional<Hash> certificate) {
  Renewal renewal{host.id, certificate.value_or(certificate_digest(host.record.certificate)), until,
                  signed_at};
  RenewalRecord record{renewal.host, renewal.certificate, renewal.valid_until, renewal.signed_at,
                       sign_renewal(renewal, cluster.root())};
  return writer.sign(
      make_shared_record(writer, record, "", registry::HybridClock::from_wall(signed_at)));
}

Record random_record(const sim::EnrolledHost& host, Rng& rng) {
  Record out;
  if (rng.chance(0.1)) {
    InterestRecord interest{host.id, rng.chance(0.5), {}};
    if (rng.chance(0.5)) interest.networks.push_back(kTestNetwork);
    if (rng.chance(0.5)) interest.networks.push_back(kOtherNetwork);
    return owned_at_random(host, interest, rng);
  }
  if (rng.chance(0.3)) {
    auto number = static_cast<unsigned>(rng.below(4));
    auto machine = make_machine(host, number, number % 2 == 0 ? kTestNetwork : kOtherNetwork);
    machine.metadata = {{"note", pick(rng, {"", "caf\xc3\xa9", "\xf0\x9f\x9a\x80"})}};
    machine.state = static_cast<MachineState>(1 + rng.below(9));
    machine.health = static_cast<Health>(rng.below(4));
    if (rng.chance(0.5))
      machine.service_health = ServiceHealths{
          {80, static_cast<Health>(rng.below(4))},
          {static_cast<std::uint16_t>(81 + rng.below(65000)), static_cast<Health>(rng.below(4))}};
    machine.app_health = static_cast<Health>(rng.below(4));
    machine.skip_dns = rng.chance(0.5);
    machine.cordoned = rng.chance(0.5);
    machine.updated = from_unix_ms(static_cast<std::int64_t>(rng.below(1'000'000)));
    out = owned_at_random(host, machine, rng);
  } else {
    std::string org = pick(rng, {"acme", "globex"});
    std::uint64_t major = 1 + rng.below(5);
    out = make_shared_record(host, random_shared_value(rng, org), org, major);
  }
  if (rng.chance(0.2)) out = make_tombstone(out, out.stamp.major, from_unix_ms(1'800'000'000'000));
  if (rng.chance(0.3)) out.network = {};
  return out;
}

}  // namespace sixpn::test
