#include "mesh/core/key_holders.h"

#include "registry/core/key_proofs.h"

namespace sixpn::mesh {
namespace {

template <class Visit>
void visit_keys(const Snapshot& snapshot, Visit visit) {
  for (const auto& [id, host] : snapshot.hosts) {
    if (!is_member(snapshot, host)) continue;
    for (const PublicKey* key : {&host.record.wireguard_key, &host.record.spare_key})
      if (*key != PublicKey{}) visit(host.record, *key);
  }
}

}  // namespace

bool is_member(const Snapshot& snapshot, const HostView& host) {
  return host.status != HostStatus::kLeft && !snapshot.revocations.contains(host.record.id);
}

std::map<PublicKey, HostId> key_holders(const Snapshot& snapshot) {
  std::map<PublicKey, HostId> holders;
  visit_keys(snapshot, [&](const HostRecord& host, const PublicKey& key) {
    auto [place, first] = holders.try_emplace(key, host.id);
    if (first || place->second == host.id) return;
    const HostRecord& holder = snapshot.find_host(place->second)->record;
    if (!proves_key(holder, key) && proves_key(host, key)) place->second = host.id;
  });
  return holders;
}

std::vector<KeyClaim> false_key_claims(const Snapshot& snapshot) {
  std::vector<KeyClaim> out;
  const auto holders = key_holders(snapshot);
  visit_keys(snapshot, [&](const HostRecord& host, const PublicKey& key) {
    const HostId holder = holders.at(key);
    if (holder == host.id || (!out.empty() && out.back().host == host.id)) return;
    out.push_back({host.id, holder, proves_key(snapshot.find_host(holder)->record, key)});
  });
  return out;
}

}  // namespace sixpn::mesh
