#include "machine/core/run_request.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <csignal>

#include "registry/core/record.h"
#include "registry/core/region.h"

namespace sixpn::machine {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 7> kSignals{{{SIGHUP, "HUP"},
                                                                    {SIGINT, "INT"},
                                                                    {SIGQUIT, "QUIT"},
                                                                    {SIGKILL, "KILL"},
                                                                    {SIGUSR1, "USR1"},
                                                                    {SIGUSR2, "USR2"},
                                                                    {SIGTERM, "TERM"}}};

// Metadata that is a machine's process group, in the order of what counts.
constexpr std::array<std::string_view, 2> kGroupKeys{"fly_process_group", "process_group"};

bool is_same_key(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_metadata_key(std::string_view key) {
  return !key.empty() && key.size() <= kMaxMetadataKey &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
         });
}

Error bad(std::string_view field, std::string_view value, std::string_view expected) {
  return Error(std::string(field) + " \"" + std::string(value) + "\": expected " +
               std::string(expected));
}

Result<void> validate_metadata(const std::map<std::string, std::string>& metadata) {
  if (metadata.size() > kMaxMetadataEntries)
    return Error("metadata: at most " + std::to_string(kMaxMetadataEntries) + " entries");
  for (const auto& [key, value] : metadata) {
    if (!is_metadata_key(key))
      return bad("metadata key", key, "1 to 63 letters, digits, '_' or '-'");
    if (value.empty() || value.size() > kMaxMetadataValue || !is_printable(value))
      return bad("metadata value of " + key, value, "1 to 255 characters, none of them control");
  }
  return {};
}

Result<void> validate(const Placement& placement) {
  constexpr std::string_view kLabel = "a name of a-z, 0-9 and '-', at most 63 characters";
  if (!is_dns_label(placement.app)) return bad("app", placement.app, kLabel);
  if (!is_dns_label(placement.group)) return bad("group", placement.group, kLabel);
  if (placement.network == kInfrastructureNetwork) return Error("network: none given");
  if (!placement.primary_region.empty() && !is_region(placement.primary_region))
    return bad("primary region", placement.primary_region,
               expected_region(placement.primary_region));
  return validate_metadata(placement.metadata);
}

Result<void> validate_environment(const std::map<std::string, std::string>& env) {
  if (env.size() > kMaxEnvironmentEntries)
    return Error("env: at most " + std::to_string(kMaxEnvironmentEntries) + " variables");
  std::size_t bytes = 0;
  for (const auto& [key, value] : env) {
    if (key.empty() || key.find('=') != std::string::npos || !is_printable(key))
      return bad("env key", key, "a name without '='");
    if (key.starts_with("FLY_"))
      return Error("env key \"" + key + "\": names that begin with FLY_ are set by the platform");
    if (has_nul(value)) return Error("env " + key + ": the value contains a NUL byte");
    bytes += key.size() + value.size() + 2;
  }
  if (bytes > kMaxEnvironmentBytes)
    return Error("env: at most " + std::to_string(kMaxEnvironmentBytes) + " bytes");
  return {};
}

Result<void> validate_command(const std::vector<std::string>& command) {
  if (command.empty() || command.front().empty())
    return Error("command: empty; give the program to run");
  std::size_t bytes = 0;
  for (const auto& argument : command) {
    if (has_nul(argument)) return Error("command: an argument contains a NUL byte");
    bytes += argument.size() + 1;
  }
  if (bytes > kMaxCommandBytes)
    return Error("command: at most " + std::to_string(kMaxCommandBytes) + " bytes");
  return {};
}

Result<void> validate_resolver(const ResolverConfig& resolver) {
  auto is_word = [](const std::string& word) {
    return !word.empty() && word.size() <= 255 && is_printable(word) &&
           word.find(' ') == std::string::npos;
  };
  for (const auto& search : resolver.searches)
    if (!is_word(search)) return bad("dns search", search, "a domain name");
  for (const auto& option : resolver.options)
    if (!is_word(option)) return bad("dns option", option, "one word, as ndots:1");
  return {};
}

Result<void> validate(const ProcessSpec& process) {
  if (auto checked = validate_command(process.command); !checked) return checked;
  if (auto checked = validate_environment(process.env); !checked) return checked;
  if (!process.cwd.empty() && (process.cwd.front() != '/' || has_nul(process.cwd)))
    return bad("cwd", process.cwd, "an absolute path");
  if (has_nul(process.user)) return bad("user", process.user, "a name, uid or uid:gid");
  if (!parse_signal(process.kill_signal))
    return bad("kill_signal", process.kill_signal,
               "SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, "
               "SIGUSR2 or SIGKILL");
  if (process.kill_timeout < Duration::zero() || process.kill_timeout > kMaxKillTimeout)
    return Error("kill_timeout: expected 0 to 300 seconds");
  return validate_resolver(process.resolver);
}

}  // namespace

void settle_group(std::string_view asked, Placement& placement) {
  std::vector<std::string*> said;
  for (auto known : kGroupKeys)
    for (auto& [key, value] : placement.metadata)
      if (is_same_key(key, known)) said.push_back(&value);
  if (!asked.empty())
    placement.group = asked;
  else if (!said.empty())
    placement.group = *said.front();
  for (std::string* value : said) *value = placement.group;
}

Result<void> validate(const RunRequest& request) {
  if (auto checked = validate(request.placement); !checked) return checked;
  return validate(request.process);
}

Result<void> validate(const AttachRequest& request) {
  if (request.netns_path.empty() || request.netns_path.front() != '/' ||
      has_nul(request.netns_path))
    return bad("netns", request.netns_path, "the absolute path of a network namespace");
  return validate(request.placement);
}

std::optional<int> parse_signal(std::string_view text) {
  std::string name(text);
  for (auto& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& [number, known] : kSignals)
    if (name == known || name == std::to_string(number)) return number;
  return std::nullopt;
}

std::string signal_name(int signal) {
  for (const auto& [number, known] : kSignals)
    if (number == signal) return "SIG" + std::string(known);
  return "signal " + std::to_string(signal);
}

}  // namespace sixpn::machine
