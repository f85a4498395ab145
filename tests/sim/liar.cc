#include "tests/sim/liar.h"

#include <array>

#include "registry/core/address.h"
#include "registry/core/gossip_codec.h"
#include "tests/sim/workload.h"

namespace sixpn::sim {

using registry::GossipDatagram;
using registry::MemberUpdate;

Liar::Liar(Simulator& sim, unsigned host, Rng& rng) : sim_(sim), host_(host), rng_(rng) {
  sim.distrust(host);
  sim.tap([this](unsigned, unsigned to, const std::string& bytes) {
    if (to != host_) return;
    heard_.push_back(bytes);
    if (heard_.size() > kMostHeard) heard_.pop_front();
  });
}

unsigned Liar::victim() {
  auto chosen = static_cast<unsigned>(rng_.below(sim_.hosts() - 1));
  return chosen >= host_ ? chosen + 1 : chosen;
}

void Liar::act() {
  switch (rng_.below(6)) {
    case 0:
      return forge_machine();
    case 1:
      return write_beyond_right();
    case 2:
      return equivocate();
    case 3:
      return replay();
    case 4:
      return rng_.chance(0.1) ? flood() : replay();
    default:
      return claims_are_signed() ? accuse() : forge_machine();
  }
}

// By datagram or as if by a sync session.
void Liar::send_record(unsigned to, const SignedRecordPtr& record) {
  if (rng_.chance(0.5)) return sim_.inject_record(host_, to, record);
  GossipDatagram datagram;
  datagram.records.push_back(record->wire());
  sim_.inject(host_, to, registry::encode_datagram(datagram));
}

// A machine or the host record of another host, as newer than anything, signed with the liar's key.
void Liar::forge_machine() {
  const EnrolledHost& other = sim_.identity(victim());
  Record record;
  record.writer = other.id;
  record.stamp = {~std::uint64_t{0} >> 1, ++version_};
  if (rng_.chance(0.5)) {
    record.value = other.record;
  } else {
    record.value.emplace<MachineRecord>(
        machine_of(sim_, other.id.value - host_id(0).value, 0, MachineState::kDestroyed));
  }
  record.key = key_of(record.value);
  if (auto forged = sign_record(record, sim_.identity(host_).key)) send_record(victim(), *forged);
}

void Liar::write_beyond_right() {
  Record record;
  record.writer = sim_.identity(host_).id;
  record.org = "acme";
  record.key = app_key(kSwarmNetwork, "app" + std::to_string(rng_.below(4)));
  record.stamp = {registry::HybridClock::from_wall(sim_.clocks_of(host_).wall),
                  record.writer.value};
  record.tombstone = true;
  record.deleted = sim_.clocks_of(host_).wall;
  if (auto forged = sign_record(record, sim_.identity(host_).key)) send_record(victim(), *forged);
}

// One stamp, two values, each to other hosts.
void Liar::equivocate() {
  Record record;
  record.writer = sim_.identity(host_).id;
  record.stamp = {std::uint64_t{1} << 40, ++version_};
  for (auto state : {MachineState::kStarted, MachineState::kStopped}) {
    record.value.emplace<MachineRecord>(machine_of(sim_, host_, 1, state));
    record.key = key_of(record.value);
    auto made = sign_record(record, sim_.identity(host_).key);
    if (made) send_record(victim(), *made);
  }
}

void Liar::replay() {
  if (heard_.empty()) return;
  sim_.inject(host_, victim(), heard_[rng_.below(heard_.size())]);
}

void Liar::flood() {
  unsigned to = victim();
  for (int i = 0; i < 200; ++i) {
    std::string bytes(1 + rng_.below(registry::kMaxDatagramBytes), '\0');
    for (char& c : bytes) c = static_cast<char>(rng_());
    sim_.inject(host_, to, std::move(bytes));
  }
}

void Liar::accuse() {
  GossipDatagram datagram;
  datagram.incarnation = rng_.chance(0.3) ? ~std::uint64_t{0} - 1 : 1;
  constexpr std::array kStatuses = {HostStatus::kAlive, HostStatus::kSuspected, HostStatus::kDown,
                                    HostStatus::kLeft};
  for (int i = 0; i < 4; ++i) {
    MemberUpdate update;
    update.host = sim_.identity(victim()).id;
    update.status = kStatuses.at(rng_.below(kStatuses.size()));
    update.incarnation = rng_.chance(0.5) ? ~std::uint64_t{0} - 2 : rng_();
    datagram.updates.push_back(update);
  }
  sim_.inject(host_, victim(), registry::encode_datagram(datagram));
}

}  // namespace sixpn::sim
