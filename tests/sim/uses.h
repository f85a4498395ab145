// What the agent does beside the registry, for tests of hosts that hold what they use: it says
// which networks a host uses and what of that is not here yet. And what must hold of such hosts.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "registry/core/address.h"
#include "registry/core/interest.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {

inline constexpr unsigned kNetworks = 4;

inline NetworkId network(std::uint64_t number) {
  return NetworkId{0xacce50 + static_cast<std::uint32_t>(number)};
}

inline registry::LocalWrite interest_write(const Simulator& sim, unsigned host, bool all,
                                           std::uint64_t mask) {
  InterestRecord interest{sim.identity(host).id, all, {}};
  for (unsigned n = 0; n < kNetworks; ++n)
    if ((mask >> n & 1) != 0) interest.networks.push_back(network(n));
  return {interest, false, {}, ""};
}

// As in the daemon, a machine's id says its network.
inline registry::LocalWrite machine_write(const Simulator& sim, unsigned host, unsigned number,
                                          MachineState state) {
  MachineRecord machine;
  machine.id = MachineId{0x1000 * (host + 1) + number};
  machine.host = sim.identity(host).id;
  machine.network = network(number % kNetworks);
  machine.app = "web";
  machine.group = "app";
  machine.region = sim.identity(host).record.region;
  machine.address = machine_address(machine.network, machine.host, kFirstMachineField + number);
  machine.state = state;
  return {machine, false, {}, ""};
}

// Every two hosts agree on what they share, and hold the same in it.
inline bool in_step(const Simulator& sim) {
  for (unsigned a = 0; a < sim.hosts(); ++a)
    for (unsigned b = a + 1; b < sim.hosts(); ++b) {
      auto shared = sim.gossip(a).shared_with(sim.identity(b).id);
      if (shared != sim.gossip(b).shared_with(sim.identity(a).id) ||
          sim.gossip(a).store().root_hash(shared) != sim.gossip(b).store().root_hash(shared))
        return false;
    }
  return true;
}

// The first two hosts that are not in step, and in what; for the message of a test that failed.
inline std::string out_of_step(const Simulator& sim) {
  for (unsigned a = 0; a < sim.hosts(); ++a)
    for (unsigned b = a + 1; b < sim.hosts(); ++b) {
      const auto& mine = sim.gossip(a).store();
      const auto& theirs = sim.gossip(b).store();
      auto shared = sim.gossip(a).shared_with(sim.identity(b).id);
      bool agreed = shared == sim.gossip(b).shared_with(sim.identity(a).id);
      if (agreed && mine.root_hash(shared) == theirs.root_hash(shared)) continue;
      std::string out = "; hosts " + std::to_string(a) + " and " + std::to_string(b);
      out += agreed ? " differ in" : " do not agree on what they share;";
      std::set<registry::Slot> differing;
      for (const auto* store : {&mine, &theirs})
        for (const auto& record : store->records())
          if (shared.contains(interest_network(record->record)))
            differing.insert(registry::slot_of(record->record));
      std::erase_if(differing, [&](const registry::Slot& slot) {
        auto one = mine.find(slot);
        auto other = theirs.find(slot);
        return one && other && one->digest == other->digest;
      });
      for (const auto& slot : differing) out += " " + to_string(slot.key);
      return out;
    }
  return {};
}

// What the agent does beside the registry, on every host: it says which networks the host uses,
// those of its own machines and some by chance, and what of that is not here yet. A use counts for
// ten seconds more instead of ten minutes, so that interests change while everything else does.
class UsedOnly {
 public:
  explicit UsedOnly(Simulator& sim) : sim_(sim), uses_(sim.hosts()), held_(sim.hosts()) {}

  void begin() {
    say_all();
    sim_.at(100ms, [this] { begin(); });
  }
  // This host wants all, and fills first what it uses.
  void hold_all(unsigned host) { hold_all_.insert(host); }
  void use(unsigned host, std::set<NetworkId> networks) { uses_[host] = std::move(networks); }
  // While set, whoever begins to hold a network must have all of it that is older than five
  // seconds.
  void expect_whole(bool expected) { whole_ = expected; }
  void remember(const registry::Slot& slot, NetworkId in) { written_[slot] = {sim_.now(), in}; }

