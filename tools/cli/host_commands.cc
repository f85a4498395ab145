#include "tools/cli/host_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <optional>
#include <set>
#include <vector>

#include "base/encoding.h"
#include "base/io/clock.h"
#include "mesh/io/identity_store.h"
#include "registry/core/certificate.h"
#include "tools/cli/api_client.h"
#include "tools/cli/cert_commands.h"
#include "tools/cli/json_view.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sixpn::cli {

namespace json = boost::json;

Result<SigningKey> load_root_key(const RootKeyOptions& options, std::string_view what) {
  const std::string path = options.root_key.empty()
                               ? mesh::IdentityStore::default_root_key_path(options.state_dir)
                               : options.root_key;
  auto root = mesh::IdentityStore::load_root_key(path);
  if (!root && root.error().code == ENOENT)
    return Error(
        fmt::format("{} needs the cluster's root key, and there is no {}: run this on the "
                    "host that keeps it, or name its file with --root-key",
                    what, path));
  return root;
}

namespace {

// A host as the agent's status shows it.
struct KnownHost {
  HostId id;
  std::string name;
  std::string status;
  std::optional<Hash> certificate;
  std::optional<std::int64_t> renewed_ms;
  bool is_self = false;
  [[nodiscard]] bool revoked() const { return status == "revoked"; }
  [[nodiscard]] std::string text() const { return fmt::format("{} ({})", name, to_string(id)); }
};

std::vector<KnownHost> hosts_of(JsonView status) {
  std::vector<KnownHost> out;
  for (const char* list : {"hosts", "shut_out"})
    for (const JsonView& host : status[list].items()) {
      auto id = parse_host_id(host["id"].text());
      if (!id) continue;
      auto digest = parse_hex(host["certificate"].text());
      out.push_back({*id, host["name"].text(), host["status"].text(),
                     digest ? to_array<32>(*digest) : std::nullopt, host["renewed_ms"].integer(),
                     host["is_self"].flag()});
    }
  return out;
}

// By id or name; a name goes to the host that is not revoked.
Result<KnownHost> find_host(const std::vector<KnownHost>& hosts, const std::string& wanted) {
  auto matches = [&](const KnownHost& host) {
    return host.name == wanted || to_string(host.id) == wanted;
  };
  auto found = std::find_if(hosts.begin(), hosts.end(),
                            [&](const auto& host) { return matches(host) && !host.revoked(); });
  if (found == hosts.end()) found = std::find_if(hosts.begin(), hosts.end(), matches);
  if (found == hosts.end())
    return Error(fmt::format("there is no host {}; `sixpn host list` shows all", wanted));
  return *found;
}

}  // namespace

Result<json::value> status_of_cluster(ApiClient& agent, const SigningKey& root) {
  auto status = agent.get(ApiTarget("/v1/status"));
  if (!status) return status;
  const std::string cluster = to_hex(cluster_id(root.public_key()));
  if (JsonView(*status)["cluster"].text() != cluster)
    return Error(fmt::format("this root key is of cluster {}, the agent is in cluster {}", cluster,
                             JsonView(*status)["cluster"].text()));
  return status;
}

namespace {

// ---- revoke
// ----------------------------------------------------------------------------------------

// A host that never came, or never will be known here, is revoked by its id.
Result<KnownHost> host_to_revoke(const std::vector<KnownHost>& hosts,
                                 const HostRevokeOptions& options) {
  auto host = find_host(hosts, options.host);
  if (!host) {
    if (auto id = parse_host_id(options.host)) return KnownHost{.id = *id, .name = "unknown here"};
    return host;
  }
  if (host->revoked()) return Error(fmt::format("host {} is revoked already", host->text()));
  if (host->is_self && !options.self)
    return Error(fmt::format("{} is this host itself, which holds the root key: the cluster would "
                             "drop it at once. Give --self if that is meant",
                             host->text()),
                 kUsageError);
  return host;
}

Result<void> confirm(CommandContext& context, const KnownHost& host) {
  if (isatty(STDIN_FILENO) == 0)
    return Error("revoking cannot be undone: give --yes to do it without being asked", kUsageError);
  context.err << fmt::format(
      "Revokes host {}: every host drops it at once, and it cannot come back under this id.\n"
      "This cannot be undone. Type the host's name to go on: ",
      host.text());
  context.err.flush();
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == host.name || answer == to_string(host.id)) return {};
  return Error("nothing was revoked");
}

}  // namespace

