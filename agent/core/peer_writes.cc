#include "agent/core/peer_writes.h"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "registry/core/address.h"

namespace sixpn::agent {
namespace {

constexpr int kMostPeers = 256;  // of one network behind one host: an 8-bit field of the address

std::string path_of(const NetworkRecord& network) {
  return network.org + "/" + network.name;
}

std::string host_name(const Snapshot& snapshot, HostId id) {
  const HostView* host = snapshot.find_host(id);
  return host != nullptr ? host->record.name : to_string(id);
}

// The network that a new peer is to join.
Result<const NetworkView*> find_network(const Snapshot& snapshot, const PeerName& name) {
  const std::string wanted = name.network.empty() ? "default" : name.network;
  std::vector<const NetworkView*> found;
  std::vector<std::string> paths;
  for (const auto& [id, view] : snapshot.networks) {
    if (view->network.name != wanted) continue;
    if (!name.org.empty() && view->network.org != name.org) continue;
    found.push_back(view.get());
    paths.push_back(path_of(view->network));
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    return Error(fmt::format("there is no network {}{}: it is made with its first app "
                             "(`sixpn apps create`)",
                             wanted, name.org.empty() ? "" : " of organisation " + name.org),
                 kNotFound);
  return Error(fmt::format("there are networks {}: say which organisation's with --org",
                           fmt::join(paths, ", ")),
               kInvalid);
}

// Whose key it is already.
std::optional<Error> refuse_key(const Snapshot& snapshot, const PublicKey& key) {
  if (key == PublicKey{}) return Error("public_key: all zero is no key", kInvalid);
  for (const auto& [id, host] : snapshot.hosts)
    if (key == host.record.wireguard_key || key == host.record.spare_key)
      return Error("public_key: it is the key of host " + host.record.name, kInvalid);
  for (const auto& [id, view] : snapshot.networks)
    for (const auto& [name, peer] : view->peers)
      if (peer.wireguard_key == key)
        return Error(
            fmt::format("public_key: it is the key of peer {} of {}", name, path_of(view->network)),
            kTaken);
  return std::nullopt;
}

std::optional<Ip6> free_address(const NetworkView& view, HostId gateway) {
  std::set<Ip6> taken;
  for (const auto& [name, peer] : view.peers) taken.insert(peer.address);
  for (int index = 0; index < kMostPeers; ++index) {
    Ip6 address = peer_address(view.network.id, gateway, static_cast<std::uint8_t>(index));
    if (!taken.contains(address)) return address;
  }
  return std::nullopt;
}

}  // namespace

Result<PlannedPeer> plan_create_peer(const Snapshot& snapshot, const HostCertificate& self,
                                     const PeerName& name, const PublicKey& key) {
  if (auto ok = check_name("peer name", name.peer); !ok) return ok.error();
  auto network = find_network(snapshot, name);
  if (!network) return network.error();
  const NetworkView& view = **network;
  if (!self.invite.allows_org(view.network.org)) return forbidden(self, view.network.org);
  if (auto known = view.peers.find(name.peer); known != view.peers.end())
    return Error(fmt::format("peer {} exists already in {}, behind host {}", name.peer,
                             path_of(view.network), host_name(snapshot, known->second.gateway)),
                 kTaken);
  if (auto refused = refuse_key(snapshot, key)) return *refused;
  auto address = free_address(view, snapshot.self);
  if (!address)
    return Error(fmt::format("{} peers of {} are behind this host, which is all that it has "
                             "addresses for: take another host, or remove some",
                             kMostPeers, path_of(view.network)),
                 kFull);
  PeerRecord record{name.peer, view.network.id, snapshot.self, key, *address};
  return PlannedPeer{record, {shared_write(record, view.network.org)}};
}

Result<const PeerRecord*> find_peer(const Snapshot& snapshot, const PeerName& name) {
  std::vector<const PeerRecord*> found;
  std::vector<std::string> paths;
  for (const auto& [id, view] : snapshot.networks) {
    if (!name.org.empty() && view->network.org != name.org) continue;
    if (!name.network.empty() && view->network.name != name.network) continue;
    auto peer = view->peers.find(name.peer);
    if (peer == view->peers.end()) continue;
    found.push_back(&peer->second);
    paths.push_back(path_of(view->network));
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    return Error(fmt::format("peer {} does not exist{}; `sixpn peer list` shows those that do",
                             name.peer, name.org.empty() ? "" : " in organisation " + name.org),
                 kNotFound);
  return Error(fmt::format("peer {} exists in {}: say which with --org and --network", name.peer,
                           fmt::join(paths, ", ")),
               kInvalid);
}

Result<std::vector<registry::LocalWrite>> plan_remove_peer(const Snapshot& snapshot,
                                                           const HostCertificate& self,
                                                           const PeerName& name) {
  auto peer = find_peer(snapshot, name);
  if (!peer) return peer.error();
  const std::string& org = snapshot.find_network((*peer)->network)->network.org;
  if (!self.invite.allows_org(org)) return forbidden(self, org);
  return std::vector<registry::LocalWrite>{erasure(peer_key((*peer)->network, (*peer)->name), org)};
}

}  // namespace sixpn::agent
