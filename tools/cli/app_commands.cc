#include "tools/cli/app_commands.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "config/config_file.h"
#include "config/fly_toml.h"
#include "tools/cli/api_client.h"
#include "tools/cli/app_view.h"
#include "tools/cli/json_view.h"

namespace sixpn::cli {

namespace json = boost::json;

namespace {

struct ConfigFile {
  std::string text;
  std::string app;  // "" when it names none
};

Error config_error(const config::ConfigErrors& errors) {
  std::string lines = config::to_string(errors);
  lines.pop_back();  // the last newline
  return Error("the configuration has mistakes; nothing was changed\n" + lines);
}

// The file as it will be sent, its mistakes found before the agent is asked, its notes shown.
Result<ConfigFile> read_config(CommandContext& context, const std::string& path) {
  auto text = config::read_config_file(path);
  if (!text) return Error(config::to_string(text.errors().front()));
  auto parsed = config::parse_fly_toml(*text, path);
  if (!parsed) return config_error(parsed.errors());
  for (const config::ConfigNote& note : parsed->notes)
    context.err << "note: " << config::to_string(note) << "\n";
  return ConfigFile{*text, parsed->app};
}

ApiTarget app_target(const AppOptions& options) {
  return ApiTarget("/v1/apps").segment(options.app);
}

void print_app(CommandContext& context, const json::value& app) {
  context.out << (context.json ? pretty(app) : app_text(JsonView(app)));
}

}  // namespace

CommandResult create_app(CommandContext& context, const CreateAppOptions& options) {
  json::object body{{"name", options.name}, {"org", options.org}};
  if (!options.network.empty()) body["network"] = options.network;
  if (!options.config.empty()) {
    auto file = read_config(context, options.config);
    if (!file) return file.error();
    body["config_toml"] = file->text;
    body["config_path"] = options.config;
  }
  auto app = ApiClient(context.socket_path).post(ApiTarget("/v1/apps"), body);
  if (!app) return app.error();
  print_app(context, *app);
  return ExitCode::kOk;
}

CommandResult list_apps(CommandContext& context) {
  auto apps = ApiClient(context.socket_path).get(ApiTarget("/v1/apps"));
  if (!apps) return apps.error();
  context.out << (context.json ? pretty(*apps) : apps_text(JsonView(*apps)));
  return ExitCode::kOk;
}

CommandResult destroy_app(CommandContext& context, const AppOptions& options) {
  auto gone = ApiClient(context.socket_path).remove(app_target(options).query("org", options.org));
  if (!gone) return gone.error();
  context.out << (context.json ? pretty(*gone)
                               : fmt::format("App {} is destroyed.\n", options.app));
  return ExitCode::kOk;
}

CommandResult deploy(CommandContext& context, const DeployOptions& options) {
  auto file = read_config(context, options.config);
  if (!file) return file.error();
  AppOptions app = options.app;
  if (app.app.empty()) app.app = file->app;
  if (app.app.empty())
    return Error(fmt::format("{} names no app: add `app = \"NAME\"` to it, or say --app NAME",
                             options.config),
                 kUsageError);
  json::object body{{"config_toml", file->text}, {"config_path", options.config}};
  if (!app.org.empty()) body["org"] = app.org;
  auto deployed = ApiClient(context.socket_path).post(app_target(app).segment("deploy"), body);
  if (!deployed) return deployed.error();
  print_app(context, *deployed);
  return ExitCode::kOk;
}

CommandResult allocate_address(CommandContext& context, const AllocateAddressOptions& options) {
  if (!options.is_private) return Error("addresses here are private: say --private", kUsageError);
  json::object body{{"type", "private_v6"}};
  if (!options.app.org.empty()) body["org"] = options.app.org;
  if (!options.network.empty()) body["network"] = options.network;
  auto address = ApiClient(context.socket_path).post(app_target(options.app).segment("ips"), body);
  if (!address) return address.error();
  if (context.json) {
    context.out << pretty(*address);
    return ExitCode::kOk;
  }
  JsonView view(*address);
  context.out << fmt::format("{}\n", view["address"].text());
  context.err << fmt::format("App {} answers there, and as {}.flycast, inside network {}.\n",
                             view["app"].text(), view["app"].text(), view["network"].text());
  return ExitCode::kOk;
}

CommandResult list_addresses(CommandContext& context, const AppOptions& options) {
  auto addresses = ApiClient(context.socket_path)
                       .get(app_target(options).segment("ips").query("org", options.org));
  if (!addresses) return addresses.error();
  context.out << (context.json ? pretty(*addresses) : ips_text(JsonView(*addresses)));
  return ExitCode::kOk;
}

CommandResult release_address(CommandContext& context, const AppOptions& options,
                              const std::string& address) {
  auto gone =
      ApiClient(context.socket_path)
          .remove(app_target(options).segment("ips").segment(address).query("org", options.org));
  if (!gone) return gone.error();
  context.out << (context.json ? pretty(*gone) : fmt::format("{} is released.\n", address));
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
