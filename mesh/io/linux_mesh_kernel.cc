// LinuxMeshKernel: the network namespace of the mesh loop's thread, by rtnetlink, a WireGuard
// backend, nft and /proc/sys. See mesh_kernel.h.
#include <algorithm>

#include "base/log.h"
#include "mesh/io/connection_tracking.h"
#include "mesh/io/mesh_kernel.h"
#include "mesh/io/netlink.h"
#include "mesh/io/netlink_monitor.h"
#include "mesh/io/nft.h"
#include "mesh/io/sysctl.h"
#include "mesh/io/veth.h"
#include "mesh/io/wireguard_backend.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

constexpr const char* kForwarding = "net/ipv6/conf/all/forwarding";

Result<void> check_ipv6() {
  auto disabled = read_sysctl("net/ipv6/conf/all/disable_ipv6");
  if (!disabled) return Error("this kernel has no IPv6 (boot option ipv6.disable=1?)");
  if (*disabled != "0") return Error("IPv6 is disabled here: set net.ipv6.conf.all.disable_ipv6=0");
  return {};
}

// Ours: mesh addresses of the device, and the resolver's on lo, fdaa::3 and fdaa:N:N::3.
bool is_ours(const InterfaceAddress& address, const std::string& device) {
  if (address.interface == device) return kMeshPrefix.contains(address.ip);
  return address.interface == "lo" && classify(address.ip) == AddressKind::kResolver;
}

class LinuxMeshKernel : public MeshKernel {
 public:
  Result<void> open(EventLoop& loop, const MeshOptions& options, OnEvent on_event) override {
    if (auto usable = check_ipv6(); !usable) return usable;
    auto netlink = Netlink::open();
    if (!netlink) return std::move(netlink).error();
    netlink_.emplace(std::move(*netlink));
    auto backend = choose_backend(*netlink_, options);
    if (!backend) return std::move(backend).error();
    main_ = std::move(*backend);
    interface_ = options.interface;
    spare_interface_ = spare_interface(interface_);
    spare_ = main_->for_interface(spare_interface_);
    gateway_interface_ = gateway_interface(interface_);
    gateway_ = main_->for_interface(gateway_interface_);
    if (auto listed = list_firewall(); !listed) return std::move(listed).error();
    return start_monitor(loop, std::move(on_event));
  }

  [[nodiscard]] std::string_view backend() const override {
    return main_ ? main_->name() : std::string_view();
  }

  Result<ObservedMesh> observe(const DesiredMesh& desired) override {
    ObservedMesh mesh;
    auto links = netlink_->links();
    if (!links) return std::move(links).error();
    monitor_->set_links(*links);
    auto addresses = netlink_->addresses();
    if (!addresses) return std::move(addresses).error();
    for (const auto& address : *addresses)
      if (is_ours(address, interface_)) mesh.addresses.insert(address);
    observe_veths(desired, *links, *addresses, mesh);
    observe_sysctls(desired, mesh);
    if (auto read = observe_routing(mesh); !read) return std::move(read).error();
    if (auto read = observe_tunnel(Plane::kMain, *links, mesh); !read)
      return std::move(read).error();
    // What cannot be read and is not wanted is not ours, or on its way out.
    for (Plane plane : {Plane::kSpare, Plane::kGateway}) {
      auto read = observe_tunnel(plane, *links, mesh);
      if (!read && desired.tunnel(plane) != nullptr) return std::move(read).error();
    }
    if (auto read = observe_firewall(desired.firewall.structure, mesh); !read)
      return std::move(read).error();
    if (auto read = observe_service_map(desired, mesh); !read) return std::move(read).error();
    return mesh;
  }

  Result<std::optional<ObservedVeth>> observe_veth(const Veth& desired) override {
    auto link = netlink_->find_link(desired.name);
    if (!link) return std::move(link).error();
    if (!*link) return std::optional<ObservedVeth>();
    auto addresses = netlink_->addresses();
    if (!addresses) return std::move(addresses).error();
    return std::optional(inspect_veth(**link, *addresses, desired));
  }

  Result<std::map<PublicKey, ObservedPeer>> observe_peers(Plane plane) override {
    auto state = backend_of(plane).get();
    if (!state) return std::move(state).error();
    return std::move(state->peers);
  }

  Result<void> apply(const MeshStep& step) override {
    return std::visit([this](const auto& s) { return run(s); }, step);
  }

  Result<void> apply_peers(Plane plane, std::span<const PeerStep> steps) override {
    return backend_of(plane).apply(steps);
  }

