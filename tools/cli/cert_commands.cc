#include "tools/cli/cert_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "base/encoding.h"
#include "base/io/clock.h"
#include "registry/core/record.h"
#include "tools/cli/json_view.h"
#include "tools/cli/table.h"
#include "tools/cli/tls_issuing.h"
#include "tools/cli/units.h"

namespace sixpn::cli {

namespace json = boost::json;

namespace {

std::string day_of(JsonView milliseconds) {
  auto at = milliseconds.integer();
  return at ? format_utc(*at) : "";
}

Result<CertMaterial> fetch_material(CommandContext& context, ApiClient& agent,
                                    const PublicKey& root_key) {
  auto answer = agent.get(ApiTarget("/v1/certs/material"));
  if (!answer) return answer.error();
  CertMaterial material = read_cert_material(JsonView(*answer), root_key);
  for (const auto& line : material.refused) context.err << "Left out: " << line << "\n";
  return material;
}

Result<void> send(ApiClient& agent, const std::vector<std::string>& statements) {
  json::array encoded;
  for (const auto& statement : statements) encoded.emplace_back(to_base64(statement));
  auto answer =
      agent.post(ApiTarget("/v1/certs"), json::object{{"statements", std::move(encoded)}});
  if (!answer) return answer.error();
  return {};
}

Result<std::vector<IssuedGrant>> issue(ApiClient& agent, const CertMaterial& material,
                                       const TlsAuthority& authority, const std::set<HostId>& only,
                                       WallTime until, const SigningKey& root) {
  auto issued = issue_grants(material, authority, only, wall_now(), until, root);
  if (!issued || issued->empty()) return issued;
  std::vector<std::string> statements;
  for (const auto& grant : *issued) statements.push_back(grant.statement);
  if (auto sent = send(agent, statements); !sent) return sent.error();
  return issued;
}

json::array issued_json(const std::vector<IssuedGrant>& issued) {
  json::array out;
  for (const auto& grant : issued)
    out.push_back(json::object{
        {"org", grant.org}, {"host", grant.host}, {"valid_until_ms", unix_ms(grant.until)}});
  return out;
}

void tell_issued(CommandContext& context, const std::vector<IssuedGrant>& issued) {
  for (const auto& grant : issued)
    context.out << fmt::format("Host {} can issue for org {} until {}.\n", grant.host, grant.org,
                               format_utc(unix_ms(grant.until)));
}

// Hosts that run an older program cannot have one.
void tell_left_out(CommandContext& context, const CertMaterial& material, const std::string& org) {
  for (const auto& host : material.hosts)
    if (host.tls_key.empty() && host.certificate.invite.allows_org(org))
      context.err << fmt::format("Host {} ends no TLS: its program is too old.\n",
                                 host.certificate.invite.name);
}

// The row of the org that is meant.
Result<JsonView> org_of(const std::vector<JsonView>& orgs, const std::string& wanted) {
  if (wanted.empty() && orgs.size() == 1) return orgs.front();
  if (wanted.empty()) return Error("which org is meant? Give --org", kUsageError);
  auto found = std::find_if(orgs.begin(), orgs.end(),
                            [&](const JsonView& org) { return org["org"].text() == wanted; });
  if (found == orgs.end())
    return Error(fmt::format("this host serves no org {}; `sixpn orgs list` shows all", wanted));
  return *found;
}

WallTime later(Duration valid) {
  return wall_now() + std::chrono::duration_cast<WallTime::duration>(valid);
}

}  // namespace

CommandResult list_certs(CommandContext& context) {
  auto answer = ApiClient(context.socket_path).get(ApiTarget("/v1/certs"));
  if (!answer) return answer.error();
  if (context.json) {
    context.out << pretty(*answer);
    return ExitCode::kOk;
  }
  Table table({"ORG", "AUTHORITY UNTIL", "THIS HOST UNTIL", "FINGERPRINT (SHA-256)"});
  std::vector<std::string> problems;
  for (const JsonView& org : JsonView(*answer)["orgs"].items()) {
    JsonView authority = org["authority"];
    table.add({org["org"].text(), day_of(authority["valid_until_ms"]),
               day_of(org["valid_until_ms"]), authority["fingerprint"].text()});
    if (!org["problem"].is_null()) problems.push_back(org["problem"].text());
  }
  context.out << table.text();
  for (const auto& problem : problems) context.err << printable(problem) << "\n";
  return ExitCode::kOk;
}

CommandResult print_ca(CommandContext& context, const CertsCaOptions& options) {
  auto answer = ApiClient(context.socket_path).get(ApiTarget("/v1/certs"));
  if (!answer) return answer.error();
  auto orgs = JsonView(*answer)["orgs"].items();
  auto org = org_of(orgs, options.org);
  if (!org) return org.error();
  JsonView authority = (*org)["authority"];
  if (authority.is_null()) return Error((*org)["problem"].text());
  if (context.json)
    context.out << pretty(json::object{{"org", (*org)["org"].text()},
                                       {"name", authority["name"].text()},
                                       {"fingerprint", authority["fingerprint"].text()},
                                       {"pem", authority["pem"].text()}});
  else
    context.out << authority["pem"].text();
  return ExitCode::kOk;
}

CommandResult create_ca(CommandContext& context, const CertsCreateOptions& options) {
  if (!is_dns_label(options.org))
    return Error("\"" + options.org + "\" is no org's name", kUsageError);
  auto root = load_root_key(options.root, "making an org's authority");
  if (!root) return root.error();
  ApiClient agent(context.socket_path);
  if (auto status = status_of_cluster(agent, *root); !status) return status.error();
  auto material = fetch_material(context, agent, root->public_key());
  if (!material) return material.error();
  const WallTime now = wall_now();
  CertificateTimes times{now - kCertificateBackdate, later(options.valid)};
  auto grant = make_authority_grant(*root, options.org, times, now);
  if (!grant) return grant.error();
  if (auto sent = send(agent, {sign_tls_grant(*grant, *root)}); !sent) return sent.error();
  auto facts = read_certificate(grant->certificate);
  if (!facts) return facts.error();
  const TlsAuthority authority{options.org, grant->certificate, *facts};
  auto issued = issue(agent, *material, authority, {}, now + kIssuerLife, *root);
  if (!issued) return issued.error();
  const std::string fingerprint = to_hex(as_bytes(facts->fingerprint));
  if (context.json) {
    context.out << pretty(json::object{{"org", options.org},
                                       {"name", facts->name},
                                       {"fingerprint", fingerprint},
                                       {"valid_until_ms", unix_ms(facts->times.until)},
                                       {"issued", issued_json(*issued)}});
    return ExitCode::kOk;
  }
  context.out << fmt::format("Made the authority \"{}\" of org {}, good until {}.\n{}\n",
                             facts->name, options.org, format_utc(unix_ms(facts->times.until)),
                             fingerprint);
  tell_issued(context, *issued);
  tell_left_out(context, *material, options.org);
  context.err << "Clients trust it once they have its certificate: `sixpn certs ca --org "
              << options.org << "`.\n";
  return ExitCode::kOk;
}

CommandResult issue_certs(CommandContext& context, const CertsIssueOptions& options) {
  auto root = load_root_key(options.root, "certifying hosts for TLS");
  if (!root) return root.error();
  ApiClient agent(context.socket_path);
  if (auto status = status_of_cluster(agent, *root); !status) return status.error();
  auto material = fetch_material(context, agent, root->public_key());
  if (!material) return material.error();
  std::vector<IssuedGrant> all;
  bool found = false;
  for (const TlsAuthority& authority : material->authorities) {
    if (!options.org.empty() && authority.org != options.org) continue;
    found = true;
    auto issued = issue(agent, *material, authority, {}, later(options.valid), *root);
    if (!issued) return issued.error();
    all.insert(all.end(), issued->begin(), issued->end());
    tell_left_out(context, *material, authority.org);
  }
  if (!found)
    return Error(options.org.empty()
                     ? "no org has an authority for TLS: make one with `sixpn certs create-ca "
                       "--org ORG`"
                     : fmt::format("org {0} has no authority for TLS: make it with `sixpn certs "
                                   "create-ca --org {0}`",
                                   options.org));
  if (context.json)
    context.out << pretty(issued_json(all));
  else
    tell_issued(context, all);
  return ExitCode::kOk;
}

void renew_certs(CommandContext& context, ApiClient& agent, const SigningKey& root,
                 const std::set<HostId>& hosts, WallTime until) {
  auto material = fetch_material(context, agent, root.public_key());
  if (!material) {
    context.err << "Certificates for TLS were not renewed: " << material.error().message << "\n";
    return;
  }
  for (CertifiableHost& host : material->hosts) host.valid_until = until;
  for (const TlsAuthority& authority : material->authorities) {
    auto issued = issue(agent, *material, authority, hosts, until, root);
    if (!issued)
      context.err << fmt::format("Certificates for TLS of org {} were not renewed: {}\n",
                                 authority.org, issued.error().message);
    else if (!context.json)
      tell_issued(context, *issued);
  }
}

}  // namespace sixpn::cli