CommandResult host_revoke(CommandContext& context, const HostRevokeOptions& options) {
  auto root = load_root_key(options.root, "revoking a host");
  if (!root) return root.error();
  ApiClient agent(context.socket_path);
  auto status = status_of_cluster(agent, *root);
  if (!status) return status.error();
  auto host = host_to_revoke(hosts_of(JsonView(*status)), options);
  if (!host) return host.error();
  if (!options.yes)
    if (auto agreed = confirm(context, *host); !agreed) return agreed.error();
  std::string statement = sign_revocation(host->id, wall_now(), *root);
  auto answer = agent.post(ApiTarget("/v1/revocations"), {{"statement", to_base64(statement)}});
  if (!answer) return answer.error();
  if (context.json) {
    context.out << pretty(json::object{{"host", to_string(host->id)}, {"name", host->name}});
    return ExitCode::kOk;
  }
  context.out << fmt::format("Revoked host {}.\n", host->text());
  context.err << "Every host drops it from WireGuard, names and membership as soon as it hears of "
                 "it, also\nthose that are away now. Its machines' names are gone; whatever runs "
                 "there goes on running.\n";
  return ExitCode::kOk;
}

// ---- renew
// -----------------------------------------------------------------------------------------

namespace {

Result<std::vector<KnownHost>> hosts_to_renew(const std::vector<KnownHost>& hosts,
                                              const HostRenewOptions& options) {
  if (options.all == !options.host.empty())
    return Error("name one host, or give --all", kUsageError);
  std::vector<KnownHost> out;
  if (options.all) {
    std::copy_if(hosts.begin(), hosts.end(), std::back_inserter(out),
                 [](const auto& host) { return !host.revoked(); });
    return out;
  }
  auto host = find_host(hosts, options.host);
  if (!host) return host.error();
  if (host->revoked())
    return Error(
        fmt::format("host {} is revoked, which cannot be undone: invite it as a new host "
                    "with `sixpn host invite`",
                    host->text()));
  out.push_back(*host);
  return out;
}

// Later than the last one, also when that was signed by a clock that was ahead: the latest wins.
WallTime sign_time(const KnownHost& host, WallTime now) {
  if (!host.renewed_ms) return now;
  return std::max(now, from_unix_ms(*host.renewed_ms) + std::chrono::milliseconds(1));
}

}  // namespace

CommandResult host_renew(CommandContext& context, const HostRenewOptions& options) {
  auto root = load_root_key(options.root, "renewing a host");
  if (!root) return root.error();
  ApiClient agent(context.socket_path);
  auto status = status_of_cluster(agent, *root);
  if (!status) return status.error();
  auto hosts = hosts_to_renew(hosts_of(JsonView(*status)), options);
  if (!hosts) return hosts.error();
  const WallTime now = wall_now();
  const WallTime until = now + std::chrono::duration_cast<WallTime::duration>(options.valid);
  json::array statements;
  json::array renewed;
  for (const KnownHost& host : *hosts) {
    if (!host.certificate)
      return Error("the agent does not tell certificates: is it of another version?");
    Renewal renewal{host.id, *host.certificate, until, sign_time(host, now)};
    statements.emplace_back(to_base64(sign_renewal(renewal, *root)));
    renewed.push_back(json::object{
        {"host", to_string(host.id)}, {"name", host.name}, {"valid_until_ms", unix_ms(until)}});
  }
  auto answer =
      agent.post(ApiTarget("/v1/renewals"), json::object{{"statements", std::move(statements)}});
  if (!answer) return answer.error();
  if (context.json) context.out << pretty(renewed);
  std::set<HostId> ids;
  for (const KnownHost& host : *hosts) {
    ids.insert(host.id);
    if (!context.json)
      context.out << fmt::format("Renewed host {} until {}.\n", host.text(),
                                 format_utc(unix_ms(until)));
  }
  renew_certs(context, agent, *root, ids, until);
  return ExitCode::kOk;
}

CommandResult rotate_key(CommandContext& context, const RotateKeyOptions& options) {
  auto answer = ApiClient(context.socket_path)
                    .post(ApiTarget("/v1/host/rotate-key"), json::object{{"force", options.force}});
  if (!answer) return answer.error();
  if (context.json) {
    context.out << pretty(*answer);
    return ExitCode::kOk;
  }
  JsonView view(*answer);
  context.out << key_values(
      {{"WireGuard key", view["wireguard_key"].text()}, {"Replaced", view["replaced_key"].text()}});
  return ExitCode::kOk;
}

// ---- leave
// -----------------------------------------------------------------------------------------

CommandResult host_leave(CommandContext& context) {
  auto answer = ApiClient(context.socket_path).post(ApiTarget("/v1/leave"), {});
  if (!answer) return answer.error();
  if (context.json) {
    context.out << pretty(*answer);
    return ExitCode::kOk;
  }
  context.out << "Left the cluster; the agent has ended.\n";
  context.err << "Its machines go on running, out of all names and cut off from the other hosts.\n"
                 "Start the agent to come back: `systemctl start sixpnd`, or `sixpnd`.\n";
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
