#include "tools/cli/cluster_commands.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/io/clock.h"
#include "mesh/io/identity_store.h"
#include "mesh/io/invite.h"
#include "tools/cli/api_client.h"
#include "tools/cli/cluster_view.h"
#include "tools/cli/held_note.h"
#include "tools/cli/invitation.h"
#include "tools/cli/json_view.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sixpn::cli {

namespace json = boost::json;

namespace {

std::string root_key_path(const std::string& state_dir, const std::string& root_key) {
  return root_key.empty() ? mesh::IdentityStore::default_root_key_path(state_dir) : root_key;
}

// GET, then text from `view`, or the JSON as it came.
template <class View>
CommandResult show(CommandContext& context, std::string_view path, View view) {
  auto answer = ApiClient(context.socket_path).get(ApiTarget(path));
  if (!answer) return answer.error();
  context.out << (context.json ? pretty(*answer) : view(JsonView(*answer)));
  return ExitCode::kOk;
}

std::string plan_text(JsonView plan) {
  std::vector<std::string> steps = plan["steps"].texts();
  if (steps.empty()) return "Nothing to do: the mesh is as it should be.\n";
  std::string text;
  for (std::string& step : steps) text += printable(std::move(step)) + "\n";
  return text;
}

std::string dump_text(JsonView records) {
  Table table({"RECORD", "WRITER", "STAMP", "STATE", "DIGEST"});
  for (const JsonView& record : records.items())
    table.add({record["key"].text(), record["writer"].text(),
               fmt::format("{}.{}", record["major"].integer().value_or(0),
                           record["minor"].integer().value_or(0)),
               record["tombstone"].flag() ? "deleted" : "live",
               record["digest"].text().substr(0, 16)});
  return table.text();
}

}  // namespace

CommandResult cluster_init(CommandContext& context, const ClusterInitOptions& options) {
  const std::string root_key = root_key_path(options.state_dir, options.root_key);
  const WallTime now = wall_now();
  auto identity = mesh::IdentityStore::create_cluster(
      options.state_dir, {options.name, options.region, root_key, now,
                          std::chrono::duration_cast<WallTime::duration>(options.valid)});
  if (!identity) return identity.error();
  const Invite& invite = identity->certificate.invite;
  const std::string host_id = to_string(invite.host);
  if (context.json) {
    json::object host{{"id", host_id}, {"name", invite.name}, {"region", invite.region}};
    context.out << pretty(json::object{{"cluster", to_hex(invite.cluster)},
                                       {"host", std::move(host)},
                                       {"root_key", root_key},
                                       {"state_dir", options.state_dir}});
    return ExitCode::kOk;
  }
  context.out << key_values(
      {{"Cluster", to_hex(invite.cluster)},
       {"Host", fmt::format("{} ({}) in {}", invite.name, host_id, invite.region)},
       {"Root key", root_key}});
  context.err
      << "\nMove the root key to a safe place away from this host: whoever holds it can let "
         "hosts in\nand shut them out. It is needed to invite or revoke hosts, not to run.\n"
         "Now start the agent here: `systemctl start sixpnd`, or `sixpnd`.\n";
  return ExitCode::kOk;
}

CommandResult host_invite(CommandContext& context, const HostInviteOptions& options) {
  const std::string path = root_key_path(options.state_dir, options.root_key);
  auto root = mesh::IdentityStore::load_root_key(path);
  if (!root) return root.error();
  auto material = ApiClient(context.socket_path).get(ApiTarget("/v1/invite-material"));
  if (!material) return material.error();
  const WallTime now = wall_now();
  auto from_now = [now](Duration length) {
    return now + std::chrono::duration_cast<WallTime::duration>(length);
  };
  const WallTime expires = from_now(options.expires);
  const WallTime valid_until = from_now(options.valid);
  auto request = make_invite_request(JsonView(*material),
                                     {options.name, options.region, options.orgs, expires},
                                     root->public_key());
  if (!request) return request.error();
  request->issued = now;
  request->valid_until = valid_until;
  auto token = mesh::make_invite(*request, *root);
  if (!token) return token.error();
  if (context.json) {
    json::array orgs(request->orgs.begin(), request->orgs.end());
    context.out << pretty(json::object{{"token", *token},
                                       {"host", to_string(request->host_id)},
                                       {"name", options.name},
                                       {"region", options.region},
                                       {"orgs", std::move(orgs)},
                                       {"expires_ms", unix_ms(expires)},
                                       {"valid_until_ms", unix_ms(valid_until)}});
    return ExitCode::kOk;
  }
  context.err << fmt::format(
      "Invites host {} ({}) in {}, once, until {}. Its certificate is good until {}.\n"
      "On that host: `sixpnd --join TOKEN`, or put the token into a file of mode 0600 and\n"
      "`join = \"@/path/of/the/file\"` into agent.toml. Whoever has the token can join: keep it "
      "secret.\n",
      options.name, to_string(request->host_id), options.region, format_utc(unix_ms(expires)),
      format_utc(unix_ms(valid_until)));
  context.out << *token << "\n";
  return ExitCode::kOk;
}

CommandResult show_status(CommandContext& context) {
  return show(context, "/v1/status",
              [](JsonView status) { return status_text(status, unix_ms(wall_now())); });
}

CommandResult list_hosts(CommandContext& context) {
  auto status = ApiClient(context.socket_path).get(ApiTarget("/v1/status"));
  if (!status) return status.error();
  JsonView view(*status);
  if (!context.json) {
    context.out << hosts_text(view, unix_ms(wall_now()));
    return ExitCode::kOk;
  }
  json::array hosts;
  for (const char* list : {"hosts", "shut_out"})
    if (const json::value* part =
            status->is_object() ? status->as_object().if_contains(list) : nullptr;
        part != nullptr && part->is_array())
      hosts.insert(hosts.end(), part->as_array().begin(), part->as_array().end());
  context.out << pretty(hosts);
  return ExitCode::kOk;
}

CommandResult list_orgs(CommandContext& context) {
  auto status = ApiClient(context.socket_path).get(ApiTarget("/v1/status"));
  if (!status) return status.error();
  context.out << (context.json ? pretty(orgs_json(JsonView(*status)))
                               : orgs_text(JsonView(*status)));
  return ExitCode::kOk;
}

CommandResult show_mesh_plan(CommandContext& context) {
  return show(context, "/v1/mesh/plan", plan_text);
}

CommandResult dump_registry(CommandContext& context) {
  auto shown = show(context, "/v1/registry/dump", dump_text);
  if (shown) note_unheld(context);
  return shown;
}

CommandResult show_version(CommandContext& context) {
  if (context.json)
    context.out << pretty(json::object{{"version", SIXPN_VERSION}});
  else
    context.out << "sixpn " SIXPN_VERSION "\n";
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
