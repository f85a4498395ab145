// What tests may ask of a simulation.
#include <algorithm>
#include <cstdlib>

#include "tests/sim/simulator_node.h"

namespace sixpn::sim {

using registry::Gossip;

std::uint64_t seed_from_environment(std::uint64_t fallback) {
  const char* text = std::getenv("SIXPN_SIM_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

bool Simulator::reachable(unsigned a, unsigned b) const {
  return nodes_[a]->running && nodes_[b]->running && network_.passes(a, b) && network_.passes(b, a);
}

bool Simulator::is_trusted(unsigned host) const {
  return nodes_[host]->trusted;
}

bool Simulator::is_revoked(unsigned host) const {
  return nodes_[host]->revoked;
}

Now Simulator::clocks_of(unsigned host) const {
  return clocks(*nodes_[host]);
}

std::chrono::nanoseconds Simulator::processor_time(unsigned host) const {
  return nodes_[host]->processor;
}

bool Simulator::is_running(unsigned host) const {
  return nodes_[host]->running;
}

Instant Simulator::stalled_until(unsigned host) const {
  return nodes_[host]->stalled_until;
}

const Gossip& Simulator::gossip(unsigned host) const {
  return *nodes_[host]->gossip;
}

const EnrolledHost& Simulator::identity(unsigned host) const {
  return nodes_[host]->identity;
}

bool Simulator::converged() const {
  const Node* first = nullptr;
  for (const auto& node : nodes_) {
    if (!node->running || !node->trusted) continue;
    if (first == nullptr) first = node.get();
    if (node->gossip->store().root_hash() != first->gossip->store().root_hash()) return false;
  }
  return true;
}

bool Simulator::all_believe(unsigned host, HostStatus status) const {
  HostId id = nodes_[host]->identity.id;
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return !node->running || !node->trusted || node->index == host ||
           node->gossip->membership().status(id) == status;
  });
}

std::map<registry::Slot, SignedRecordPtr> Simulator::truth() const {
  std::map<registry::Slot, SignedRecordPtr> out;
  for (const auto& [slot, versions] : accepted_) {
    Stamp owed{};
    for (const auto& node : nodes_) {
      auto found = node->owed.find(slot);
      if (node->running && node->trusted && found != node->owed.end())
        owed = std::max(owed, found->second);
    }
    auto stored = [&](const SignedRecordPtr& record) { return record->record.stamp <= owed; };
    auto last = std::find_if(versions.rbegin(), versions.rend(), stored);
    if (last != versions.rend()) out[slot] = *last;
  }
  return out;
}

registry::Counters Simulator::total_counters() const {
  registry::Counters total;
  for (const auto& node : nodes_) {
    if (!node->running) continue;
    auto c = node->gossip->counters();
    total.datagrams_out += c.datagrams_out;
    total.bytes_out += c.bytes_out;
    total.suspicions += c.suspicions;
    total.refuted += c.refuted;
    total.downs += c.downs;
    total.stalls += c.stalls;
    total.syncs_started += c.syncs_started;
    total.dropped_malformed += c.dropped_malformed;
    total.dropped_bad_signature += c.dropped_bad_signature;
    total.dropped_not_permitted += c.dropped_not_permitted;
  }
  return total;
}

std::string Simulator::replay_hint() const {
  std::string seed = std::to_string(options_.seed);
  return "seed " + seed + ", " + std::to_string(options_.hosts) + " hosts, at " +
         std::to_string(now_.time_since_epoch().count()) +
         " us; replay with SIXPN_SIM_SEED=" + seed;
}

}  // namespace sixpn::sim
