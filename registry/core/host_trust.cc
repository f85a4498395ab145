#include "registry/core/host_trust.h"

#include <algorithm>

namespace sixpn::registry {

std::map<HostId, const SignedRecord*> renewals_in(const Store& store) {
  std::map<HostId, const SignedRecord*> out;
  const auto& records = store.records();
  for (auto it = records.lower_bound(Slot{{RecordKind::kRenewal, ""}, ""});
       it != records.end() && (*it)->record.key.kind == RecordKind::kRenewal; ++it)
    if (const auto* renewal = std::get_if<RenewalRecord>(&(*it)->record.value))
      out[renewal->host] = it->get();
  return out;
}

HostTrust judge_hosts(const Store& store, HostId self, WallTime now,
                      std::chrono::milliseconds grace) {
  HostTrust out;
  out.shut_out = store.revoked();
  std::size_t hosts = 0;
  std::set<HostId> past;
  auto renewals = renewals_in(store);
  for (const auto& [host, certificate] : store.certificates()) {
    if (!store.is_revoked(host)) ++hosts;
    auto found = renewals.find(host);
    const RenewalRecord* renewal = found == renewals.end()
                                       ? nullptr
                                       : std::get_if<RenewalRecord>(&found->second->record.value);
    auto until = valid_until(certificate, renewal);
    if (!until) continue;
    out.valid_until[host] = *until;
    if (!store.is_revoked(host) && standing_at(until, now, grace) == Standing::kShutOut)
      past.insert(host);
    if (auto turn = next_turn(until, now, grace))
      out.next_turn = std::min(out.next_turn.value_or(*turn), *turn);
  }
  past.size() * 2 > hosts ? void(out.withheld = true) : out.shut_out.merge(past);
  if (!store.is_revoked(self)) out.shut_out.erase(self);
  return out;
}

}  // namespace sixpn::registry
