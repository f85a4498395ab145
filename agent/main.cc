// sixpnd: the agent. Reads its configuration, takes its state folder, finds or makes its identity,
// and runs the rooms until a signal ends it. Exit codes: 0 stopped by a signal, 1 could not start
// or go on, 2 usage or configuration, 3 left the cluster (`sixpn host leave`). The watchdog ends it
// by SIGABRT (134 to a shell). With --supervised that is a process of its own, whose keeper
// (keeper.h) is what the supervisor sees: told to stop by SIGTERM, it makes place for the next
// agent at once, and serves what it has begun beside it.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <climits>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "agent/keeper.h"
#include "agent/state_lock.h"
#include "base/io/clock.h"
#include "base/io/service_notify.h"
#include "base/io/watchdog.h"
#include "base/log.h"
#include "config/agent_config.h"
#include "mesh/io/identity_store.h"
#include "registry/core/record.h"

namespace {

using namespace std::string_literals;
using sixpn::Error;
using sixpn::Result;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kLeft = 3;

struct Arguments {
  std::string config_path;
  std::string join;
  bool dev = false;
  bool supervised = false;
};

int fail(const std::string& sentence, int code = kFailed) {
  std::fprintf(stderr, "sixpnd: %s\n", sentence.c_str());
  return code;
}

// The system's host name as a DNS label, "dev" when nothing of it can be used.
std::string host_name() {
  char buffer[HOST_NAME_MAX + 1] = {};
  gethostname(buffer, sizeof buffer - 1);
  std::string name;
  for (const char* c = buffer; *c != '\0' && *c != '.'; ++c)
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
  return sixpn::is_dns_label(name) ? name : "dev";
}

// What --dev stands for: everything in folders of its own, no file read.
sixpn::config::AgentConfig dev_config() {
  sixpn::config::AgentConfig config;
  config.state_dir = "/var/lib/sixpn-dev";
  config.run_dir = "/run/sixpn";
  return config;
}

Result<sixpn::mesh::Identity> create_dev_cluster(const sixpn::config::AgentConfig& config) {
  sixpn::mesh::CreateClusterOptions options;
  options.name = config.host.name.empty() ? host_name() : config.host.name;
  options.region = config.host.region.empty() ? "dev" : config.host.region;
  options.now = sixpn::wall_now();
  return sixpn::mesh::IdentityStore::create_cluster(config.state_dir, options);
}

Result<sixpn::mesh::Identity> join_cluster(const std::string& state_dir, const std::string& join) {
  auto text = sixpn::config::read_token(join);
  if (!text) return text.error();
  auto token = sixpn::decode_token(*text);
  if (!token) return std::move(token).error().within("join token");
  return sixpn::mesh::IdentityStore::enrol_host(state_dir, *token, sixpn::wall_now());
}

Result<sixpn::mesh::Identity> find_identity(const sixpn::config::AgentConfig& config, bool dev) {
  using sixpn::mesh::IdentityStore;
  if (!config.join.empty()) return join_cluster(config.state_dir, config.join);
  if (IdentityStore::exists(config.state_dir)) return IdentityStore::load(config.state_dir);
  if (dev) return create_dev_cluster(config);
  return Error("this host belongs to no cluster yet (" + config.state_dir +
               " holds no identity). Either make a cluster here: `sixpn cluster init --name NAME "
               "--region REGION`, or join one: `sixpnd --join TOKEN` with a token from `sixpn host "
               "invite`; `sixpnd --dev` makes a one-host cluster for a first look");
}

std::string shim_path(const sixpn::config::AgentConfig& config) {
  if (!config.machines.shim.empty()) return config.machines.shim;
  std::error_code failed;
  auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  return (self.parent_path() / "sixpn-shim").string();
}

// An enrolment that the cluster refused is worth nothing: without it another token can be tried.
void discard_enrolment(const std::string& state_dir) {
  std::error_code ignored;
  for (const char* name : {"identity", "registry.db", "registry.db-wal", "registry.db-shm"})
    std::filesystem::remove_all(state_dir + "/" + name, ignored);
}

// A proxied connection costs up to four descriptors: take all that the system grants.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Runs `control`, watched together with the agent's other loops, until something stops it.
void run_watched(sixpn::EventLoop& control, sixpn::agent::Agent& agent, sixpn::Duration limit,
                 const sixpn::ServiceNotify& manager) {
  std::vector<sixpn::Watched> loops = agent.loops();
  loops.push_back(&control);
  sixpn::Watchdog::Options options;
  options.limit = limit;
  sixpn::Watchdog watchdog(std::move(loops), manager, std::move(options));
  manager.tell("READY=1");
  control.run();
  manager.tell("STOPPING=1");
}

// The agent's place is free from the time `kept` is released: serves what it had begun until all
// of that has ended, or a second signal.
void depart(sixpn::agent::Agent& agent, std::optional<sixpn::agent::StateLock> lock,
            const sixpn::agent::Kept& kept) {
  sixpn::EventLoop waiting("sixpn-departing");
  boost::asio::signal_set signals(waiting.context(), SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { waiting.stop(); });
  agent.depart(waiting, [&] { waiting.stop(); });
  // Machines' shims and wireguard-go may be children of this process, and are the next agent's:
  // their ends must not wait to be noticed here.
  std::signal(SIGCHLD, SIG_IGN);
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  lock.reset();
  kept.release();
  waiting.run();
  agent.stop();
}

// `kept`: by a keeper; null without one.
int run(const sixpn::config::AgentConfig& config, bool dev, const sixpn::agent::Kept* kept) {
  sixpn::ServiceNotify own;
  if (kept == nullptr) own = sixpn::ServiceNotify::from_environment();
  const sixpn::ServiceNotify& manager = kept != nullptr ? kept->notify() : own;
  auto lock = sixpn::agent::StateLock::take(config.state_dir);
  if (!lock) return fail(lock.error().message);
  bool enrolled_before = sixpn::mesh::IdentityStore::exists(config.state_dir);
  auto identity = find_identity(config, dev);
  if (!identity) return fail(identity.error().message);
  auto keys = sixpn::mesh::load_host_keys(config.state_dir);
  if (!keys) return fail(keys.error().message);
  auto tls = sixpn::mesh::load_tls_identity(config.state_dir);
  if (!tls) return fail(tls.error().message);
  auto gateway_key = sixpn::mesh::load_gateway_key(config.state_dir);
  if (!gateway_key) return fail(gateway_key.error().message);

  const auto& invite = identity->certificate.invite;
  sixpn::log::info("agent", "sixpnd {} is host {} ({}) in {}", SIXPN_VERSION, invite.name,
                   to_string(invite.host), invite.region);
  sixpn::EventLoop control("sixpn-control");
  std::string fatal;
  bool first_join = !config.join.empty() && !enrolled_before;
  sixpn::agent::AgentOptions options{config,       *identity,         *keys,     *tls,
                                     *gateway_key, shim_path(config), first_join};
  sixpn::agent::Agent agent(control, std::move(options));
  agent.on_fatal([&](const std::string& reason) {
    fatal = reason;
    control.stop();
  });
  bool left = false;
  agent.on_left([&] {
    left = true;
    control.stop();
  });
  if (auto started = agent.start(); !started) return fail(started.error().message);
  sixpn::log::info("agent", "ready; the command line answers on {}/sixpnd.sock", config.run_dir);

  boost::asio::signal_set signals(control.context(), SIGINT, SIGTERM);
  bool departs = false;
  signals.async_wait([&](const boost::system::error_code& cancelled, int number) {
    if (cancelled) return;
    departs = kept != nullptr && number == SIGTERM;
    sixpn::log::info("agent", "stopping ({}); machines and the mesh stay up", strsignal(number));
    control.stop();
  });
  run_watched(control, agent, config.watchdog, manager);
  if (departs) depart(agent, std::move(*lock), *kept);
  agent.stop();
  if (left) return kLeft;
  if (fatal.empty()) return 0;
  if (first_join) discard_enrolment(config.state_dir);
  return fail(fatal);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("sixpnd, the agent of sixpn: one on every host");
  Arguments arguments;
  app.add_option(
      "--config", arguments.config_path,
      "configuration file (" + std::string(sixpn::config::kDefaultAgentConfigPath) + ")");
  app.add_option("--join", arguments.join, "join a cluster: the token, or @FILE that holds it");
  app.add_flag("--dev", arguments.dev, "a cluster of this one host, without any configuration");
  app.add_flag("--supervised", arguments.supervised,
               "for a supervisor that starts it again: told to stop by SIGTERM, it makes place for "
               "the next at once, and serves the connections it has beside it");
  app.set_version_flag("--version", "sixpnd "s + SIXPN_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();

  auto config = arguments.dev ? dev_config() : sixpn::config::AgentConfig();
  std::string path = arguments.config_path;
  if (path.empty() && !arguments.dev &&
      std::filesystem::exists(sixpn::config::kDefaultAgentConfigPath))
    path = sixpn::config::kDefaultAgentConfigPath;
  if (!path.empty()) {
    auto loaded = sixpn::config::load_agent_config(path);
    if (!loaded) {
      std::fputs(sixpn::config::to_string(loaded.errors()).c_str(), stderr);
      return fail("the configuration has mistakes; nothing was started", kUsage);
    }
    config = std::move(loaded).value();
  }
  if (!arguments.join.empty()) config.join = arguments.join;
  sixpn::log::set_level(config.log_level);
  if (geteuid() != 0)
    return fail("it must run as root: it makes network interfaces and namespaces");
  if (arguments.supervised)
    return sixpn::agent::run_kept(
        [&](const sixpn::agent::Kept& kept) { return run(config, arguments.dev, &kept); });
  return run(config, arguments.dev, nullptr);
}