  [[nodiscard]] bool is_settled() const {
    for (unsigned host = 0; host < sim_.hosts(); ++host)
      for (NetworkId network : networks_of(host))
        if (!sim_.gossip(host).held().contains(network)) return false;
    return true;
  }

 private:
  [[nodiscard]] std::set<NetworkId> networks_of(unsigned host) const {
    auto out = uses_[host];
    for (const auto& record : sim_.gossip(host).store().records())
      if (const auto* machine = std::get_if<MachineRecord>(&record->record.value);
          machine != nullptr && machine->host == sim_.identity(host).id)
        out.insert(machine->network);
    return out;
  }

  void say_all() {
    for (unsigned host = 0; host < sim_.hosts(); ++host)
      if (sim_.is_running(host)) say(host);
  }

  // Not Store::interest_of(), which is null for a host that holds all: it would say so every time.
  [[nodiscard]] const InterestRecord* said_by(unsigned host) const {
    HostId self = sim_.identity(host).id;
    auto record = sim_.gossip(host).store().find({interest_key(self), to_string(self)});
    return record ? &std::get<InterestRecord>(record->record.value) : nullptr;
  }

  void say(unsigned host) {
    const auto& gossip = sim_.gossip(host);
    HostId self = sim_.identity(host).id;
    auto wanted = networks_of(host);
    const auto* own = said_by(host);
    for (NetworkId network : wanted) last_used_[{host, network}] = sim_.now();
    if (own != nullptr)
      for (NetworkId network : own->networks)
        if (sim_.now() - last_used_[{host, network}] < 10s || !gossip.may_let_go(network))
          wanted.insert(network);
    for (NetworkId network : gossip.orphans()) {
      wanted.insert(network);
      last_used_[{host, network}] = sim_.now();
    }
    look_at(host, gossip.held());
    auto now = registry::make_interest(self, hold_all_.contains(host), wanted, gossip.held());
    if (own == nullptr || !(*own == now)) sim_.write(host, {now, false, {}, ""});
  }

  void look_at(unsigned host, const registry::Selection& held) {
    auto before = std::exchange(held_[host], held);
    if (!whole_) return;
    for (const auto& [slot, write] : written_) {
      bool is_new = held.contains(write.second) && !before.contains(write.second);
      if (!is_new || sim_.now() - write.first < 5s) continue;
      auto truth = sim_.truth();
      auto found = sim_.gossip(host).store().find(slot);
      auto expected = truth.find(slot);
      if (expected == truth.end() || expected->second->record.tombstone) continue;
      EXPECT_TRUE(found && found->record.stamp >= expected->second->record.stamp)
          << "host " << host << " answers without " << to_string(slot.key) << ", "
          << sim_.replay_hint();
    }
  }

  Simulator& sim_;
  std::vector<std::set<NetworkId>> uses_;
  std::vector<registry::Selection> held_;
  std::set<unsigned> hold_all_;
  bool whole_ = false;
  std::map<std::pair<unsigned, NetworkId>, Instant> last_used_;
  std::map<registry::Slot, std::pair<Instant, NetworkId>> written_;
};

// Everybody who holds a network has of each machine what its owner last wrote, or nothing where
// that was the end of it.
inline void expect_truth(const Simulator& sim) {
  auto truth = sim.truth();
  for (unsigned host = 0; host < sim.hosts(); ++host) {
    const auto& gossip = sim.gossip(host);
    for (const auto& [slot, expected] : truth) {
      if (slot.key.kind != RecordKind::kMachine) continue;
      if (!gossip.held().contains(interest_network(expected->record))) continue;
      auto found = gossip.store().find(slot);
      if (!found && expected->record.tombstone) continue;
      ASSERT_TRUE(found) << "host " << host << " lacks " << to_string(slot.key) << ", "
                         << sim.replay_hint();
      EXPECT_EQ(found->digest, expected->digest)
          << "host " << host << ", " << to_string(slot.key)
          << (expected->record.tombstone ? " is back, " : " is old, ") << sim.replay_hint();
    }
  }
}

}  // namespace sixpn::sim
