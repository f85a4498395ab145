#include "config/agent_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/config_file.h"
#include "config/dns_config.h"
#include "config/duration_text.h"
#include "config/endpoint_list.h"
#include "config/table_reader.h"
#include "config/toml_document.h"
#include "registry/core/record.h"
#include "registry/core/region.h"

namespace sixpn::config {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint16_t kGossipPort = 7946;
constexpr std::string_view kTokenPrefix = "sixpn1.";
// <run_dir>/sixpnd.sock must fit in sockaddr_un::sun_path (108 bytes).
constexpr std::size_t kMaxRunDir = 90;
constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ - 1
constexpr std::string_view kMachineInterfacePrefix = "sx";

void read_absolute_path(TableReader& table, std::string_view key, std::string& out) {
  auto read = table.string(key);
  if (!read) return;
  if (read->value.empty() || read->value.front() != '/')
    table.error(read->at, key, fmt::format("expected an absolute path, found \"{}\"", read->value));
  else
    out = read->value;
}

void read_port(TableReader& table, std::string_view key, std::uint16_t& out) {
  if (auto read = table.integer(key, 1, 65535)) out = static_cast<std::uint16_t>(read->value);
}

void read_log_level(TableReader& file, log::Level& out) {
  static const std::map<std::string_view, log::Level> kLevels{{"debug", log::Level::kDebug},
                                                              {"info", log::Level::kInfo},
                                                              {"warn", log::Level::kWarn},
                                                              {"error", log::Level::kError}};
  if (auto read = file.word("log_level", {"debug", "info", "warn", "error"}))
    if (auto level = kLevels.find(read->value); level != kLevels.end()) out = level->second;
}

// Never shows the value: a token is a secret.
void read_join(TableReader& file, std::string& out) {
  auto read = file.string("join");
  if (!read) return;
  bool is_file = read->value.starts_with("@/");
  bool is_token = read->value.starts_with(kTokenPrefix);
  if (is_file || is_token)
    out = read->value;
  else
    file.error(read->at, "join",
               "expected a token of `sixpn host invite` (sixpn1. ...) or \"@/path\" of a file that "
               "holds one");
}

void read_host(TableReader host, HostConfig& out) {
  if (auto name = host.string("name")) {
    if (is_dns_label(name->value))
      out.name = name->value;
    else
      host.error(name->at, "name",
                 fmt::format("expected a DNS label (a-z, 0-9 and '-', at most 63), found \"{}\"",
                             name->value));
  }
  if (auto region = host.string("region")) {
    if (is_region(region->value))
      out.region = region->value;
    else
      host.error(
          region->at, "region",
          fmt::format("expected {}, found \"{}\"", expected_region(region->value), region->value));
  }
  host.report_unknown_keys();
}

// Names that begin with "sx" are machines' interfaces, which the mesh may remove.
bool is_interface_name(std::string_view name) {
  if (name.starts_with(kMachineInterfacePrefix)) return false;
  if (name.empty() || name.size() > kMaxInterfaceName || name == "." || name == "..") return false;
  for (char c : name) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

void read_wireguard(TableReader wireguard, WireGuardConfig& out) {
  if (auto name = wireguard.string("interface")) {
    if (is_interface_name(name->value))
      out.interface = name->value;
    else
      wireguard.error(name->at, "interface",
                      fmt::format("expected 1..15 letters, digits, '-', '_' or '.', not beginning "
                                  "with sx (machines' interfaces do), found \"{}\"",
                                  name->value));
  }
  read_port(wireguard, "listen_port", out.listen_port);
  read_port(wireguard, "gateway_port", out.gateway_port);
  if (auto backend = wireguard.word("backend", {"auto", "kernel", "userspace"})) {
    if (backend->value == "kernel") out.backend = WireGuardBackend::kKernel;
    if (backend->value == "userspace") out.backend = WireGuardBackend::kUserspace;
  }
  if (auto mtu = wireguard.integer("mtu", 1280, 9000))
    out.mtu = static_cast<std::uint16_t>(mtu->value);
  read_endpoints(wireguard, {"endpoints", out.listen_port, true}, out.endpoints);
  wireguard.report_unknown_keys();
}

void read_count(TableReader& table, std::string_view key, std::int64_t max, std::uint32_t& out) {
  if (auto read = table.integer(key, 1, max)) out = static_cast<std::uint32_t>(read->value);
}

void read_orgs(TableReader& table, std::string_view key, std::set<std::string>& out) {
  for (auto& org : table.strings(key)) {
    if (!is_dns_label(org.value))
      table.error(org.at, key, fmt::format("\"{}\" is no org's name", org.value));
    else
      out.insert(std::move(org.value));
  }
}

void read_replay_sources(TableReader table, std::map<std::string, std::set<std::string>>& out) {
  for (const TomlEntry& entry : table.entries()) {
    if (!is_dns_label(entry.key))
      table.error(entry.key_at, entry.key, "is no org's name");
    else
      read_orgs(table, entry.key, out[entry.key]);
  }
}

void read_flycast(TableReader flycast, FlycastConfig& out) {
  auto deadline = flycast.duration("deadline", std::chrono::minutes(5));
  if (deadline) out.deadline = deadline->value;
  auto timeout = flycast.duration("connect_timeout", std::chrono::minutes(5));
  if (timeout) out.connect_timeout = timeout->value;
  if (out.connect_timeout > out.deadline || out.connect_timeout == Duration::zero())
    flycast.error(timeout ? timeout->at : deadline->at, "connect_timeout",
                  fmt::format("expected more than 0s and at most flycast.deadline ({}), found {}",
                              to_string(out.deadline), to_string(out.connect_timeout)));
  auto idle = flycast.duration("idle_after", std::chrono::hours(24));
  if (idle) out.idle_after = idle->value;
  if (out.idle_after == Duration::zero())
    flycast.error(idle->at, "idle_after", "expected more than 0s");
  if (auto drain = flycast.duration("drain", std::chrono::hours(1))) out.drain = drain->value;
  read_count(flycast, "loops", 4, out.loops);
  read_count(flycast, "max_sessions", 1 << 20, out.max_sessions);
  out.max_sessions_per_client = std::min(out.max_sessions_per_client, out.max_sessions);
  read_count(flycast, "max_sessions_per_client", out.max_sessions, out.max_sessions_per_client);
  read_orgs(flycast, "replay_across_networks", out.replay_across_networks);
  if (auto sources = flycast.table("replay_sources"))
    read_replay_sources(*sources, out.replay_sources);
  flycast.report_unknown_keys();
}

void read_trust(TableReader trust, TrustConfig& out) {
  auto grace = trust.duration("certificate_grace", std::chrono::hours(365 * 24));
  if (grace) out.certificate_grace = grace->value;
  trust.report_unknown_keys();
}

void read_registry(TableReader registry, RegistryConfig& out) {
  if (auto hold = registry.word("hold", {"all", "used"}))
    out.hold = hold->value == "used" ? Hold::kUsed : Hold::kAll;
  registry.report_unknown_keys();
}

struct PlacedPort {
  std::string_view key;
  std::uint16_t port;
  TomlPosition at;
};

// Two sockets of the agent on one UDP port: both bound to every address, or one of them.
void check_different(const PlacedPort& a, const PlacedPort& b, Findings& findings) {
  if (a.port != b.port) return;
  const PlacedPort& later = a.at.line > b.at.line ? a : b;
  const PlacedPort& other = &later == &b ? a : b;
  std::string where = other.at.line == 0 ? "by default" : fmt::format("line {}", other.at.line);
  findings.error(later.at,
                 fmt::format("{}: {} is also {} ({})", later.key, later.port, other.key, where));
}

void check_ports(const std::vector<PlacedPort>& ports, Findings& findings) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const PlacedPort& port = ports[i];
    if (port.port == kGossipPort)
      findings.error(port.at, fmt::format("{}: {} is the port of gossip", port.key, kGossipPort));
    if (port.port == kDnsPort)
      findings.error(port.at, fmt::format("{}: {} is the port of DNS", port.key, kDnsPort));
    for (std::size_t k = i + 1; k < ports.size(); ++k) check_different(port, ports[k], findings);
  }
}

