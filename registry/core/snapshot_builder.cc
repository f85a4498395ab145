#include "registry/core/snapshot_builder.h"

#include <optional>
#include <tuple>
#include <utility>

#include "registry/core/address.h"

namespace sixpn::registry {
namespace {

// The live network record that stands among the claims: the first by clock, then by org.
const SignedRecord* standing_claim(const Store& store, NetworkId id) {
  const SignedRecord* first = nullptr;
  auto rank = [](const SignedRecord& r) { return std::tie(r.record.stamp, r.record.org); };
  const auto& records = store.records();
  for (auto it = records.lower_bound({network_key(id), ""});
       it != records.end() && it->first.key == network_key(id); ++it)
    if (!it->second->record.tombstone && (first == nullptr || rank(*it->second) < rank(*first)))
      first = it->second.get();
  return first;
}

std::string org_of(const Store& store, NetworkId id) {
  const SignedRecord* claim = standing_claim(store, id);
  return claim == nullptr ? "" : claim->record.org;
}

// Fills one view from the records of its network.
class ViewBuilder {
 public:
  ViewBuilder(const Store& store, const std::set<HostId>& shut_out, const NetworkRecord& network,
              std::uint64_t generation)
      : store_(store), shut_out_(shut_out), view_(std::make_shared<NetworkView>()) {
    view_->network = network;
    view_->generation = generation;
  }

  std::shared_ptr<const NetworkView> build() {
    for (const auto& record : store_.of_network(view_->network.id))
      std::visit([&](const auto& value) { add(record, value); }, record->record.value);
    for (const auto& [id, machine] : view_->machines) {
      view_->machines_by_address[machine->address] = machine;
      if (auto app = view_->apps.find(machine->app); app != view_->apps.end())
        app->second.machines.push_back(machine);
    }
    return view_;
  }

 private:
  const std::string& org() const { return view_->network.org; }

  void add(const SignedRecordPtr&, const auto&) {}

  void add(const SignedRecordPtr&, const AppRecord& app) {
    if (app.org == org()) view_->apps[app.name] = {app, {}};
  }

  void add(const SignedRecordPtr& record, const MachineRecord& machine) {
    if (shut_out_.contains(machine.host)) return;
    const HostCertificate* certificate = store_.certificate_of(machine.host);
    if (certificate == nullptr || !certificate->invite.allows_org(org())) return;
    auto& place = view_->machines[machine.id];
    // Two hosts may claim one id: the host that the address names as birthplace stands, until it
    // lets go.
    bool stands = !place || (place->host != host_of(place->address) &&
                             machine.host == host_of(machine.address));
    if (stands) place = MachinePtr(record, &machine);
  }

  void add(const SignedRecordPtr& record, const PeerRecord& peer) {
    if (record->record.org == org()) view_->peers[peer.name] = peer;
  }

  // An address for an app of another org is let in, but the network's own org goes first.
  void add(const SignedRecordPtr& record, const FlycastRecord& flycast) {
    const std::string& right = record->record.org;
    if (org_of(store_, flycast.app_network) != right) return;
    if (view_->flycast.contains(flycast.address) && right != org()) return;
    view_->flycast[flycast.address] = flycast;
  }

  const Store& store_;
  const std::set<HostId>& shut_out_;
  std::shared_ptr<NetworkView> view_;
};

void add_hosts(const Store& store, const Membership& membership, const HostTrust& trust,
               Snapshot& out) {
  for (const auto& [id, certificate] : store.certificates()) {
    auto record = store.host_record(id);
    if (!record) continue;
    const auto& host = std::get<HostRecord>(record->record.value);
    std::optional<WallTime> until;
    if (auto ends = trust.valid_until.find(id); ends != trust.valid_until.end())
      until = ends->second;
    if (trust.shut_out.contains(id)) {
      out.shut_out[id] = {host, store.is_revoked(id), until};
      continue;
    }
    HostView view;
    view.record = host;
    view.valid_until = until;
    view.status = membership.status(id).value_or(HostStatus::kAlive);
    view.round_trip = membership.round_trip(id);
    out.hosts.emplace(id, std::move(view));
  }
}

// Orgs, revocations and renewals: few, small, rebuilt each time.
void add_shared(const Store& store, Snapshot& out) {
  const auto& records = store.records();
  for (auto it = records.lower_bound({{RecordKind::kOrg, ""}, ""});
       it != records.end() && it->first.key.kind == RecordKind::kOrg; ++it)
    if (const auto* org = std::get_if<OrgRecord>(&it->second->record.value))
      out.orgs[org->name] = *org;
  for (HostId host : store.revoked())
    if (auto record = store.find({revocation_key(host), ""}))
      out.revocations[host] = std::get<RevocationRecord>(record->record.value);
  for (const auto& [host, record] : renewals_in(store))
    out.renewals[host] = RenewalPtr(store.find(slot_of(record->record)),
                                    std::get_if<RenewalRecord>(&record->record.value));
}

}  // namespace

void SnapshotBuilder::touch(const std::set<NetworkId>& networks) {
  touched_.insert(networks.begin(), networks.end());
}

SnapshotPtr SnapshotBuilder::build(const Store& store, const Membership& membership, bool synced,
                                   WallTime now) {
  HostTrust trust = judge_hosts(store, self_, now, grace_);
  if (std::exchange(shut_out_, trust.shut_out) != trust.shut_out)
    for (NetworkId network : store.networks()) touched_.insert(network);
  auto out = std::make_shared<Snapshot>();
  out->generation = ++generation_;
  out->self = self_;
  out->synced = synced;
  out->certificate_grace = grace_;
  for (NetworkId id : touched_) {
    const SignedRecord* claim = standing_claim(store, id);
    if (claim == nullptr) {
      networks_.erase(id);
      continue;
    }
    const auto& network = std::get<NetworkRecord>(claim->record.value);
    networks_[id] = ViewBuilder(store, trust.shut_out, network, generation_).build();
  }
  touched_.clear();
  out->networks = networks_;
  add_hosts(store, membership, trust, *out);
  add_shared(store, *out);
  return out;
}

}  // namespace sixpn::registry
