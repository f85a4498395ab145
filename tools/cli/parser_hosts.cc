// The commands `sixpn host ...`: who is in the cluster.
#include "config/agent_config.h"
#include "tools/cli/cluster_commands.h"
#include "tools/cli/host_commands.h"
#include "tools/cli/parser_commands.h"

namespace sixpn::cli {

namespace {

void add_root_key(CLI::App& app, std::string& state_dir, std::string& root_key) {
  app.add_option("--root-key", root_key, "the root key's file (root.key in the state folder)");
  add_state_dir(app, state_dir);
}

void add_invite(CLI::App& host, Invocation& invocation) {
  auto invite = add_command<HostInviteOptions>(
      host, invocation, "invite", "print a one-time token for a new host", host_invite);
  add_name_and_region(*invite.app, invite.options->name, invite.options->region);
  invite.app
      ->add_option("--orgs", invite.options->orgs,
                   "the organisations it may serve, with commas (any)")
      ->delimiter(',');
  invite.options->expires = std::chrono::hours(24);
  add_duration(*invite.app, "--expires", invite.options->expires, "how long it can join (24h)");
  add_duration(*invite.app, "--valid", invite.options->valid,
               "how long its certificate is good (365d)");
  add_root_key(*invite.app, invite.options->state_dir, invite.options->root_key);
}

void add_revoke(CLI::App& host, Invocation& invocation) {
  auto revoke = add_command<HostRevokeOptions>(host, invocation, "revoke",
                                               "shut a host out, for ever (stolen, lost, given up)",
                                               host_revoke);
  revoke.app->add_option("host", revoke.options->host, "its name or id")->required();
  revoke.app->add_flag("--yes,-y", revoke.options->yes, "do not ask");
  revoke.app->add_flag("--self", revoke.options->self, "even if it is this very host");
  add_root_key(*revoke.app, revoke.options->root.state_dir, revoke.options->root.root_key);
}

void add_renew(CLI::App& host, Invocation& invocation) {
  auto renew = add_command<HostRenewOptions>(
      host, invocation, "renew", "extend a host's certificate; it need not be online", host_renew);
  renew.app->add_option("host", renew.options->host, "its name or id");
  renew.app->add_flag("--all", renew.options->all, "every host that is not revoked");
  add_duration(*renew.app, "--valid", renew.options->valid, "from now (365d)");
  add_root_key(*renew.app, renew.options->root.state_dir, renew.options->root.root_key);
}

void add_rotate_key(CLI::App& host, Invocation& invocation) {
  auto rotate = add_command<RotateKeyOptions>(
      host, invocation, "rotate-key", "give this host new WireGuard keys, without losing a packet",
      rotate_key);
  rotate.app->add_flag("--force", rotate.options->force,
                       "also when hosts that are alive cannot follow; their packets are lost then");
}

}  // namespace

void add_host_commands(CLI::App& root, Invocation& invocation) {
  CLI::App& host = add_group(root, "host", "let hosts in, keep them, shut them out");
  add_invite(host, invocation);
  add_plain_command(host, invocation, "list", "all hosts, as this one sees them", list_hosts);
  add_plain_command(host, invocation, "leave",
                    "take this host out until its agent is started again", host_leave);
  add_renew(host, invocation);
  add_revoke(host, invocation);
  add_rotate_key(host, invocation);
}

}  // namespace sixpn::cli
