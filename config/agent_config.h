// AgentConfig: agent.toml as plain values with their defaults. Every key, its range and its meaning
// is here; docs/guide.md says the same to operators. Parsing is pure; only load_agent_config and
// read_token touch the disk. Called by sixpnd before any thread starts; nothing is started from a
// faulty file.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "config/config_error.h"

namespace sixpn::config {

inline constexpr std::string_view kDefaultAgentConfigPath = "/etc/sixpn/agent.toml";

enum class WireGuardBackend { kAuto, kKernel, kUserspace };
std::string_view to_string(WireGuardBackend backend);  // "auto", "kernel", "userspace"

// [host]: only read where no certificate gives name and region yet: `sixpnd --dev`.
struct HostConfig {
  std::string name;    // DNS label; "" = the system's host name
  std::string region;  // three letters; "" = "dev"
  friend bool operator==(const HostConfig&, const HostConfig&) = default;
};

// [wireguard]
struct WireGuardConfig {
  std::string interface = "sixpn";  // device name, 1..15 characters, not "sx..."
  std::uint16_t listen_port = 51820;
  // That peers connect to; 0: three above listen_port, or the next that is free of the others.
  std::uint16_t gateway_port = 0;
  WireGuardBackend backend = WireGuardBackend::kAuto;
  std::uint16_t mtu = 1420;  // of the device and of machines, 1280..9000
  // Advertised to other hosts, best first, ports filled in. Empty: the addresses of this host.
  std::vector<IpEndpoint> endpoints;
  friend bool operator==(const WireGuardConfig&, const WireGuardConfig&) = default;
};

// [knock]: the one message outside the tunnel (DESIGN section 4).
struct KnockConfig {
  std::uint16_t port = 51821;
  friend bool operator==(const KnockConfig&, const KnockConfig&) = default;
};

// [[dns.forward_rules]]: who is asked for the names of one domain (split horizon).
struct ForwardRuleConfig {
  // As written, without a final dot; "." is every name. Never one of our own zones: those are
  // answered here.
  std::string domain;
  std::vector<IpEndpoint> servers;    // 1..8, ports filled in (53)
  std::vector<std::string> networks;  // "org/network"; empty: every network
  friend bool operator==(const ForwardRuleConfig&, const ForwardRuleConfig&) = default;
};

// [dns]
struct DnsConfig {
  // Where names outside the mesh go, ports filled in (53). Empty: the nameservers of
  // /etc/resolv.conf.
  std::vector<IpEndpoint> upstreams;
  // Bound for UDP and TCP beside [fdaa::3]:53, ports filled in (53).
  std::vector<IpEndpoint> listen;
  // What the resolver says it is (NSID, id.server), at most 64 bytes. Unset: the host's name; "":
  // nothing.
  std::optional<std::string> server_id = {};
  std::vector<ForwardRuleConfig> forward_rules;  // at most 64
  // "org/network": what this host itself sees when it asks at its own address. "": nothing, it is
  // refused.
  std::string host_network;
  friend bool operator==(const DnsConfig&, const DnsConfig&) = default;
};

// [machines]
struct MachinesConfig {
  std::string shim;  // absolute path of the machine shim; "" = beside sixpnd
  friend bool operator==(const MachinesConfig&, const MachinesConfig&) = default;
};

// [flycast]: how long and how often a client's connection is tried on machines, and how many are
// carried.
struct FlycastConfig {
  Duration deadline = std::chrono::seconds(30);        // then the client is reset; at most 5m
  Duration connect_timeout = std::chrono::seconds(1);  // of one attempt; at most `deadline`
  Duration idle_after = std::chrono::minutes(5);       // without a connection: may be stopped
  Duration drain = std::chrono::minutes(10);  // of what is open when the agent is replaced; 0..1h
  std::uint32_t loops = 0;                    // 1..4; 0: one for two processors
  std::uint32_t max_sessions = 8192;          // at once, 1..1048576
  std::uint32_t max_sessions_per_client = 2048;  // of one client address, at most max_sessions
  // Names of orgs: whose apps may replay requests to other networks of the org; and by org, the
  // other orgs whose apps may replay to its apps (docs/flycast.md).
  std::set<std::string> replay_across_networks;
  std::map<std::string, std::set<std::string>> replay_sources;
  friend bool operator==(const FlycastConfig&, const FlycastConfig&) = default;
};

// [trust]: the same on every host of a cluster.
struct TrustConfig {
  Duration certificate_grace = std::chrono::hours(7 * 24);  // an expired certificate cuts nothing
  friend bool operator==(const TrustConfig&, const TrustConfig&) = default;
};

// [registry]: of which networks this host holds the machines (docs/decisions/0019).
enum class Hold { kAll, kUsed };
std::string_view to_string(Hold hold);  // "all", "used"
struct RegistryConfig {
  Hold hold = Hold::kAll;  // used: of its machines' and peers' networks, and where Flycast leads to
  friend bool operator==(const RegistryConfig&, const RegistryConfig&) = default;
};

struct AgentConfig {
  std::string state_dir = "/var/lib/sixpn";  // absolute; keys, registry, machines
  std::string run_dir = "/run/sixpn";        // absolute; admin socket, locks: empty after a boot
  log::Level log_level = log::Level::kInfo;
  std::string join;  // token text, or "@/path/of/a/file" that holds it; "" = none
  Duration watchdog =
      std::chrono::seconds(30);  // a loop that hangs longer ends the agent; 0: never
  HostConfig host;
  WireGuardConfig wireguard;
  KnockConfig knock;
  DnsConfig dns;
  MachinesConfig machines;
  FlycastConfig flycast;
  TrustConfig trust;
  RegistryConfig registry;
  friend bool operator==(const AgentConfig&, const AgentConfig&) = default;
};

// Of the spare WireGuard device, while keys rotate: two above listen_port, and of the one that
// peers connect to, three above unless it is configured; or the next that no other socket of the
// agent has.
std::uint16_t spare_port(const AgentConfig& config);
std::uint16_t gateway_port(const AgentConfig& config);

// `file_name` only names the text in errors.
ConfigResult<AgentConfig> parse_agent_config(std::string_view text, std::string_view file_name);
// Errors beside those of the text: missing, unreadable, not a regular file, over 1 MiB.
ConfigResult<AgentConfig> load_agent_config(const std::string& path);

// What `join` or `--join` means: the text itself, or the trimmed content of the file after "@".
Result<std::string> read_token(std::string_view join);

}  // namespace sixpn::config
