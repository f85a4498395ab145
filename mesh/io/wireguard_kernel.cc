// Kernel WireGuard through the embeddable library of wireguard-tools (wireguard_embeddable.c,
// compiled as C). The library's faults and how they are kept away (reference: its source,
// 1.0.20210914):
//  - A device got from it has dangling tail pointers: such a list is only read, never extended;
//    what is set is built here from nothing.
//  - wg_get_device may loop for ever: one try per call, bounded tries here.
//  - Keys are not wiped: the library's free() is replaced, and our own copies are wiped.
//  - Peers are set in several messages, not atomically: every step is idempotent, and an error
//    makes the caller observe again. No UPDATE_ONLY: this agent is the device's only writer.
#include <net/if.h>
#include <string.h>

#include <algorithm>
#include <deque>

#include "base/io/sockaddr.h"
#include "mesh/io/wireguard_backend.h"
#include "mesh/io/wireguard_embeddable.h"

namespace sixpn::mesh {
namespace {

constexpr int kMaxGetTries = 10;

PublicKey to_key(const wg_key& key) {
  PublicKey out;
  std::copy_n(key, out.size(), out.begin());
  return out;
}

void put_key(const PublicKey& key, wg_key& out) {
  std::copy(key.begin(), key.end(), out);
}

Ip6 mapped(const in_addr& v4) {
  Ip6 ip;
  ip.bytes[10] = ip.bytes[11] = 0xff;
  memcpy(ip.bytes.data() + 12, &v4, 4);
  return ip;
}

std::optional<IpEndpoint> read_endpoint(const wg_peer& peer) {
  if (peer.endpoint.addr.sa_family == AF_INET)
    return IpEndpoint{mapped(peer.endpoint.addr4.sin_addr), ntohs(peer.endpoint.addr4.sin_port)};
  if (peer.endpoint.addr.sa_family != AF_INET6) return std::nullopt;
  return to_endpoint(peer.endpoint.addr6);
}

void put_endpoint(const IpEndpoint& endpoint, wg_peer& peer) {
  if (endpoint.ip.is_v4_mapped()) {
    peer.endpoint.addr4.sin_family = AF_INET;
    peer.endpoint.addr4.sin_port = htons(endpoint.port);
    memcpy(&peer.endpoint.addr4.sin_addr, endpoint.ip.bytes.data() + 12, 4);
    return;
  }
  peer.endpoint.addr6 = to_sockaddr(endpoint);
}

Prefix6 read_allowed(const wg_allowedip& allowed) {
  if (allowed.family == AF_INET) return make_prefix(mapped(allowed.ip4), allowed.cidr + 96);
  return make_prefix(to_ip(allowed.ip6), allowed.cidr);
}

ObservedPeer read_peer(const wg_peer& peer) {
  ObservedPeer out{.endpoint = read_endpoint(peer),
                   .keepalive = peer.persistent_keepalive_interval,
                   .rx_bytes = peer.rx_bytes,
                   .tx_bytes = peer.tx_bytes};
  const auto& seen = peer.last_handshake_time;
  if (seen.tv_sec != 0 || seen.tv_nsec != 0)
    out.last_handshake = from_unix_ms(seen.tv_sec * 1000 + seen.tv_nsec / 1'000'000);
  for (const wg_allowedip* allowed = peer.first_allowedip; allowed != nullptr;
       allowed = allowed->next_allowedip)
    out.allowed.insert(read_allowed(*allowed));
  return out;
}

// A device with peers for wg_set_device, all of whose memory is ours.
class DeviceRequest {
 public:
  explicit DeviceRequest(const std::string& interface) {
    interface.copy(device_.name, IFNAMSIZ - 1);
  }
  ~DeviceRequest() { explicit_bzero(&device_, sizeof device_); }
  DeviceRequest(const DeviceRequest&) = delete;
  DeviceRequest& operator=(const DeviceRequest&) = delete;

  void put(const ConfigureDevice& change) {
    if (change.private_key) {
      std::ranges::copy(change.private_key->bytes(), device_.private_key);
      set_flag(WGDEVICE_HAS_PRIVATE_KEY);
    }
    if (change.listen_port) {
      device_.listen_port = *change.listen_port;
      set_flag(WGDEVICE_HAS_LISTEN_PORT);
    }
  }

