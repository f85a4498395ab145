#include "agent/core/trust_writes.h"

#include <fmt/format.h>

#include "agent/core/writes.h"
#include "registry/core/certificate.h"
#include "registry/core/tls_grant.h"

namespace sixpn::agent {
namespace {

const HostRecord* find_record(const Snapshot& snapshot, HostId id) {
  if (const HostView* host = snapshot.find_host(id)) return &host->record;
  auto found = snapshot.shut_out.find(id);
  return found == snapshot.shut_out.end() ? nullptr : &found->second.record;
}

std::string describe(const Snapshot& snapshot, HostId id) {
  const HostRecord* record = find_record(snapshot, id);
  return record == nullptr ? "host " + to_string(id)
                           : fmt::format("host {} ({})", record->name, to_string(id));
}

Result<registry::LocalWrite> plan_renewal(const Snapshot& snapshot, const PublicKey& root_key,
                                          const std::string& statement) {
  auto renewal = verify_renewal(statement, root_key);
  if (!renewal) return Error(renewal.error().message, kInvalid);
  if (snapshot.revocations.contains(renewal->host))
    return Error(describe(snapshot, renewal->host) +
                     " was revoked, which cannot be undone: invite it as a new host",
                 kTaken);
  const HostRecord* record = find_record(snapshot, renewal->host);
  if (record == nullptr)
    return Error("there is no " + describe(snapshot, renewal->host), kNotFound);
  if (certificate_digest(record->certificate) != renewal->certificate)
    return Error("the renewal of " + describe(snapshot, renewal->host) +
                     " is for another certificate than the one that stands: ask for its status and "
                     "renew it again",
                 kTaken);
  registry::LocalWrite write;
  write.value = RenewalRecord{renewal->host, renewal->certificate, renewal->valid_until,
                              renewal->signed_at, statement};
  return write;
}

}  // namespace

Result<registry::LocalWrite> plan_revocation(const Snapshot& snapshot, const PublicKey& root_key,
                                             const std::string& statement) {
  auto host = verify_revocation(statement, root_key);
  if (!host) return Error(host.error().message, kInvalid);
  if (snapshot.revocations.contains(*host))
    return Error(describe(snapshot, *host) + " is revoked already", kTaken);
  registry::LocalWrite write;
  write.value = RevocationRecord{*host, statement};
  return write;
}

std::vector<registry::LocalWrite> plan_withdrawal(const Snapshot& snapshot) {
  std::vector<registry::LocalWrite> writes;
  for (const auto& [network, view] : snapshot.networks)
    for (const auto& [id, machine] : view->machines) {
      if (machine->host != snapshot.self || (machine->skip_dns && machine->cordoned)) continue;
      MachineRecord withdrawn = *machine;
      withdrawn.skip_dns = withdrawn.cordoned = true;
      registry::LocalWrite write;
      write.value = std::move(withdrawn);
      writes.push_back(std::move(write));
    }
  return writes;
}

Result<std::vector<registry::LocalWrite>> plan_renewals(
    const Snapshot& snapshot, const PublicKey& root_key,
    const std::vector<std::string>& statements) {
  if (statements.empty()) return Error("there is nothing to renew", kInvalid);
  if (statements.size() > kMaxRenewals)
    return Error(fmt::format("{} renewals in one request, at most {} are allowed",
                             statements.size(), kMaxRenewals),
                 kInvalid);
  std::vector<registry::LocalWrite> writes;
  for (const auto& statement : statements) {
    auto write = plan_renewal(snapshot, root_key, statement);
    if (!write) return std::move(write).error();
    writes.push_back(std::move(*write));
  }
  return writes;
}

namespace {

Result<registry::LocalWrite> plan_tls_grant(const Snapshot& snapshot, const HostCertificate& self,
                                            const PublicKey& root_key,
                                            const std::string& statement) {
  auto grant = verify_tls_grant(statement, root_key);
  if (!grant) return Error(grant.error().message, kInvalid);
  if (snapshot.orgs.find(grant->org) == snapshot.orgs.end())
    return Error("there is no org " + grant->org + ": it begins with its first app", kNotFound);
  if (!self.invite.allows_org(grant->org))
    return Error(
        "this host may not serve org " + grant->org + ": run the command on a host of that org",
        kForbidden);
  registry::LocalWrite write;
  write.org = grant->org;
  write.value = TlsGrantRecord{grant->org, grant->host, statement};
  return write;
}

}  // namespace

Result<std::vector<registry::LocalWrite>> plan_tls_grants(
    const Snapshot& snapshot, const HostCertificate& self, const PublicKey& root_key,
    const std::vector<std::string>& statements) {
  if (statements.empty() || statements.size() > kMaxTlsGrants)
    return Error(fmt::format("statements: expected 1 to {}", kMaxTlsGrants), kInvalid);
  std::vector<registry::LocalWrite> writes;
  for (const auto& statement : statements) {
    auto write = plan_tls_grant(snapshot, self, root_key, statement);
    if (!write) return std::move(write).error();
    writes.push_back(std::move(*write));
  }
  return writes;
}

}  // namespace sixpn::agent
