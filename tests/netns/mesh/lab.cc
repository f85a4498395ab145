#include "tests/netns/mesh/lab.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>

#include "base/encoding.h"
#include "base/io/clock.h"
#include "base/io/run_on.h"
#include "mesh/io/nft.h"

namespace sixpn::mesh {
namespace {

constexpr const char* kControlSockets = "/var/run/wireguard";
constexpr std::uint16_t kPort = 51820;
constexpr std::uint16_t kGatewayPort = 51823;

std::string interface_name(int number) {
  return fmt::format("wgt{}h{}", getpid(), number);
}

// wireguard-go ends when its control socket is removed.
void remove_leftovers_of_dead_runs() {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(kControlSockets, failed)) {
    int pid = 0, number = 0;
    std::string name = entry.path().filename();
    char kind = 0;  // host or peer
    std::size_t start = name.starts_with("sx-") ? 3 : 0;
    if (sscanf(name.c_str() + start, "wgt%d%c%d.sock", &pid, &kind, &number) != 3) continue;
    if (kill(pid, 0) < 0 && errno == ESRCH) std::filesystem::remove(entry.path(), failed);
  }
}

// A port of the bridge, whose other end is eth0 in `netns`.
void plug_in(const std::string& port, const NetNs& netns, const NetNs& wire) {
  wire.must(fmt::format("ip link add {} type veth peer name eth0 netns /proc/{}/fd/{}", port,
                        getpid(), netns.path().substr(netns.path().rfind('/') + 1)));
  wire.must("ip link set " + port + " master wire up");
}

std::string base64_of(const Secret& key) {
  return to_base64(as_bytes(key.bytes()));
}

void check(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message);
}

}  // namespace