  std::vector<std::string> find_warnings() override {
    std::vector<std::string> warnings;
    if (!tracking_problem_.empty()) warnings.push_back(tracking_problem_);
    auto chains = list_dropping_chains();
    if (!chains) return warnings;
    for (const auto& chain : *chains)
      warnings.push_back("firewall chain '" + chain +
                         "' of another program drops by default, and may drop mesh packets too");
    return warnings;
  }

 private:
  Result<void> start_monitor(EventLoop& loop, OnEvent on_event) {
    auto monitor = NetlinkMonitor::open();
    if (!monitor) return std::move(monitor).error();
    monitor_.emplace(std::move(*monitor));
    on_event_ = std::move(on_event);
    routing_watch_.emplace(loop, monitor_->routing_fd(), [this] {
      for (const auto& event : monitor_->read_routing()) on_event_(event);
    });
    firewall_watch_.emplace(loop, monitor_->firewall_fd(), [this] {
      for (const auto& event : monitor_->read_firewall()) on_event_(event);
    });
    return {};
  }

  // ---- observe
  static void observe_veths(const DesiredMesh& desired, const std::vector<Link>& links,
                            const std::vector<InterfaceAddress>& addresses, ObservedMesh& mesh) {
    for (const auto& link : links) {
      if (!is_veth_name(link.name)) continue;
      auto wanted = desired.veths.find(link.name);
      mesh.veths[link.name] = wanted == desired.veths.end()
                                  ? ObservedVeth{{.name = link.name}}
                                  : inspect_veth(link, addresses, wanted->second);
    }
  }

  static void observe_sysctls(const DesiredMesh& desired, ObservedMesh& mesh) {
    for (const auto& [key, value] : desired.sysctls)
      if (auto read = read_sysctl(key)) mesh.sysctls[key] = *read;
  }

  Result<void> observe_routing(ObservedMesh& mesh) {
    auto routes = netlink_->routes();
    if (!routes) return std::move(routes).error();
    mesh.routes.insert(routes->begin(), routes->end());
    auto rules = netlink_->rules();
    if (!rules) return std::move(rules).error();
    mesh.rules.insert(rules->begin(), rules->end());
    return {};
  }

  Result<void> observe_tunnel(Plane plane, const std::vector<Link>& links, ObservedMesh& mesh) {
    const std::string& name = plane == Plane::kMain    ? interface_
                              : plane == Plane::kSpare ? spare_interface_
                                                       : gateway_interface_;
    auto link = std::ranges::find(links, name, &Link::name);
    if (link == links.end()) return {};
    auto state = backend_of(plane).get();
    if (!state) return std::move(state).error();
    ObservedTunnel& tunnel = mesh.tunnel(plane);
    tunnel.device = {state->public_key, state->listen_port, link->mtu, link->up};
    tunnel.peers = std::move(state->peers);
    return {};
  }

  // The comment names the structure, but anyone may have changed rules below it. What nft printed
  // right after we loaded a structure is remembered: any other print is a changed table.
  Result<void> observe_firewall(const FirewallStructure& desired, ObservedMesh& mesh) {
    auto listing = list_firewall();
    if (!listing) return std::move(listing).error();
    if (!*listing) return {};
    bool changed = loaded_structure_ && *loaded_structure_ != (*listing)->structure;
    if (!changed && (*listing)->fingerprint == firewall_fingerprint(desired))
      mesh.firewall = {(*listing)->fingerprint, std::move((*listing)->elements)};
    return {};
  }

  // Once it is known to be absent, and nobody wants it, it is not asked for again.
  Result<void> observe_service_map(const DesiredMesh& desired, ObservedMesh& mesh) {
    bool wanted = desired.service_map && desired.service_map->wanted();
    if (!wanted && loaded_map_ && loaded_map_->fingerprint.empty()) return {};
    auto listing = list_service_map();
    if (!listing) return std::move(listing).error();
    if (!*listing) {
      if (!wanted) loaded_map_.emplace();
      return {};
    }
    bool changed = loaded_map_ && loaded_map_->print != (*listing)->print;
    mesh.service_map = changed || (*listing)->fingerprint.empty() ? "?" : (*listing)->fingerprint;
    return {};
  }

