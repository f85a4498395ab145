#include "tools/cli/machine_commands.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/ids.h"
#include "base/io/clock.h"
#include "tools/cli/api_client.h"
#include "tools/cli/held_note.h"
#include "tools/cli/json_view.h"
#include "tools/cli/log_reader.h"
#include "tools/cli/machine_entry.h"
#include "tools/cli/machine_view.h"

namespace sixpn::cli {

namespace json = boost::json;

namespace {

// {"key": "value"} from "key=value" texts. Errors: no "=", nothing before it, a key said twice.
Result<json::object> read_pairs(const std::vector<std::string>& texts, std::string_view option) {
  json::object pairs;
  for (const std::string& text : texts) {
    std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error(fmt::format("{}: expected KEY=VALUE, found \"{}\"", option, text), kUsageError);
    std::string key = text.substr(0, equals);
    if (pairs.contains(key))
      return Error(fmt::format("{}: {} is there twice", option, key), kUsageError);
    pairs[key] = text.substr(equals + 1);
  }
  return pairs;
}

Result<json::object> placement_body(const PlacementOptions& options) {
  auto metadata = read_pairs(options.metadata, "--metadata");
  if (!metadata) return metadata.error();
  json::object body{{"app", options.app.app}, {"metadata", std::move(*metadata)}};
  if (!options.app.org.empty()) body["org"] = options.app.org;
  if (!options.group.empty()) body["group"] = options.group;
  if (options.skip_dns) body["dns"] = json::object{{"skip_registration", true}};
  return body;
}

Result<ApiTarget> machine_target(const std::string& id) {
  if (!parse_machine_id(id))
    return Error(fmt::format("expected a machine id of 14 hexadecimal digits, found \"{}\"", id),
                 kUsageError);
  return ApiTarget("/v1/machines").segment(id);
}

Result<json::value> get_machine(CommandContext& context, const std::string& id) {
  auto target = machine_target(id);
  if (!target) return target.error();
  return ApiClient(context.socket_path).get(*target);
}

// Fails for a machine of another host, with its name.
Result<json::value> get_local_machine(CommandContext& context, const std::string& id) {
  auto machine = get_machine(context, id);
  if (!machine) return machine;
  JsonView view(*machine);
  if (!view["local"].flag())
    return Error(fmt::format("machine {} lives on host {} ({}): run this command there", id,
                             view["host_name"].text(), view["region"].text()));
  return machine;
}

CommandResult print_machine(CommandContext& context, const Result<json::value>& machine) {
  if (!machine) return machine.error();
  context.out << (context.json ? pretty(*machine)
                               : machine_text(JsonView(*machine), unix_ms(wall_now())));
  return ExitCode::kOk;
}

CommandResult print_state(CommandContext& context, const std::string& id,
                          const Result<json::value>& machine) {
  if (!machine) return machine.error();
  if (context.json)
    context.out << pretty(*machine);
  else
    context.out << fmt::format("Machine {} is {}.\n", id, machine_state(JsonView(*machine)));
  return ExitCode::kOk;
}

}  // namespace

CommandResult run_machine(CommandContext& context, const RunMachineOptions& options) {
  auto body = placement_body(options.placement);
  if (!body) return body.error();
  auto env = read_pairs(options.env, "--env");
  if (!env) return env.error();
  (*body)["env"] = std::move(*env);
  (*body)["command"] = json::array(options.command.begin(), options.command.end());
  return print_machine(context,
                       ApiClient(context.socket_path).post(ApiTarget("/v1/machines"), *body));
}

CommandResult attach_machine(CommandContext& context, const AttachMachineOptions& options) {
  auto body = placement_body(options.placement);
  if (!body) return body.error();
  (*body)["netns"] = options.netns;
  return print_machine(
      context, ApiClient(context.socket_path).post(ApiTarget("/v1/machines/attach"), *body));
}

CommandResult list_machines(CommandContext& context, const AppOptions& app) {
  auto machines = ApiClient(context.socket_path)
                      .get(ApiTarget("/v1/machines").query("app", app.app).query("org", app.org));
  if (!machines) return machines.error();
  context.out << (context.json ? pretty(*machines)
                               : machines_text(JsonView(*machines), unix_ms(wall_now())));
  if (app.app.empty()) note_unheld(context);
  return ExitCode::kOk;
}

CommandResult list_checks(CommandContext& context, const AppOptions& app) {
  auto machines = ApiClient(context.socket_path)
                      .get(ApiTarget("/v1/machines").query("app", app.app).query("org", app.org));
  if (!machines) return machines.error();
  context.out << (context.json ? pretty(*machines)
                               : checks_text(JsonView(*machines), unix_ms(wall_now())));
  if (app.app.empty()) note_unheld(context);
  return ExitCode::kOk;
}

CommandResult show_machine(CommandContext& context, const std::string& id) {
  return print_machine(context, get_machine(context, id));
}

CommandResult stop_machine(CommandContext& context, const StopMachineOptions& options) {
  auto target = machine_target(options.id);
  if (!target) return target.error();
  json::object body;
  if (!options.signal.empty()) body["signal"] = options.signal;
  if (options.timeout_s) body["timeout_s"] = *options.timeout_s;
  return print_state(context, options.id,
                     ApiClient(context.socket_path).post(target->segment("stop"), body));
}

CommandResult tell_machine(CommandContext& context, const std::string& id,
                           const std::string& action) {
  auto target = machine_target(id);
  if (!target) return target.error();
  return print_state(context, id, ApiClient(context.socket_path).post(target->segment(action), {}));
}

CommandResult destroy_machine(CommandContext& context, const std::string& id, bool force) {
  auto target = machine_target(id);
  if (!target) return target.error();
  auto gone = ApiClient(context.socket_path).remove(target->query("force", force ? "1" : ""));
  if (!gone) return gone.error();
  context.out << (context.json ? pretty(*gone) : fmt::format("Machine {} is destroyed.\n", id));
  return ExitCode::kOk;
}

CommandResult exec_in_machine(CommandContext& context, const std::string& id,
                              const std::vector<std::string>& command) {
  auto machine = get_local_machine(context, id);
  if (!machine) return machine.error();
  JsonView view(*machine);
  auto pid = view["pid"].integer();
  std::string netns = view["netns"].text();
  // An attached machine has a namespace and no process; one that was run and has no process is
  // stopped.
  bool attached = view["log"].is_null();
  if (!pid && (!attached || netns.empty()))
    return Error(fmt::format("machine {} is {}: start it first", id, machine_state(view)));
  auto exit_code = pid ? run_beside_process(static_cast<pid_t>(*pid), netns, command)
                       : run_in_namespace(netns, command);
  if (!exit_code) return exit_code.error();
  return static_cast<ExitCode>(*exit_code);
}

CommandResult show_log(CommandContext& context, const LogOptions& options) {
  auto machine = get_local_machine(context, options.id);
  if (!machine) return machine.error();
  std::string path = JsonView(*machine)["log"].text();
  if (path.empty())
    return Error(fmt::format("machine {} has no log: it was attached, not run", options.id));
  auto printed = options.follow ? follow_log(path, options.lines, context.out)
                                : print_log(path, options.lines, context.out);
  if (!printed) return printed.error();
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
