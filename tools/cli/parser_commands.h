// Shared by the parser's files alone: how a command is added, and the groups of commands.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "base/time.h"
#include "tools/cli/app_commands.h"
#include "tools/cli/command.h"
#include "tools/cli/parser.h"

namespace sixpn::cli {

// A command that takes options: the caller declares them on `app`, into `options`.
template <class Options>
struct NewCommand {
  CLI::App* app;
  std::shared_ptr<Options> options;
};

// `run` is called with the options as they were parsed.
template <class Options, class Run>
NewCommand<Options> add_command(CLI::App& parent, Invocation& invocation, const std::string& name,
                                const std::string& description, Run run) {
  NewCommand<Options> made{parent.add_subcommand(name, description), std::make_shared<Options>()};
  made.app->callback([&invocation, options = made.options, run] {
    invocation.command = [options, run](CommandContext& context) { return run(context, *options); };
  });
  return made;
}

// A command without options.
template <class Run>
CLI::App* add_plain_command(CLI::App& parent, Invocation& invocation, const std::string& name,
                            const std::string& description, Run run) {
  CLI::App* app = parent.add_subcommand(name, description);
  app->callback([&invocation, run] { invocation.command = run; });
  return app;
}

// A word that only groups commands.
inline CLI::App& add_group(CLI::App& parent, const std::string& name,
                           const std::string& description) {
  CLI::App* group = parent.add_subcommand(name, description);
  group->require_subcommand(1);
  return *group;
}

inline void add_org(CLI::App& app, std::string& org) {
  app.add_option("--org,-o", org, "the app's organisation, where its name is not unique");
}

// An option that takes a duration above zero.
void add_duration(CLI::App& app, const std::string& name, Duration& out,
                  const std::string& description);
void add_state_dir(CLI::App& app, std::string& out);
void add_name_and_region(CLI::App& app, std::string& name, std::string& region);

void add_cluster_commands(CLI::App& root, Invocation& invocation);
void add_cert_commands(CLI::App& root, Invocation& invocation);
void add_host_commands(CLI::App& root, Invocation& invocation);
void add_app_commands(CLI::App& root, Invocation& invocation);
void add_machine_commands(CLI::App& root, Invocation& invocation);
void add_peer_commands(CLI::App& root, Invocation& invocation);
void add_network_commands(CLI::App& root, Invocation& invocation);

}  // namespace sixpn::cli
