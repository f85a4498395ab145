#include "mesh/core/link_switch.h"

#include <algorithm>

#include "mesh/core/endpoint_supervisor.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

// The two peers of one other host, as observed; null where there is none.
using Ends = std::map<Plane, const ObservedPeer*>;

void find_ends(const DesiredTunnel& desired, const ObservedTunnel& observed, Plane plane,
               std::map<HostId, Ends>& all) {
  // A handshake under a key that is about to change says nothing about the next one.
  if (!observed.device || observed.device->public_key != desired.device.public_key) return;
  for (const auto& [key, peer] : desired.peers)
    if (auto found = observed.peers.find(key); found != observed.peers.end())
      all[peer.host][plane] = &found->second;
}

bool has_session(const ObservedPeer* peer, WallTime now) {
  return peer != nullptr && peer->last_handshake && now - *peer->last_handshake < kFreshHandshake;
}

bool is_steered(HostId host, const DesiredMesh& desired, const ObservedMesh& observed) {
  return observed.routes.contains(
      {{host_address(host), 128}, RouteKind::kUnicast, desired.spare->device.name});
}

}  // namespace

bool LinkSwitch::is_proven(HostId host, const ObservedPeer* peer, Now now) {
  if (!has_session(peer, now.wall)) {
    proofs_.erase(host);
    return false;
  }
  Proof fresh{*peer->last_handshake, now.mono};
  Proof& proof = proofs_.try_emplace(host, fresh).first->second;
  if (proof.handshake != fresh.handshake) proof = fresh;
  return now.mono - proof.seen >= kLinkProven;
}

void LinkSwitch::update(const DesiredMesh& desired, const ObservedMesh& observed, Now now) {
  std::erase_if(links_, [&](const auto& item) { return !desired.links.contains(item.first); });
  std::erase_if(left_rx_, [&](const auto& item) { return !desired.links.contains(item.first); });
  std::erase_if(proofs_, [&](const auto& item) { return !desired.links.contains(item.first); });
  next_check_ = kNever;
  if (!desired.spare) return;
  std::map<HostId, Ends> ends;
  find_ends(desired.main, observed.main, Plane::kMain, ends);
  find_ends(*desired.spare, observed.spare, Plane::kSpare, ends);
  for (const auto& [host, target] : desired.links) {
    auto [slot, is_new] = links_.try_emplace(host);
    LinkState& link = slot->second;
    if (is_new) link.on = is_steered(host, desired, observed) ? Plane::kSpare : Plane::kMain;
    if (is_new || link.target != target) {
      link.target = target;
      link.settled = false;
      link.left_heard = now.mono;
      left_rx_.erase(host);
      proofs_.erase(host);
    }
    Ends& pair = ends[host];
    if (link.on != target && is_proven(host, pair[target], now)) {
      link.on = target;
      link.left_heard = now.mono;
    }
    const ObservedPeer* left = pair[other(target)];
    link.left_has_session = has_session(left, now.wall);
    std::uint64_t rx = left != nullptr ? left->rx_bytes : 0;
    auto [known, first] = left_rx_.try_emplace(host, rx);
    if (std::exchange(known->second, rx) != rx) link.left_heard = now.mono;
    if (link.on == target && now.mono - link.left_heard >= kLinkQuiet) link.settled = true;
    if (!link.settled) next_check_ = now.mono + kLinkPoll;
  }
}

std::set<HostId> LinkSwitch::on_spare() const {
  std::set<HostId> hosts;
  for (const auto& [host, link] : links_)
    if (link.on == Plane::kSpare) hosts.insert(host);
  return hosts;
}

}  // namespace sixpn::mesh
