#include "tools/cli/parser.h"

#include <algorithm>

#include "config/agent_config.h"
#include "config/duration_text.h"
#include "tools/cli/cluster_commands.h"
#include "tools/cli/dns_commands.h"
#include "tools/cli/flycast_commands.h"
#include "tools/cli/network_commands.h"
#include "tools/cli/parser_commands.h"
#include "tools/cli/registry_commands.h"
#include "tools/cli/table.h"

namespace sixpn::cli {

namespace {

// The deepest command that was named.
const CLI::App& named_command(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

// "sixpn machine run"
std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

// Where a command is missing: what stands there instead, and what it may have meant; or all there
// are.
std::string missing_command(const CLI::App& group, const std::vector<std::string>& rest) {
  std::vector<std::string> names;
  for (const CLI::App* app : group.get_subcommands({})) names.push_back(app->get_name());
  if (rest.empty()) return "expected a command: " + join(names, ", ");
  const std::string& word = rest.front();
  if (word.starts_with('-')) return "there is no option " + word + " here";
  std::string_view meant =
      config::nearest_word(word, std::vector<std::string_view>(names.begin(), names.end()));
  return "there is no command \"" + full_name(group) + " " + word + "\"" +
         (meant.empty() ? "" : ", did you mean \"" + std::string(meant) + "\"?");
}

ExitCode report(CLI::App& root, const CLI::ParseError& error, std::ostream& out,
                std::ostream& err) {
  bool is_help = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
  if (is_help) {
    root.exit(error, out, err);
    return ExitCode::kOk;
  }
  const CLI::App& named = named_command(root);
  bool is_group = !named.get_subcommands({}).empty();
  err << "sixpn: " << (is_group ? missing_command(named, root.remaining(true)) : error.what())
      << "\nRun `" << full_name(named) << " --help` to see how it is used.\n";
  return ExitCode::kUsage;
}

}  // namespace

void add_duration(CLI::App& app, const std::string& name, Duration& out,
                  const std::string& description) {
  app.add_option_function<std::string>(
         name,
         [&out, name](const std::string& text) {
           auto duration = config::parse_duration(text);
           if (!duration || *duration == Duration::zero())
             throw CLI::ValidationError(
                 name, "expected a duration such as 24h or 90s, found \"" + text + "\"");
           out = *duration;
         },
         description)
      ->type_name("DURATION");
}

void add_state_dir(CLI::App& app, std::string& out) {
  out = config::AgentConfig{}.state_dir;
  app.add_option("--state-dir", out, "the agent's state folder")->capture_default_str();
}

void add_name_and_region(CLI::App& app, std::string& name, std::string& region) {
  app.add_option("--name", name, "the host's name, a DNS label")->required();
  app.add_option("--region", region, "the host's region, three letters")->required();
}

void add_cluster_commands(CLI::App& root, Invocation& invocation) {
  add_plain_command(root, invocation, "status", "hosts, networks, apps and machines", show_status);

  CLI::App& cluster = add_group(root, "cluster", "make a cluster");
  auto init = add_command<ClusterInitOptions>(
      cluster, invocation, "init", "make the root key and this host, the first of its cluster",
      cluster_init);
  add_name_and_region(*init.app, init.options->name, init.options->region);
  add_state_dir(*init.app, init.options->state_dir);
  add_duration(*init.app, "--valid", init.options->valid,
               "how long this host's certificate is good (365d)");
  init.app->add_option("--root-key", init.options->root_key,
                       "where to write the root key (root.key in the state folder)");

  CLI::App& hosts = add_group(root, "hosts", "the cluster's hosts");
  add_plain_command(hosts, invocation, "list", "all hosts, as this one sees them", list_hosts);
  CLI::App& orgs = add_group(root, "orgs", "organisations");
  add_plain_command(orgs, invocation, "list", "organisations and their networks", list_orgs);
  CLI::App& registry = add_group(root, "registry", "the registry's records");
  add_plain_command(registry, invocation, "dump", "every record: who wrote it, and when",
                    dump_registry);
  auto sql = add_command<RegistrySqlOptions>(registry, invocation, "sql",
                                             "a SELECT over the registry on disk; needs no agent",
                                             query_registry);
  sql.app->add_option("statement", sql.options->sql, "the query; - or none: standard input");
  sql.options->limit = 10'000;
  sql.app->add_option("--limit", sql.options->limit, "rows at most")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  sql.options->timeout = std::chrono::seconds(10);
  add_duration(*sql.app, "--timeout", sql.options->timeout, "how long it may take (10s)");
  add_state_dir(*sql.app, sql.options->state_dir);
  auto watch = add_command<RegistryWatchOptions>(registry, invocation, "watch",
                                                 "the registry, and then each change as it comes",
                                                 watch_registry);
  watch.app->add_option("--network", watch.options->network, "only this one, by name or id");
  watch.app->add_option("--org,-o", watch.options->org, "the network's organisation");
  watch.app->add_option("--from", watch.options->from, "the cursor of an earlier watch");
  add_plain_command(root, invocation, "version", "this program's version", show_version);
}

void add_network_commands(CLI::App& root, Invocation& invocation) {
  CLI::App& mesh = add_group(root, "mesh", "the WireGuard mesh of this host");
  add_plain_command(mesh, invocation, "plan", "what would be changed now, without changing it",
                    show_mesh_plan);

  auto query = add_command<DigOptions>(root, invocation, "dig",
                                       "answer a name as DNS does inside a network", dig);
  query.app->add_option("name", query.options->name, "such as web.internal")->required();
  CLI::Option* type = query.app->add_option("type", query.options->type, "AAAA, TXT, PTR, SOA, ...")
                          ->capture_default_str();
  query.app
      ->add_flag("--reverse,-x", query.options->reverse, "the name is an address: who is there")
      ->excludes(type);
  query.app->add_option("--org,-o", query.options->org, "the organisation to ask in");
  query.app->add_option("--network", query.options->network, "the network to ask in");
  query.app->add_option("--as", query.options->as,
                        "who asks: a machine's id, a peer's name, or the address of either");
  CLI::Option* brief =
      query.app->add_flag("--short,-s", query.options->brief, "only the answers, for scripts");
  query.app
      ->add_flag("--explain", query.options->explain,
                 "also the view, the rule and the records behind the answer")
      ->excludes(brief);

  CLI::App& flycast = add_group(root, "flycast", "the private load balancer of this host");
  add_plain_command(flycast, invocation, "status",
                    "services, their machines and loads, and recent errors", show_flycast);
  auto explain = add_command<FlycastExplainOptions>(
      flycast, invocation, "explain", "where a new connection to an app would go, and why",
      explain_flycast);
  explain.app->add_option("app", explain.options->app, "the app's name")->required();
  add_org(*explain.app, explain.options->org);
  explain.app->add_option("--network", explain.options->network, "the app's network");
  explain.app->add_option("--as", explain.options->as, "who connects: a machine of this host");
  explain.app->add_option("--port", explain.options->port,
                          "the external port; the app's first service where it is left out");

  CLI::App& dns = add_group(root, "dns", "let this host's own programs use the names of the mesh");
  auto install = add_command<DnsInstallOptions>(
      dns, invocation, "install", "point the host's resolver at sixpn for the mesh's names",
      install_dns);
  install.app->add_flag("--resolv-conf", install.options->resolv_conf,
                        "write /etc/resolv.conf where systemd-resolved does not run");
  add_plain_command(dns, invocation, "uninstall", "undo exactly what install did", uninstall_dns);

  auto echo = add_command<PingCommandOptions>(
      root, invocation, "ping", "ping every address of a name, an address or a host", ping_target);
  echo.app->add_option("target", echo.options->target, "such as web.internal, fdaa:..., or a host")
      ->required();
  echo.app->add_option("--count,-c", echo.options->count, "requests to each address")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  add_duration(*echo.app, "--interval,-i", echo.options->interval, "between requests (1s)");
  add_duration(*echo.app, "--timeout,-W", echo.options->timeout, "for the last replies (2s)");
  echo.app->add_option("--org,-o", echo.options->org, "the organisation to ask in");
  echo.app->add_option("--network", echo.options->network, "the network to ask in");
}

std::variant<Invocation, ExitCode> parse_command_line(const std::vector<std::string>& arguments,
                                                      std::ostream& out, std::ostream& err) {
  Invocation invocation;
  CLI::App root("sixpn: private networks for your own servers", "sixpn");
  root.require_subcommand(1);
  root.fallthrough();  // --json and --socket stand anywhere
  invocation.socket_path = config::AgentConfig{}.run_dir + "/sixpnd.sock";
  root.add_option("--socket", invocation.socket_path, "the agent's socket")
      ->envname("SIXPN_SOCKET")
      ->capture_default_str();
  root.add_flag("--json", invocation.json, "print JSON");
  root.set_version_flag("--version", "sixpn " SIXPN_VERSION);
  add_cluster_commands(root, invocation);
  add_host_commands(root, invocation);
  add_cert_commands(root, invocation);
  add_app_commands(root, invocation);
  add_machine_commands(root, invocation);
  add_peer_commands(root, invocation);
  add_network_commands(root, invocation);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 takes them
    root.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return report(root, error, out, err);
  }
  return invocation;
}

}  // namespace sixpn::cli
