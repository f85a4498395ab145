// Who is who: two enrolments of one host id, revoked hosts, and those whose word is nobody's
// answer.
#include <algorithm>

#include "tests/sim/simulator_node.h"

namespace sixpn::sim {

EnrolledHost Simulator::enrol(unsigned index) const {
  auto orgs = options_.orgs ? options_.orgs(index) : std::vector<std::string>{"*"};
  if (!options_.twin) return cluster_.enrol(index, orgs);
  const auto& [of, door, first] = *options_.twin;
  bool is_twin = index + 1 == options_.hosts;
  return cluster_.enrol(is_twin ? of : index, orgs, is_twin != first ? 1 : 0);
}

std::optional<unsigned> Simulator::reached_as(const Node& node, HostId id) const {
  unsigned index = id.value - host_id(0).value;
  if (index >= nodes_.size()) return std::nullopt;
  if (options_.twin && index == options_.twin->of && has_tunnel(node, *nodes_.back()))
    return options_.hosts - 1;
  return index;
}

// Told apart by the key that the host's record names.
bool Simulator::has_tunnel(const Node& node, const Node& from) const {
  if (!options_.twin || from.identity.id != host_id(options_.twin->of)) return true;
  auto known = node.gossip->store().host_record(from.identity.id);
  return known && std::get<HostValue>(known->record.value)->wireguard_key ==
                      from.identity.record.wireguard_key;
}

// Of a host id that was enrolled twice, by either.
bool Simulator::is_signed_by_writer(const SignedRecord& record) {
  unsigned writer = record.record.writer.value - host_id(0).value;
  if (writer >= nodes_.size()) return false;
  if (checks_.verify(record, nodes_[writer]->identity.key.public_key())) return true;
  return options_.twin && writer == options_.twin->of &&
         checks_.verify(record, nodes_.back()->identity.key.public_key());
}

bool Simulator::tells_twins_apart(unsigned host) {
  if (!options_.twin) return true;
  HostId id = host_id(options_.twin->of);
  const auto& store = nodes_[host]->gossip->store();
  const HostCertificate* standing = store.certificate_of(id);
  return std::all_of(store.records().begin(), store.records().end(), [&](const auto& record) {
    bool is_theirs = record->record.writer == id && !is_root_signed(record->record.key.kind);
    return !is_theirs || (standing != nullptr && checks_.verify(*record, standing->signing_key));
  });
}

void Simulator::distrust(unsigned host) {
  nodes_[host]->trusted = false;
  for (auto& [slot, versions] : accepted_)
    std::erase_if(versions, [&](const SignedRecordPtr& record) {
      return record->record.writer == nodes_[host]->identity.id;
    });
  std::erase_if(accepted_, [](const auto& entry) { return entry.second.empty(); });
}

bool Simulator::revoke(unsigned by, unsigned host) {
  HostId victim = nodes_[host]->identity.id;
  RevocationRecord record{victim,
                          sign_revocation(victim, clocks(*nodes_[by]).wall, cluster_.root())};
  if (!write(by, {record, false, {}, ""})) return false;
  nodes_[host]->trusted = false;
  nodes_[host]->revoked = true;
  return true;
}

}  // namespace sixpn::sim
