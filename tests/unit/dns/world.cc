#include "world.h"

#include <algorithm>

#include "base/encoding.h"
#include "dns/core/render.h"
#include "tests/unit/edit_app.h"

namespace sixpn::dns::testing {

Ip6 address_of(NetworkId network, HostId host, std::uint64_t id) {
  return machine_address(network, host, static_cast<std::uint32_t>(0x10000 + id));
}

void World::add_host(HostId id, const std::string& region, HostStatus status,
                     std::optional<Duration> round_trip) {
  HostView host;
  host.record.id = id;
  host.record.region = region;
  host.record.name = "host-" + to_string(id);
  host.status = status;
  host.round_trip = round_trip;
  snapshot_.hosts[id] = host;
}

NetworkView& World::network(NetworkId id) {
  // A view that a published snapshot shares stays as it is: the test edits a copy.
  auto& slot = snapshot_.networks[id];
  if (!slot || slot.use_count() > 1)
    slot = slot ? std::make_shared<NetworkView>(*slot) : std::make_shared<NetworkView>();
  auto& names = const_cast<NetworkView&>(*slot);
  names.network = {id, id == kGlobex ? "globex" : "acme", "default"};
  return names;
}

MachineRecord& World::add(NetworkId network_id, const MachineSpec& spec) {
  auto& names = network(network_id);
  auto record = std::make_shared<MachineRecord>();
  record->id = MachineId{spec.id};
  record->host = spec.host;
  record->network = network_id;
  record->app = spec.app;
  record->group = spec.group;
  record->region = snapshot_.hosts.at(spec.host).record.region;
  record->address = address_of(network_id, spec.host, spec.id);
  record->metadata = spec.metadata;
  record->state = spec.state;
  record->skip_dns = spec.skip_dns;
  names.machines[record->id] = record;
  names.machines_by_address[record->address] = record;
  auto& app = edit_app(names, spec.app);
  app.app.name = spec.app;
  app.app.network = network_id;
  app.machines.push_back(record);
  return *record;
}

SnapshotPtr big_world(std::uint64_t count) {
  World world;
  for (std::uint64_t id = 0; id < count; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  return world.snapshot();
}

Service service(ServiceProtocol protocol, std::uint16_t internal, std::vector<ServicePort> ports,
                std::vector<std::string> groups) {
  Service service;
  service.protocol = protocol;
  service.internal_port = internal;
  service.ports = std::move(ports);
  service.groups = std::move(groups);
  return service;
}

World::World() {
  using std::chrono::milliseconds;
  snapshot_.generation = 42;
  snapshot_.self = kHostA;
  snapshot_.synced = true;
  add_host(kHostA, "iad", HostStatus::kAlive, Duration::zero());
  add_host(kHostB, "fra", HostStatus::kAlive, milliseconds(90));
  add_host(kHostC, "nrt", HostStatus::kSuspected, milliseconds(170));
  add_host(kHostD, "fra", HostStatus::kAlive, std::nullopt);
  add_host(kHostE, "nrt", HostStatus::kDown, milliseconds(171));

  using S = MachineState;
  add(kAcme, {0xa1, "web", kHostA, S::kStarted, "app", {{"role", "Leader"}}});
  add(kAcme, {0xa2, "web", kHostB, S::kStarted, "worker", {{"role", "replica"}}});
  add(kAcme, {0xa3, "web", kHostC, S::kStarted, "app", {{"version", "1.2.3"}}});
  add(kAcme, {0xa4, "web", kHostD, S::kStarted, "app", {{"role", "replica"}}});
  add(kAcme, {0xa5, "web", kHostA, S::kStopped, "cron", {{"role", "spare"}}});
  add(kAcme, {0xa6, "web", kHostE, S::kStarted, "app"});
  add(kAcme, {0xa7, "web", kHostA, S::kStarted, "console", {{"hidden", "yes"}}, true});
  add(kAcme, {0xa8, "web", kHostB, S::kSuspended, "app"});
  add(kAcme, {0xa9, "web", kHostC, S::kDestroyed, "gone"});
  add(kAcme, {0xaa, "web", kHostA, S::kStarting, "app"});
  add(kAcme, {0xb1, "idle", kHostB, S::kStopped});
  edit_app(network(kAcme), "empty").app.name = "empty";
  using P = ServiceProtocol;
  edit_app(network(kAcme), "web").app.services = {
      service(P::kTcp, 8080, {{80, 80, {"http"}}, {443, 443, {"tls", "http"}}}, {"app"}),
      service(P::kTcp, 5433, {{5432, 5432, {}}}, {"worker"}),
      service(P::kUdp, 5353, {{53, 53, {}}, {6000, 6010, {}}}, {}),
  };
  edit_app(network(kAcme), "idle").app.services = {
      service(P::kTcp, 8080, {{80, 80, {"http"}}}, {})};
  auto& acme = network(kAcme);
  acme.peers["laptop"] = {"laptop", kAcme, kHostB, {}, peer_address(kAcme, kHostB, 1)};
  acme.peers["interactive-x"] = {
      "interactive-x", kAcme, kHostB, {}, peer_address(kAcme, kHostB, 2)};
  for (const auto& record : {FlycastRecord{flycast_address(kAcme, 2), "web", kAcme, ""},
                             FlycastRecord{flycast_address(kAcme, 3), "web", kAcme, ""},
                             FlycastRecord{flycast_address(kAcme, 4), "api", kGlobex, ""},
                             FlycastRecord{flycast_address(kAcme, 5), "web", kGlobex, ""},
                             FlycastRecord{flycast_address(kAcme, 6), "k8s", kAcme, "dns"}})
    acme.flycast[record.address] = record;

  add(kGlobex, {0xc1, "web", kHostA, S::kStarted});
  add(kGlobex, {0xc2, "secret", kHostB, S::kStarted, "app", {{"role", "leader"}}});
  auto& globex = network(kGlobex);
  globex.peers["spy"] = {"spy", kGlobex, kHostB, {}, peer_address(kGlobex, kHostB, 1)};
  globex.flycast[flycast_address(kGlobex, 2)] = {flycast_address(kGlobex, 2), "web", kGlobex, ""};
}

const MachineRecord& machine(const Snapshot& snapshot, NetworkId network, std::uint64_t id) {
  return *snapshot.find_network(network)->machines.at(MachineId{id});
}

Answer ask(const Snapshot& snapshot, const std::string& name, RrType type, const Ip6& source,
           NetworkId network, std::uint64_t seed) {
  Rng rng(seed);
  return answer(snapshot, network, viewer(source), {*Name::from_text(name), type, kClassIn}, rng);
}

namespace {

struct RdataText {
  std::string operator()(const Ip6& ip) const {
    if (classify(ip) != AddressKind::kMachine) return to_string(ip);
    return to_string(MachineId{ip.dword(5) - 0x10000U}).substr(12);
  }
  std::string operator()(const Text& text) const { return '"' + text.value + '"'; }
  std::string operator()(const Name& name) const { return to_string(name); }
  std::string operator()(const Soa&) const { return "SOA"; }
  std::string operator()(const Svcb& svcb) const {
    std::string text = std::to_string(svcb.port);
    for (const auto& id : svcb.alpn) text += "+" + id;
    for (const auto& ip : svcb.ipv6hint) text += "@" + to_string(ip);
    return text;
  }
  std::string operator()(const Srv& srv) const {
    return std::to_string(srv.priority) + "/" + std::to_string(srv.weight) + "/" +
           std::to_string(srv.port) + "/" + to_string(srv.target).substr(12, 2);
  }
};

std::vector<std::string> words(const Answer& answer) {
  std::vector<std::string> texts;
  for (const auto& record : answer.answers) texts.push_back(std::visit(RdataText{}, record.rdata));
  return texts;
}

std::string joined(const Answer& answer, const std::vector<std::string>& texts) {
  if (answer.kind == AnswerKind::kForward) return "forward";
  if (answer.rcode != Rcode::kNoError) return std::string(to_string(answer.rcode));
  if (texts.empty()) return "NODATA";
  std::string line;
  for (const auto& text : texts) line += (line.empty() ? "" : " ") + text;
  return line;
}

}  // namespace

std::string brief(const Answer& answer) {
  return joined(answer, words(answer));
}

std::string brief_sorted(const Answer& answer) {
  auto texts = words(answer);
  std::sort(texts.begin(), texts.end());
  return joined(answer, texts);
}

std::string reverse_name(const Ip6& ip, std::size_t nibbles) {
  auto hex = to_hex(as_bytes(ip.bytes)).substr(0, nibbles);
  std::string name;
  for (auto it = hex.rbegin(); it != hex.rend(); ++it) name += std::string(1, *it) + ".";
  return name + "ip6.arpa";
}

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string encode(const QueryBytes& query) {
  bool edns = query.edns_size >= 0;
  std::string bytes =
      u16(query.id) + u16(query.flags) + u16(1) + u16(0) + u16(0) + u16(edns ? 1 : 0);
  bytes += Name::from_text(query.name)->wire() + u16(query.type) + u16(query.klass);
  if (!edns) return bytes;
  bytes += '\0';
  bytes += u16(kTypeOpt) + u16(static_cast<unsigned>(query.edns_size));
  bytes += u16(query.edns_ttl >> 16) + u16(query.edns_ttl & 0xffff);
  return bytes + u16(static_cast<unsigned>(query.edns_options.size())) + query.edns_options;
}

}  // namespace sixpn::dns::testing
