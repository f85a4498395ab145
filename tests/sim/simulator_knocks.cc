// Knocks, by the daemon's own Knocker and KnockGate: when and where is decided as in
// mesh/io/knock_service.cc and agent/agent.cc.
#include <algorithm>

#include "mesh/core/knock_targets.h"
#include "tests/sim/simulator_node.h"

namespace sixpn::sim {
namespace {

constexpr unsigned kFirstAddress = 0x0a000000;  // 10.0.0.0
constexpr std::uint16_t kKnockPort = 51821;
constexpr std::size_t kHostsToldOfStart = 3;

unsigned index_of(const IpEndpoint& endpoint) {
  unsigned value = 0;
  for (std::size_t i = 12; i < 16; ++i) value = value << 8 | endpoint.ip.bytes[i];
  return value - kFirstAddress;
}

}  // namespace

IpEndpoint underlay_of(unsigned host, std::uint16_t port) {
  IpEndpoint out{*parse_ip("10.0.0.0"), port};
  for (std::size_t i = 0; i < 4; ++i)
    out.ip.bytes[15 - i] = static_cast<std::uint8_t>((kFirstAddress + host) >> (8 * i));
  return out;
}

SnapshotPtr Simulator::snapshot_of(const Node& node) const {
  registry::SnapshotBuilder builder(node.identity.id);
  return builder.build(node.gossip->store(), node.gossip->membership(), true, clocks(node).wall);
}

SignedRecordPtr Simulator::own_record(const Node& node) const {
  return node.gossip->store().host_record(node.identity.id);
}

void Simulator::begin_knocking(Node& node) {
  if (!options_.seeds) return;
  mesh::GateOptions gate{cluster_.root().public_key(), cluster_.cluster_key(), node.identity.id};
  mesh::KnockerOptions knocker{gate.root_key, gate.cluster_key, gate.self};
  node.knocking = std::make_unique<Knocking>(gate, knocker, node.rng);
  if (node.life == 1)
    for (unsigned seed : options_.seeds(node.index))
      node.contacts.push_back({host_id(seed), {}, {}, {underlay_of(seed, kKnockPort)}});
  // Of the hosts that its disk knows, some are told that it is back.
  auto others = mesh::knock_targets(snapshot_of(node).get(), {}, node.identity.id);
  node.rng.shuffle(others);
  others.resize(std::min(others.size(), kHostsToldOfStart));
  for (const auto& other : others) node.knocking->knocker.knock_at(clocks(node), other);
  follow_contact(node);
  arm_knock(node);
  deliver(now_ + mesh::kSeekInterval, node.index, [this](Node& self) { seek_lost(self); });
  deliver(now_ + mesh::kContactsInterval, node.index, [this](Node& self) { keep_contacts(self); });
}

// Whoever knows nobody and was not told of anybody founds the cluster: it is not cut off.
void Simulator::follow_contact(Node& node) {
  if (!node.knocking) return;
  Knocking& knocking = *node.knocking;
  bool alone = node.contacts.empty() && node.gossip->membership().size() == 0;
  bool connected = alone || !node.gossip->membership().living().empty();
  if (std::exchange(knocking.connected, connected) == connected) return;
  knocking.knocker.set_connected(clocks(node), connected);
  arm_knock(node);
}

void Simulator::arm_knock(Node& node) {
  Knocking& knocking = *node.knocking;
  Instant wake = knocking.knocker.next_wake();
  if (wake >= knocking.armed) return;
  knocking.armed = wake;
  deliver(wake, node.index, [this, wake](Node& self) {
    if (self.knocking->armed == wake) on_knock_timer(self);
  });
}

void Simulator::on_knock_timer(Node& node) {
  Knocking& knocking = *node.knocking;
  knocking.armed = kNever;
  if (!knocking.connected)
    knocking.knocker.set_targets(
        mesh::knock_targets(snapshot_of(node).get(), node.contacts, node.identity.id));
  auto output = knocking.knocker.on_timer(clocks(node), own_record(node).get());
  if (output.send) transmit_knock(node, output.send->to, output.send->bytes);
  arm_knock(node);
}

void Simulator::seek_lost(Node& node) {
  Knocking& knocking = *node.knocking;
  if (knocking.connected)
    for (const auto& target : mesh::lost_targets(*snapshot_of(node), node.contacts, node.rng))
      knocking.knocker.knock_at(clocks(node), target);
  arm_knock(node);
  deliver(now_ + mesh::kSeekInterval, node.index, [this](Node& self) { seek_lost(self); });
}

void Simulator::keep_contacts(Node& node) {
  node.contacts = mesh::choose_contacts(*snapshot_of(node), node.contacts);
  deliver(now_ + mesh::kContactsInterval, node.index, [this](Node& self) { keep_contacts(self); });
}

void Simulator::transmit_knock(Node& from, const IpEndpoint& to, const std::string& bytes) {
  record_effect(from.index, std::to_string(to.ip.bytes[15]));  // the bytes hold a fresh nonce
  unsigned peer = index_of(to);
  if (peer >= nodes_.size() || !nodes_[peer]->running) return;
  for (Duration delay : network_.carry(from.index, peer, now_, rng_))
    deliver(now_ + delay, peer, [this, source = from.index, bytes](Node& self) {
      on_knock_datagram(self, underlay_of(source, kKnockPort), bytes);
    });
}

void Simulator::on_knock_datagram(Node& node, const IpEndpoint& from, const std::string& bytes) {
  if (!network_.passes(index_of(from), node.index)) return;
  auto decoded = mesh::decode_knock_datagram(bytes, cluster_.cluster_key());
  if (const auto* knock = std::get_if<mesh::Knock>(&decoded)) {
    auto out = node.knocking->gate.on_knock(clocks(node), from, *knock, *snapshot_of(node),
                                            own_record(node).get());
    if (out.admitted) perform(node, node.gossip->admit(clocks(node), out.admitted->record));
    if (!out.reply.empty()) transmit_knock(node, from, out.reply);
  } else if (const auto* reply = std::get_if<mesh::KnockReply>(&decoded)) {
    auto out = node.knocking->knocker.on_reply(clocks(node), *reply);
    if (out.accepted && out.accepted->by)
      perform(node, node.gossip->admit(clocks(node), out.accepted->by->record));
    arm_knock(node);
  }
}

}  // namespace sixpn::sim