bool eventually(const std::function<bool()>& condition, Duration limit) {
  Instant deadline = monotonic_now() + limit;
  while (!condition()) {
    if (monotonic_now() > deadline) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

// ---- LabHost
// ---------------------------------------------------------------------------------------

LabHost::LabHost(int number, const NetNs& wire)
    : id(0x10000u + static_cast<std::uint32_t>(number)),
      interface(interface_name(number)),
      underlay_interface("eth0"),
      options{.private_key = generate_wireguard_key(), .interface = interface} {
  std::string underlay = fmt::format("192.0.2.{}", number);
  options.gateway = {generate_wireguard_key(), kGatewayPort};
  plug_in(fmt::format("port{}", number), netns, wire);
  netns.must("ip address add " + underlay + "/24 dev eth0");
  netns.must(fmt::format("ip address add 2001:db8::{}/64 dev eth0 nodad", number));
  netns.must("ip link set eth0 up");
  record = {.id = id,
            .name = fmt::format("host{}", number),
            .region = "iad",
            .wireguard_key = wireguard_public_key(options.private_key),
            .endpoints = {{*parse_ip(underlay), kPort}}};
}

LabHost::~LabHost() {
  stop();
  netns.run([&] { static_cast<void>(MeshService::teardown(interface)); });
}

void LabHost::start() {
  loop_ = std::make_unique<EventLoop>("mesh");
  loop_->start_thread();
  Result<void> started;
  on_loop([&] {
    netns.enter();
    service = std::make_unique<MeshService>(*loop_, options);
    started = service->start();
    if (started) service->set_attachments(attachments);
  });
  check(started);
}

void LabHost::stop() {
  if (!loop_) return;
  on_loop([&] { service.reset(); });
  loop_.reset();
}

void LabHost::on_loop(const std::function<void()>& task) {
  run_on(*loop_, task);
}

Result<void> LabHost::call(const std::function<void(MeshService::Done)>& start_call) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  on_loop([&] { start_call([answer](Result<void> r) { answer->set_value(std::move(r)); }); });
  return answer->get_future().get();
}

Result<void> LabHost::attach(const LabMachine& machine) {
  Attachment attachment{machine.record.id, machine.record.network, machine.address(),
                        machine.netns.path()};
  auto done = call([&](MeshService::Done d) { service->attach(attachment, std::move(d)); });
  if (done) attachments.push_back(attachment);
  return done;
}

Result<void> LabHost::detach(MachineId machine) {
  std::erase_if(attachments, [&](const Attachment& a) { return a.machine == machine; });
  return call([&](MeshService::Done d) { service->detach(machine, std::move(d)); });
}

std::vector<PeerReport> LabHost::report() {
  std::vector<PeerReport> out;
  on_loop([&] { service->report([&](std::vector<PeerReport> r) { out = std::move(r); }); });
  return out;
}

std::vector<GatewayReport> LabHost::report_gateway() {
  std::vector<GatewayReport> out;
  on_loop(
      [&] { service->report_gateway([&](std::vector<GatewayReport> r) { out = std::move(r); }); });
  return out;
}

Result<MeshPlan> LabHost::plan() {
  Result<MeshPlan> plan = MeshPlan{};
  on_loop([&] { plan = service->plan(); });
  return plan;
}

std::uint64_t LabHost::dropped(const std::string& counter) const {
  std::uint64_t packets = 0;
  netns.run([&] {
    auto listing = list_firewall();
    if (listing && *listing) packets = (*listing)->counters[counter].packets;
  });
  return packets;
}

// ---- LabPeer
// ---------------------------------------------------------------------------------------

LabPeer::LabPeer(int peer_number, const NetNs& wire)
    : number(peer_number),
      interface(fmt::format("wgt{}p{}", getpid(), peer_number)),
      key(generate_wireguard_key()) {
  plug_in(fmt::format("device{}", number), netns, wire);
  netns.must(fmt::format("ip address add 192.0.2.{}/24 dev eth0", 100 + number));
  netns.must("ip link set eth0 up");
  // As wg-quick chooses.
  if (netns.exec({"ip", "link", "add", interface, "type", "wireguard"}) != 0)
    netns.must("wireguard-go " + interface);
}

LabPeer::~LabPeer() {
  netns.exec({"ip", "link", "del", interface});  // wireguard-go ends with it
}

void LabPeer::connect(const LabHost& gateway) {
  std::string file = testing::TempDir() + interface + ".key";
  std::ofstream(file) << base64_of(key) << "\n";
  PublicKey theirs = wireguard_public_key(gateway.options.gateway->private_key);
  std::string network = to_string(network_prefix(record.network));
  netns.must(fmt::format("wg set {} private-key {} peer {} endpoint {}:{} allowed-ips {}",
                         interface, file, to_base64(as_bytes(theirs)),
                         to_string(gateway.record.endpoints.front().ip), kGatewayPort, network));
  std::filesystem::remove(file);
  netns.must(fmt::format("ip address add {}/120 dev {} nodad", to_string(address()), interface));
  netns.must("ip link set " + interface + " mtu 1420 up");
  netns.must("ip route add " + network + " dev " + interface);
}

void LabPeer::roam() {
  netns.must(fmt::format("ip address del 192.0.2.{}/24 dev eth0", 100 + number));
  netns.must(fmt::format("ip address add 192.0.2.{}/24 dev eth0", 150 + number));
}

// ---- Lab
// -------------------------------------------------------------------------------------------

Lab::Lab(int hosts) {
  remove_leftovers_of_dead_runs();
  wire_.must("ip link add wire type bridge");
  wire_.must("ip link set wire up");
  for (int number = 1; number <= hosts; ++number) {
    hosts_.push_back(std::make_unique<LabHost>(number, wire_));
    hosts_.back()->start();
  }
  publish();
}

LabMachine& Lab::add_machine(int number, NetworkId network) {
  LabHost& home = host(number);
  auto machine = std::make_unique<LabMachine>();
  std::uint32_t field = next_field_++;
  machine->record = {.id = MachineId{field},
                     .host = home.id,
                     .network = network,
                     .app = "web",
                     .group = "app",
                     .address = machine_address(network, home.id, field),
                     .state = MachineState::kStarted};
  check(home.attach(*machine));
  machines_.push_back(std::move(machine));
  publish();
  return *machines_.back();
}

LabPeer& Lab::add_peer(int number, NetworkId network) {
  int index = static_cast<int>(peers_.size());
  auto peer = std::make_unique<LabPeer>(index, wire_);
  HostId gateway = host(number).id;
  peer->record = {fmt::format("peer{}", index), network, gateway, wireguard_public_key(peer->key),
                  peer_address(network, gateway, static_cast<std::uint8_t>(index))};
  peers_.push_back(std::move(peer));
  publish();
  return *peers_.back();
}

void Lab::forget(const LabPeer& peer) {
  forgotten_.insert(peer.record.name);
  publish();
}

void Lab::set_flycast(NetworkId network, std::uint16_t counter, std::vector<ServicePort> ports) {
  flycast_[{network, counter}] = std::move(ports);
  publish();
}

SnapshotPtr Lab::snapshot_for(HostId self) const {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->self = self;
  snapshot->synced = true;
  for (const auto& host : hosts_) {
    auto status = statuses_.find(host->id);
    snapshot->hosts[host->id] = {
        host->record, status == statuses_.end() ? HostStatus::kAlive : status->second, {}};
  }
  std::map<NetworkId, NetworkView> networks;
  for (const auto& machine : machines_) {
    NetworkView& view = networks[machine->record.network];
    view.network.id = machine->record.network;
    view.machines[machine->record.id] = std::make_shared<const MachineRecord>(machine->record);
  }
  for (const auto& [address, ports] : flycast_) {
    const auto& [network, counter] = address;
    auto app = std::make_shared<AppView>();
    app->app.name = fmt::format("app{}", counter);
    app->app.network = network;
    app->app.services.push_back({.ports = ports});
    NetworkView& view = networks[network];
    Ip6 ip = flycast_address(network, counter);
    view.flycast[ip] = {ip, app->app.name, network, ""};
    view.apps[app->app.name] = std::move(app);
  }
  for (const auto& peer : peers_) {
    if (forgotten_.contains(peer->record.name)) continue;
    NetworkView& view = networks[peer->record.network];
    view.network.id = peer->record.network;
    view.peers[peer->record.name] = peer->record;
  }
  for (auto& [id, view] : networks)
    snapshot->networks[id] = std::make_shared<const NetworkView>(std::move(view));
  return snapshot;
}

void Lab::publish() {
  for (const auto& host : hosts_)
    if (host->service) host->on_loop([&] { host->service->set_snapshot(snapshot_for(host->id)); });
}

}  // namespace sixpn::mesh
