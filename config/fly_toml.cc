#include "config/fly_toml.h"

#include <fmt/format.h>

#include "config/config_file.h"
#include "config/fly_checks.h"
#include "config/fly_services.h"
#include "config/table_reader.h"
#include "config/toml_document.h"
#include "registry/core/region.h"

namespace sixpn::config {

namespace {

constexpr Duration kMaxKillTimeout = std::chrono::seconds(300);
constexpr std::string_view kReservedPrefix = "FLY_";

void read_name(TableReader& file, std::string& out) {
  auto name = file.string("app");
  if (!name) return;
  if (is_dns_label(name->value))
    out = name->value;
  else
    file.error(name->at, "app",
               fmt::format("expected a DNS label (a-z, 0-9 and '-', at most 63), found \"{}\"",
                           name->value));
}

void read_region(TableReader& file, std::string& out) {
  auto region = file.string("primary_region");
  if (!region) return;
  if (is_region(region->value))
    out = region->value;
  else
    file.error(
        region->at, "primary_region",
        fmt::format("expected {}, found \"{}\"", expected_region(region->value), region->value));
}

void read_kill(TableReader& file, FlyToml& out) {
  if (auto signal = file.word("kill_signal", {"SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2",
                                              "SIGHUP", "SIGKILL"}))
    out.kill_signal = signal->value;
  if (auto timeout = file.duration("kill_timeout", kMaxKillTimeout))
    out.kill_timeout = timeout->value;
}

void read_processes(TableReader processes, std::map<std::string, std::string>& out) {
  for (const TomlEntry& entry : processes.entries()) {
    const auto* command = std::get_if<std::string>(&entry.value.value);
    if (!is_dns_label(entry.key))
      processes.error(entry.key_at, entry.key,
                      "a process group's name is a DNS label (a-z, 0-9 and '-', at most 63): it is "
                      "part of <group>.process.<app>.internal");
    else if (command == nullptr)
      processes.error(
          entry.value.at, entry.key,
          fmt::format("expected a command as a string, found {}", describe(entry.value)));
    else
      out[entry.key] = *command;
  }
}

// Strings as they are; numbers and truth values as text, as Fly does.
std::optional<std::string> env_text(const TomlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value.value))
    return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value.value)) return fmt::format("{}", *real);
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag ? "true" : "false";
  return std::nullopt;
}

void read_env(TableReader env, std::map<std::string, std::string>& out) {
  for (const TomlEntry& entry : env.entries()) {
    std::optional<std::string> text = env_text(entry.value);
    bool has_nul = text && text->find('\0') != std::string::npos;
    if (entry.key.empty() || entry.key.find_first_of(std::string("=\0", 2)) != std::string::npos)
      env.error(entry.key_at, entry.key, "a variable's name is not empty and has no \"=\"");
    else if (entry.key.starts_with(kReservedPrefix))
      env.error(entry.key_at, entry.key, "names that begin with FLY_ are reserved");
    else if (!text || has_nul)
      env.error(entry.value.at, entry.key,
                fmt::format("expected a string, a number, true or false, found {}",
                            has_nul ? "a string with a zero byte" : describe(entry.value)));
    else
      out[entry.key] = *text;
  }
}

// Valid in a fly.toml; sixpn builds no images and keeps no volumes.
void accept_other_sections(TableReader& file) {
  for (std::string_view key :
       {"build", "deploy", "mounts", "mount", "vm", "machine_checks", "statics", "metrics", "files",
        "restart", "experimental", "swap_size_mb", "console_command", "host_dedication_id",
        "machine_config", "container", "containers"})
    file.accept_unused(key);
}

FlyToml read_fly_toml(TableReader file) {
  FlyToml config;
  read_name(file, config.app);
  read_region(file, config.primary_region);
  read_kill(file, config);
  if (auto processes = file.table("processes")) read_processes(*processes, config.processes);
  if (auto env = file.table("env")) read_env(*env, config.env);
  config.services = read_services(file, config.processes);
  if (auto checks = file.table("checks"))
    config.checks = read_app_checks(*checks, config.processes);
  accept_other_sections(file);
  file.report_unknown_keys();
  return config;
}

}  // namespace

ConfigResult<FlyToml> parse_fly_toml(std::string_view text, std::string_view file_name) {
  ConfigResult<TomlTable> document = parse_toml(text, file_name);
  if (!document) return document.errors();
  Findings findings{std::string(file_name), {}, {}};
  FlyToml config = read_fly_toml(TableReader(*document, {1, 1}, "", findings));
  findings.sort();
  if (!findings.errors.empty()) return findings.errors;
  config.notes = std::move(findings.notes);
  return config;
}

ConfigResult<FlyToml> load_fly_toml(const std::string& path) {
  ConfigResult<std::string> text = read_config_file(path);
  if (!text) return text.errors();
  return parse_fly_toml(*text, path);
}

}  // namespace sixpn::config