// The first from so many above the WireGuard port that nobody has; where there is none left, the
// first below it.
std::uint16_t port_above(const AgentConfig& config, int above, std::set<int> taken) {
  taken.insert({config.knock.port, kGossipPort, kDnsPort});
  int port = config.wireguard.listen_port + above;
  while (taken.contains(port)) ++port;
  if (port > 65535) port = config.wireguard.listen_port - 1;
  while (taken.contains(port)) --port;
  return static_cast<std::uint16_t>(port);
}

void read_directories(TableReader& file, AgentConfig& config) {
  read_absolute_path(file, "state_dir", config.state_dir);
  read_absolute_path(file, "run_dir", config.run_dir);
  const TomlEntry* run = file.find("run_dir");
  TomlPosition at = run == nullptr ? TomlPosition{} : run->value.at;
  if (config.run_dir.size() > kMaxRunDir)
    file.error(at, "run_dir",
               fmt::format("expected at most {} characters (a socket's path is bounded), found {}",
                           kMaxRunDir, config.run_dir.size()));
  if (config.run_dir == config.state_dir)
    file.error(at, "run_dir", "must differ from state_dir: it is emptied at each boot");
}

TomlPosition place_of(std::optional<TableReader>& section, std::string_view key) {
  const TomlEntry* entry = section ? section->find(key) : nullptr;
  return entry == nullptr ? TomlPosition{} : entry->value.at;
}