  void put(const SetPeer& step) {
    int flags = WGPEER_HAS_PUBLIC_KEY;
    if (step.replace_allowed) flags |= WGPEER_REPLACE_ALLOWEDIPS;
    if (step.keepalive) flags |= WGPEER_HAS_PERSISTENT_KEEPALIVE_INTERVAL;
    wg_peer& peer = add_peer(step.key, flags);
    if (step.keepalive) peer.persistent_keepalive_interval = *step.keepalive;
    if (step.endpoint) put_endpoint(*step.endpoint, peer);
    for (const auto& prefix : step.allowed) add_allowed(prefix, peer);
  }

  void put(const RemovePeer& step) { add_peer(step.key, WGPEER_HAS_PUBLIC_KEY | WGPEER_REMOVE_ME); }

  Result<void> send() {
    sixpn_wg_begin_call();
    int failed = wg_set_device(&device_);
    if (failed != 0) return Error::from_errno("setting WireGuard device " + name(), -failed);
    return {};
  }

 private:
  [[nodiscard]] std::string name() const { return device_.name; }

  void set_flag(wg_device_flags flag) {
    device_.flags = static_cast<wg_device_flags>(device_.flags | flag);
  }

  wg_peer& add_peer(const PublicKey& key, int flags) {
    wg_peer& peer = peers_.emplace_back();
    put_key(key, peer.public_key);
    peer.flags = static_cast<wg_peer_flags>(flags);
    if (device_.last_peer != nullptr) device_.last_peer->next_peer = &peer;
    if (device_.first_peer == nullptr) device_.first_peer = &peer;
    device_.last_peer = &peer;
    return peer;
  }

  void add_allowed(const Prefix6& prefix, wg_peer& peer) {
    wg_allowedip& allowed = allowed_.emplace_back();
    allowed.family = AF_INET6;
    allowed.cidr = static_cast<std::uint8_t>(prefix.length);
    allowed.ip6 = to_in6_addr(prefix.ip);
    if (peer.last_allowedip != nullptr) peer.last_allowedip->next_allowedip = &allowed;
    if (peer.first_allowedip == nullptr) peer.first_allowedip = &allowed;
    peer.last_allowedip = &allowed;
  }

  wg_device device_{};
  std::deque<wg_peer> peers_;  // addresses of elements stay
  std::deque<wg_allowedip> allowed_;
};

struct FreeDevice {
  void operator()(wg_device* device) const { wg_free_device(device); }
};
using OwnedDevice = std::unique_ptr<wg_device, FreeDevice>;

class KernelBackend : public WireguardBackend {
 public:
  explicit KernelBackend(std::string interface) : interface_(std::move(interface)) {}

  [[nodiscard]] std::string_view name() const override { return "kernel"; }

  [[nodiscard]] std::unique_ptr<WireguardBackend> for_interface(
      const std::string& interface) const override {
    return make_kernel_backend(interface);
  }

  Result<void> create_device() override {
    auto netlink = Netlink::open();
    if (!netlink) return std::move(netlink).error();
    return netlink->create_link(interface_, "wireguard");
  }

  Result<WireguardState> get() override {
    auto device = read_device();
    if (!device) return std::move(device).error();
    WireguardState state;
    if (((*device)->flags & WGDEVICE_HAS_PUBLIC_KEY) != 0)
      state.public_key = to_key((*device)->public_key);
    state.listen_port = (*device)->listen_port;
    for (const wg_peer* peer = (*device)->first_peer; peer != nullptr; peer = peer->next_peer)
      state.peers.emplace(to_key(peer->public_key), read_peer(*peer));
    return state;
  }

  Result<void> configure(const ConfigureDevice& change) override {
    DeviceRequest request(interface_);
    request.put(change);
    return request.send();
  }

  Result<void> apply(std::span<const PeerStep> steps) override {
    DeviceRequest request(interface_);
    for (const auto& step : steps) std::visit([&](const auto& s) { request.put(s); }, step);
    return request.send();
  }

 private:
  Result<OwnedDevice> read_device() {
    for (int attempt = 0; attempt < kMaxGetTries; ++attempt) {
      wg_device* device = nullptr;
      sixpn_wg_begin_call();
      int failed = wg_get_device(&device, interface_.c_str());
      if (failed == 0) return OwnedDevice(device);
      if (failed != -EINTR)
        return Error::from_errno("reading WireGuard device " + interface_, -failed);
    }
    return Error("WireGuard device " + interface_ + " changes too fast to be read", EAGAIN);
  }

  std::string interface_;
};

}  // namespace

std::unique_ptr<WireguardBackend> make_kernel_backend(const std::string& interface) {
  return std::make_unique<KernelBackend>(interface);
}

}  // namespace sixpn::mesh
