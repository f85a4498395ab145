// What a user asks for: to run a command as a machine, or to attach a network namespace that
// someone else made. Values and their validation; pure. The agent fills them from its API (app and
// network are looked up there), the machine service checks them here before anything is touched.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"

namespace sixpn::machine {

// Bounds of a request. Together they keep a machine's record inside registry::kMaxRecordBytes and
// its environment inside what execve takes.
inline constexpr std::size_t kMaxMetadataEntries = 32;
inline constexpr std::size_t kMaxMetadataKey = 63;  // a DNS label
inline constexpr std::size_t kMaxMetadataValue =
    255;  // a TXT string; answers to names only up to 63
inline constexpr std::size_t kMaxCommandBytes = 64 * 1024;
inline constexpr std::size_t kMaxEnvironmentEntries = 1024;
inline constexpr std::size_t kMaxEnvironmentBytes = 128 * 1024;

// fly.toml: kill_signal, kill_timeout.
inline constexpr Duration kDefaultKillTimeout = std::chrono::seconds(5);
inline constexpr Duration kMaxKillTimeout = std::chrono::seconds(300);

// Where a machine belongs. `org` and `network_name` are for people; the ids decide.
struct Placement {
  std::string app;
  std::string org;
  NetworkId network;
  std::string network_name = "default";
  std::string primary_region;  // of the app; "" when it has none
  std::string group = "app";
  std::map<std::string, std::string> metadata;
  bool skip_dns = false;
  friend bool operator==(const Placement&, const Placement&) = default;
};

// resolv.conf beyond the default (nameserver fdaa::3): fly.md 6.3, config.dns.
struct ResolverConfig {
  std::vector<Ip6> nameservers;  // empty: fdaa::3
  std::vector<std::string> searches;
  std::vector<std::string> options;
  friend bool operator==(const ResolverConfig&, const ResolverConfig&) = default;
};

// How a process is started and asked to end.
struct ProcessSpec {
  std::vector<std::string> command;  // program (looked up in PATH) and arguments
  std::map<std::string, std::string> env;
  std::string cwd;   // absolute; "" is /
  std::string user;  // name, or "uid" or "uid:gid"; "" is root
  std::string kill_signal = "SIGINT";
  Duration kill_timeout = kDefaultKillTimeout;
  ResolverConfig resolver;
  friend bool operator==(const ProcessSpec&, const ProcessSpec&) = default;
};

// Process group and metadata say the same: fly.md 2.2. A group that was asked for (not "") goes
// into the metadata keys for it, where these are; else the key fly_process_group, or its older name
// process_group, is the group; else it is "app". Keys in any case, as names have none.
void settle_group(std::string_view asked, Placement& placement);

struct RunRequest {
  Placement placement;
  ProcessSpec process;
};

struct AttachRequest {
  Placement placement;
  std::string netns_path;  // absolute, e.g. /run/netns/blue or /proc/4711/ns/net
};

// Errors name the field, the value and what was expected; the first found is reported.
Result<void> validate(const RunRequest& request);
Result<void> validate(const AttachRequest& request);

// "SIGINT", "INT" or "2", any case, for the signals that may end a machine: HUP INT QUIT KILL USR1
// USR2 TERM. Nothing for others.
std::optional<int> parse_signal(std::string_view text);
std::string signal_name(int signal);  // "SIGINT"; "signal 77" when it has no name here

}  // namespace sixpn::machine
