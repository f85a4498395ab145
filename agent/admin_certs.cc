// The admin API's part in TLS on Flycast: what this host may issue, and what the holder of the root
// key needs to certify hosts, and has signed.
#include <boost/json/array.hpp>

#include "agent/admin_api.h"
#include "agent/core/trust_writes.h"
#include "base/encoding.h"
#include "base/io/clock.h"
#include "registry/core/tls_authority.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

json::object authority_json(const TlsAuthority& authority) {
  return {{"name", authority.facts.name},
          {"fingerprint", to_hex(as_bytes(authority.facts.fingerprint))},
          {"valid_until_ms", unix_ms(authority.facts.times.until)},
          {"pem", certificate_pem(authority.certificate)}};
}

}  // namespace

void AdminApi::get_certs(const Call&, Reply reply) {
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  const PublicKey& root = rooms_.identity.root_key;
  json::array orgs;
  for (const auto& [org, record] : snapshot->orgs) {
    if (!certificate().invite.allows_org(org)) continue;
    json::object each{{"org", org}, {"authority", nullptr}, {"valid_until_ms", nullptr}};
    auto authority = find_authority(*snapshot, org, root);
    if (authority) each["authority"] = authority_json(*authority);
    auto issuer = find_issuer(*snapshot, org, snapshot->self, rooms_.tls_key, root, wall_now());
    if (issuer) each["valid_until_ms"] = unix_ms(issuer->times.until);
    each["problem"] = issuer ? json::value(nullptr) : json::value(issuer.error().message);
    orgs.push_back(std::move(each));
  }
  reply.ok(json::object{{"host", certificate().invite.name}, {"orgs", std::move(orgs)}});
}

// Whole signed records: the root's holder believes no agent, it verifies them.
void AdminApi::get_cert_material(const Call&, Reply reply) {
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  json::array hosts;
  for (const auto& record : rooms_.registry->dump()) {
    const auto* host = std::get_if<HostValue>(&record->record.value);
    if (host == nullptr || snapshot->revocations.contains((*host)->id)) continue;
    const HostView* view = snapshot->find_host((*host)->id);
    bool ends = view != nullptr && view->valid_until;
    hosts.push_back(json::object{
        {"record", to_base64(record->wire())},
        {"valid_until_ms", ends ? json::value(unix_ms(*view->valid_until)) : json::value()}});
  }
  json::array authorities;
  for (const auto& [key, grant] : snapshot->tls_grants)
    if (grant->host == HostId{}) authorities.emplace_back(to_base64(grant->statement));
  reply.ok(json::object{{"hosts", std::move(hosts)}, {"authorities", std::move(authorities)}});
}

void AdminApi::add_certs(const Call& call, Reply reply) {
  auto statements = statements_of(call);
  if (!statements) return reply.fail(statements.error());
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  auto writes = plan_tls_grants(*snapshot, certificate(), rooms_.identity.root_key, *statements);
  if (!writes) return reply.fail(writes.error());
  std::size_t count = writes->size();
  rooms_.write(std::move(*writes), [reply, count](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    reply.ok(json::object{{"added", count}});
  });
}

}  // namespace sixpn::agent