// Not so short that a busy disk ends a healthy agent.
void read_watchdog(TableReader& file, Duration& out) {
  constexpr Duration kShortest = std::chrono::seconds(5);
  auto read = file.duration("watchdog", std::chrono::minutes(10));
  if (!read) return;
  out = read->value;
  if (out != Duration::zero() && out < kShortest)
    file.error(read->at, "watchdog",
               fmt::format("expected 0s (never) or at least {}, found {}", to_string(kShortest),
                           to_string(out)));
}

AgentConfig read_agent_config(TableReader file, Findings& findings) {
  AgentConfig config;
  read_directories(file, config);
  read_log_level(file, config.log_level);
  read_join(file, config.join);
  read_watchdog(file, config.watchdog);
  if (auto host = file.table("host")) read_host(*host, config.host);
  auto wireguard = file.table("wireguard");
  if (wireguard) read_wireguard(*wireguard, config.wireguard);
  auto knock = file.table("knock");
  if (knock) {
    read_port(*knock, "port", config.knock.port);
    knock->report_unknown_keys();
  }
  if (auto dns = file.table("dns")) read_dns(*dns, config.dns);
  if (auto machines = file.table("machines")) {
    read_absolute_path(*machines, "shim", config.machines.shim);
    machines->report_unknown_keys();
  }
  if (auto flycast = file.table("flycast")) read_flycast(*flycast, config.flycast);
  if (auto trust = file.table("trust")) read_trust(*trust, config.trust);
  if (auto registry = file.table("registry")) read_registry(*registry, config.registry);
  file.report_unknown_keys();
  std::vector<PlacedPort> ports = {
      {"wireguard.listen_port", config.wireguard.listen_port, place_of(wireguard, "listen_port")},
      {"knock.port", config.knock.port, place_of(knock, "port")}};
  if (std::uint16_t port = config.wireguard.gateway_port; port != 0)
    ports.push_back({"wireguard.gateway_port", port, place_of(wireguard, "gateway_port")});
  check_ports(ports, findings);
  return config;
}

}  // namespace

std::uint16_t spare_port(const AgentConfig& config) {
  return port_above(config, 2, {config.wireguard.gateway_port});
}

std::uint16_t gateway_port(const AgentConfig& config) {
  if (config.wireguard.gateway_port != 0) return config.wireguard.gateway_port;
  return port_above(config, 3, {spare_port(config)});
}

std::string_view to_string(WireGuardBackend backend) {
  switch (backend) {
    case WireGuardBackend::kAuto:
      return "auto";
    case WireGuardBackend::kKernel:
      return "kernel";
    case WireGuardBackend::kUserspace:
      return "userspace";
  }
  return "?";
}

std::string_view to_string(Hold hold) {
  return hold == Hold::kUsed ? "used" : "all";
}

ConfigResult<AgentConfig> parse_agent_config(std::string_view text, std::string_view file_name) {
  ConfigResult<TomlTable> document = parse_toml(text, file_name);
  if (!document) return document.errors();
  Findings findings{std::string(file_name), {}, {}};
  AgentConfig config = read_agent_config(TableReader(*document, {1, 1}, "", findings), findings);
  findings.sort();
  if (!findings.errors.empty()) return findings.errors;
  return config;
}

ConfigResult<AgentConfig> load_agent_config(const std::string& path) {
  ConfigResult<std::string> text = read_config_file(path);
  if (!text) return text.errors();
  return parse_agent_config(*text, path);
}

Result<std::string> read_token(std::string_view join) {
  if (!join.starts_with('@')) return std::string(join);
  ConfigResult<std::string> text = read_config_file(std::string(join.substr(1)));
  if (!text) return Error(to_string(text.errors().front()));
  constexpr std::string_view kSpace = " \t\r\n";
  std::size_t first = text->find_first_not_of(kSpace);
  if (first == std::string::npos) return Error(fmt::format("{}: is empty", join.substr(1)));
  return text->substr(first, text->find_last_not_of(kSpace) - first + 1);
}

}  // namespace sixpn::config
