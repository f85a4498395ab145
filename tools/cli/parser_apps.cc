#include "tools/cli/machine_commands.h"
#include "tools/cli/parser_commands.h"

namespace sixpn::cli {

namespace {

void add_app(CLI::App& app, AppOptions& options) {
  app.add_option("--app,-a", options.app, "the app")->required();
  add_org(app, options.org);
}

void add_placement(CLI::App& app, PlacementOptions& options) {
  add_app(app, options.app);
  app.add_option("--group", options.group, "process group (app)");
  app.add_option("--metadata,-m", options.metadata, "key=value, may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--skip-dns,--skip-dns-registration", options.skip_dns,
               "give it no names: .internal does not know it, Flycast does");
}

template <class Options>
void add_machine_id(const NewCommand<Options>& command) {
  command.app->add_option("id", command.options->id, "machine id, 14 hexadecimal digits")
      ->required();
}

struct DestroyMachineOptions {
  std::string id;
  bool force = false;
};

struct ExecOptions {
  std::string id;
  std::vector<std::string> command;
};

struct MachineIdOptions {
  std::string id;
};

struct ReleaseOptions {
  AppOptions app;
  std::string address;
};

void add_address_commands(CLI::App& root, Invocation& invocation) {
  CLI::App& ips = add_group(root, "ips", "Flycast addresses of apps");
  auto allocate = add_command<AllocateAddressOptions>(
      ips, invocation, "allocate-v6", "give an app a Flycast address", allocate_address);
  add_app(*allocate.app, allocate.options->app);
  allocate.app->add_flag("--private", allocate.options->is_private, "required: no other kind");
  allocate.app->add_option("--network", allocate.options->network,
                           "the network that may dial it (the app's own)");
  auto list =
      add_command<AppOptions>(ips, invocation, "list", "an app's addresses", list_addresses);
  add_app(*list.app, *list.options);
  auto release =
      add_command<ReleaseOptions>(ips, invocation, "release", "take an address away",
                                  [](CommandContext& context, const ReleaseOptions& options) {
                                    return release_address(context, options.app, options.address);
                                  });
  release.app->add_option("address", release.options->address, "the Flycast address")->required();
  add_app(*release.app, release.options->app);
}

void add_run_and_attach(CLI::App& machine, Invocation& invocation) {
  auto run = add_command<RunMachineOptions>(
      machine, invocation, "run", "start a command as a machine on this host", run_machine);
  add_placement(*run.app, run.options->placement);
  run.app->add_option("--env,-e", run.options->env, "KEY=value, may be repeated")
      ->allow_extra_args(false);
  run.app->add_option("command", run.options->command, "after --: the program and its arguments")
      ->required();
  auto attach = add_command<AttachMachineOptions>(
      machine, invocation, "attach", "make a machine of a network namespace that is there",
      attach_machine);
  add_placement(*attach.app, attach.options->placement);
  attach.app->add_option("--netns", attach.options->netns, "such as /run/netns/blue")->required();
}

void add_lifecycle(CLI::App& machine, Invocation& invocation) {
  auto stop = add_command<StopMachineOptions>(
      machine, invocation, "stop", "withdraw its names, then end its process", stop_machine);
  add_machine_id(stop);
  stop.app->add_option("--signal", stop.options->signal, "such as SIGTERM (the app's, or SIGINT)");
  stop.app->add_option("--timeout", stop.options->timeout_s, "seconds before it is killed (5)");
  for (const auto& [action, what] :
       {std::pair("start", "run a stopped or suspended machine again"),
        std::pair("suspend", "withdraw its names, then freeze its processes"),
        std::pair("cordon", "give it no new connection by Flycast; it goes on as it is"),
        std::pair("uncordon", "let Flycast choose it again")})
    add_machine_id(add_command<MachineIdOptions>(
        machine, invocation, action, what,
        [action = std::string(action)](CommandContext& context, const MachineIdOptions& options) {
          return tell_machine(context, options.id, action);
        }));
  auto destroy = add_command<DestroyMachineOptions>(
      machine, invocation, "destroy", "remove a machine and its log",
      [](CommandContext& context, const DestroyMachineOptions& options) {
        return destroy_machine(context, options.id, options.force);
      });
  add_machine_id(destroy);
  destroy.app->add_flag("--force,-f", destroy.options->force, "also while it runs");
}

void add_inside(CLI::App& machine, Invocation& invocation) {
  auto exec =
      add_command<ExecOptions>(machine, invocation, "exec", "run a command inside a machine",
                               [](CommandContext& context, const ExecOptions& options) {
                                 return exec_in_machine(context, options.id, options.command);
                               });
  add_machine_id(exec);
  exec.app->add_option("command", exec.options->command, "after --: the program and its arguments")
      ->required();
  auto logs =
      add_command<LogOptions>(machine, invocation, "logs", "what a machine printed", show_log);
  add_machine_id(logs);
  logs.app->add_option("--lines,-n", logs.options->lines, "only the last so many")
      ->check(CLI::NonNegativeNumber);
  logs.app->add_flag("--follow,-f", logs.options->follow, "go on as it is written");
}

}  // namespace

void add_app_commands(CLI::App& root, Invocation& invocation) {
  CLI::App& apps = add_group(root, "apps", "apps");
  auto create =
      add_command<CreateAppOptions>(apps, invocation, "create", "make an app", create_app);
  create.app->add_option("name", create.options->name, "the app's name, a DNS label")->required();
  create.app->add_option("--org,-o", create.options->org, "its organisation, made if it is new")
      ->required();
  create.app->add_option("--network", create.options->network, "its network (default)");
  create.app->add_option("--config", create.options->config, "a fly.toml with its services");
  add_plain_command(apps, invocation, "list", "all apps", list_apps);
  auto destroy = add_command<AppOptions>(apps, invocation, "destroy",
                                         "remove an app without machines", destroy_app);
  destroy.app->add_option("name", destroy.options->app, "the app")->required();
  add_org(*destroy.app, destroy.options->org);

  auto change = add_command<DeployOptions>(root, invocation, "deploy",
                                           "give an app the services of a fly.toml", deploy);
  change.options->config = "fly.toml";
  change.app->add_option("--config,-c", change.options->config, "the file")->capture_default_str();
  change.app->add_option("--app,-a", change.options->app.app, "the app (the one in the file)");
  add_org(*change.app, change.options->app.org);
  add_address_commands(root, invocation);
}

void add_machine_commands(CLI::App& root, Invocation& invocation) {
  CLI::App& checks = add_group(root, "checks", "how machines do by the checks of their app");
  auto standing = add_command<AppOptions>(checks, invocation, "list", "each check of each machine",
                                          list_checks);
  standing.app->add_option("app", standing.options->app, "only of this app");
  add_org(*standing.app, standing.options->org);
  CLI::App& machine = add_group(root, "machine", "machines");
  add_run_and_attach(machine, invocation);
  auto list =
      add_command<AppOptions>(machine, invocation, "list", "machines of all hosts", list_machines);
  list.app->add_option("--app,-a", list.options->app, "only of this app");
  list.app->add_option("--org,-o", list.options->org, "only of this organisation");
  auto status =
      add_command<MachineIdOptions>(machine, invocation, "status", "everything known of a machine",
                                    [](CommandContext& context, const MachineIdOptions& options) {
                                      return show_machine(context, options.id);
                                    });
  add_machine_id(status);
  add_lifecycle(machine, invocation);
  add_inside(machine, invocation);
}

}  // namespace sixpn::cli