  // ---- apply
  Result<void> run(const SetServiceMap& step) {
    auto loaded = load_firewall(service_map_document(step.map));
    monitor_->skip_firewall();
    loaded_map_.reset();
    if (!loaded) return loaded;
    loaded_map_.emplace();
    if (step.map.wanted()) {
      auto listing = list_service_map();
      if (!listing) return std::move(listing).error();
      if (!*listing) return Error("the service map was removed as soon as it was loaded");
      loaded_map_ = std::move(**listing);
    }
    forget_stopped(step.map.kernel.running);
    return {};
  }

  // Only when a machine is gone: reading the table costs time with its length.
  void forget_stopped(const std::vector<Ip6>& running) {
    bool all_run = running_ && std::ranges::includes(running, *running_);
    running_ = running;
    if (all_run) return;
    auto forgotten = forget_connections(running);
    tracking_problem_ =
        forgotten ? "" : "connections of stopped machines: " + forgotten.error().message;
    if (!forgotten) log::warn("mesh", "{}", tracking_problem_);
    if (forgotten && *forgotten > 0)
      log::info("mesh", "{} connections to machines that stopped are reset", *forgotten);
  }

  Result<void> run(const SetSysctl& step) {
    if (step.key == kForwarding && step.value == "1") return enable_forwarding();
    return write_sysctl(step.key, step.value);
  }

  Result<void> run(const ReplaceFirewall& step) {
    auto loaded = load_firewall(firewall_document(step.firewall));
    monitor_->skip_firewall();
    loaded_structure_.reset();
    if (!loaded) return loaded;
    auto listing = list_firewall();
    if (!listing) return std::move(listing).error();
    if (!*listing) return Error("the firewall table was removed as soon as it was loaded");
    loaded_structure_ = (*listing)->structure;
    return {};
  }

  Result<void> run(const UpdateFirewall& step) {
    auto loaded = load_firewall(firewall_update_document(step));
    monitor_->skip_firewall();
    return loaded;
  }

  Result<void> run(const CreateDevice& step) { return backend_of(step.plane).create_device(); }
  Result<void> run(const ConfigureDevice& step) { return backend_of(step.plane).configure(step); }
  Result<void> run(const SetDeviceLink& step) { return netlink_->set_link_up(step.name, step.mtu); }
  // wireguard-go ends when its interface goes.
  Result<void> run(const DeleteDevice& step) { return netlink_->delete_link(step.name); }
  Result<void> run(const CreateVeth& step) { return create_veth(*netlink_, step.veth); }
  Result<void> run(const ConfigureVeth& step) { return configure_veth(*netlink_, step.veth); }
  Result<void> run(const DeleteVeth& step) { return netlink_->delete_link(step.name); }
  Result<void> run(const AddAddress& step) { return netlink_->add_address(step.address); }
  Result<void> run(const RemoveAddress& step) { return netlink_->remove_address(step.address); }
  Result<void> run(const AddRoute& step) { return netlink_->add_route(step.route); }
  Result<void> run(const RemoveRoute& step) { return netlink_->remove_route(step.route); }
  Result<void> run(const AddRule& step) { return netlink_->add_rule(step.rule); }
  Result<void> run(const RemoveRule& step) { return netlink_->remove_rule(step.rule); }
  Result<void> run(const SetPeer& step) { return run_peer(step.plane, step); }
  Result<void> run(const RemovePeer& step) { return run_peer(step.plane, step); }
  Result<void> run_peer(Plane plane, const PeerStep& step) {
    return backend_of(plane).apply({&step, 1});
  }

  WireguardBackend& backend_of(Plane plane) {
    return plane == Plane::kMain ? *main_ : plane == Plane::kSpare ? *spare_ : *gateway_;
  }

  std::string interface_;
  std::string spare_interface_;
  std::string gateway_interface_;
  std::optional<Netlink> netlink_;
  std::unique_ptr<WireguardBackend> main_;
  std::unique_ptr<WireguardBackend> spare_;  // of the same kind, as the gateway's
  std::unique_ptr<WireguardBackend> gateway_;
  std::optional<NetlinkMonitor> monitor_;
  std::optional<std::string> loaded_structure_;
  std::optional<ServiceMapListing> loaded_map_;  // as nft printed it; empty: there is no table
  std::optional<std::vector<Ip6>> running_;      // of the map that was loaded last
  std::string tracking_problem_;
  OnEvent on_event_;
  std::optional<FdWatch> routing_watch_;
  std::optional<FdWatch> firewall_watch_;
};

}  // namespace

std::unique_ptr<MeshKernel> make_linux_mesh_kernel() {
  return std::make_unique<LinuxMeshKernel>();
}

}  // namespace sixpn::mesh
