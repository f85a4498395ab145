#include "config/fly_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/duration_text.h"
#include "registry/core/service_rules.h"

namespace sixpn::config {
namespace {

using registry::kMaxCheckTime;
using registry::kMinCheckTime;

constexpr std::int64_t kMaxMilliseconds = 1'000'000'000;
constexpr std::string_view kDefaultGroup = "app";

// A duration such as "5s", or a whole number of milliseconds, as in Fly.
std::optional<Read<Duration>> read_time(TableReader& table, std::string_view key) {
  const TomlEntry* entry = table.find(key);
  if (entry == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&entry->value.value))
    if (auto parsed = parse_duration(*text)) return {{*parsed, entry->value.at}};
  const auto* ms = std::get_if<std::int64_t>(&entry->value.value);
  if (ms != nullptr && *ms >= 0 && *ms <= kMaxMilliseconds)
    return {{std::chrono::milliseconds(*ms), entry->value.at}};
  table.error(
      entry->value.at, key,
      fmt::format("expected a duration such as \"5s\" or a number of milliseconds, found {}",
                  describe(entry->value)));
  return std::nullopt;
}

void read_clamped(TableReader& table, std::string_view key, Duration& out) {
  auto read = read_time(table, key);
  if (!read) return;
  out = std::clamp(read->value, kMinCheckTime, kMaxCheckTime);
  if (out != read->value)
    table.note(read->at, key,
               fmt::format("{} is taken as {}: it must be {} to {}", to_string(read->value),
                           to_string(out), to_string(kMinCheckTime), to_string(kMaxCheckTime)));
}

// None at all is a grace period too.
void read_grace(TableReader& table, Duration& out) {
  const TomlEntry* entry = table.find("grace_period");
  if (entry == nullptr) return;
  auto read = read_time(table, "grace_period");
  if (read && read->value == Duration::zero())
    out = Duration::zero();
  else if (read)
    read_clamped(table, "grace_period", out);
}

void read_headers(TableReader& table, ServiceCheck& check) {
  auto headers = table.table("headers");
  if (!headers) return;
  for (const TomlEntry& entry : headers->entries()) {
    const auto* value = std::get_if<std::string>(&entry.value.value);
    if (value == nullptr || !registry::is_header_value(*value))
      headers->error(entry.value.at, entry.key,
                     fmt::format("expected a header's value, found {}", describe(entry.value)));
    else if (!registry::is_header_name(entry.key))
      headers->error(entry.key_at, entry.key, "is no header's name");
    else
      check.headers.push_back({entry.key, *value});
  }
  if (check.headers.size() > registry::kMaxHeadersPerCheck)
    headers->error(headers->at(), "",
                   fmt::format("expected at most {} headers", registry::kMaxHeadersPerCheck));
}

void read_request(TableReader& table, ServiceCheck& check) {
  check.method = "GET";
  check.path = "/";
  if (auto method = table.string("method")) {
    check.method = method->value;
    std::transform(check.method.begin(), check.method.end(), check.method.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    if (!registry::is_header_name(check.method))
      table.error(method->at, "method",
                  fmt::format("expected a method such as \"GET\", found \"{}\"", method->value));
  }
  if (auto path = table.string("path")) {
    check.path = path->value;
    if (!registry::is_request_path(check.path))
      table.error(path->at, "path",
                  fmt::format("expected a path such as \"/up\", found \"{}\"", path->value));
  }
  auto protocol = table.word("protocol", {"http", "https"});
  check.tls = protocol && protocol->value == "https";
  if (auto skip = table.boolean("tls_skip_verify")) check.tls_skip_verify = skip->value;
  if (auto name = table.string("tls_server_name")) {
    check.tls_server_name = name->value;
    if (!registry::is_header_value(name->value))
      table.error(name->at, "tls_server_name", "expected a server's name");
  }
  read_headers(table, check);
}

// "command" with "args", as Fly once had them; or "command" as a list of words.
void read_command(TableReader& table, ServiceCheck& check) {
  const TomlEntry* entry = table.find("command");
  if (entry == nullptr) return table.error(table.at(), "command", "is required");
  if (const auto* program = std::get_if<std::string>(&entry->value.value)) {
    check.command.push_back(*program);
    for (auto& word : table.strings("args")) check.command.push_back(std::move(word.value));
  } else {
    for (auto& word : table.strings("command")) check.command.push_back(std::move(word.value));
  }
  bool fits = !check.command.empty() && !check.command.front().empty() &&
              check.command.size() <= registry::kMaxCommandWords &&
              std::all_of(check.command.begin(), check.command.end(), [](const std::string& word) {
                return word.size() <= registry::kMaxServiceTextBytes &&
                       word.find('\0') == std::string::npos;
              });
  if (!fits)
    table.error(entry->value.at, "command",
                fmt::format("expected a program and its arguments, at most {} words of {} bytes",
                            registry::kMaxCommandWords, registry::kMaxServiceTextBytes));
}

ServiceCheck read_check(TableReader& table, CheckKind kind) {
  ServiceCheck check;
  check.kind = kind;
  read_clamped(table, "interval", check.interval);
  read_clamped(table, "timeout", check.timeout);
  read_grace(table, check.grace);
  if (kind == CheckKind::kHttp) read_request(table, check);
  if (kind == CheckKind::kScript) read_command(table, check);
  // Of Fly's first years; it never restarts anything any more.
  table.accept_unused("restart_limit");
  table.report_unknown_keys();
  return check;
}

void read_within(TableReader& table, std::string_view key, Duration least, Duration most,
                 Duration& out) {
  auto read = read_time(table, key);
  if (!read) return;
  out = read->value;
  if (out < least || out > most)
    table.error(read->at, key,
                fmt::format("expected {} to {}, found {}", to_string(least), to_string(most),
                            to_string(out)));
}

AppCheck read_app_check(TableReader& table, std::string name,
                        const std::map<std::string, std::string>& processes) {
  AppCheck out;
  out.name = std::move(name);
  ServiceCheck& check = out.check;
  auto type = table.word("type", {"tcp", "http"});
  if (type && type->value == "http") check.kind = CheckKind::kHttp;
  if (table.find("type") == nullptr) table.error(table.at(), "type", "is required: tcp or http");
  auto kind = table.word("kind", {"informational", "readiness"});
  out.readiness = kind && kind->value == "readiness";
  auto port = table.integer("port", 1, 65535);
  if (port) out.port = static_cast<std::uint16_t>(port->value);
  if (table.find("port") == nullptr)
    table.error(table.at(), "port", "is required: where the machine is asked");
  read_within(table, "interval", registry::kMinAppCheckInterval, registry::kMaxAppCheckTime,
              check.interval);
  read_within(table, "timeout", registry::kMinAppCheckTimeout, kMaxCheckTime, check.timeout);
  read_within(table, "grace_period", Duration::zero(), registry::kMaxAppCheckTime, check.grace);
  if (check.kind == CheckKind::kHttp) read_request(table, check);
  read_groups(table, processes, out.groups);
  table.accept_unused("restart_limit");
  table.report_unknown_keys();
  return out;
}

}  // namespace

std::vector<AppCheck> read_app_checks(TableReader& checks,
                                      const std::map<std::string, std::string>& processes) {
  std::vector<AppCheck> out;
  for (const TomlEntry& entry : checks.entries()) {
    auto table = checks.table(entry.key);
    if (!table) continue;
    if (!registry::is_check_name(entry.key))
      checks.error(entry.key_at, entry.key,
                   fmt::format("a check's name is 1 to {} letters, digits, '-', '_' and '.'",
                               registry::kMaxCheckNameBytes));
    out.push_back(read_app_check(*table, entry.key, processes));
  }
  if (out.size() > registry::kMaxAppChecks)
    checks.error(checks.at(), "",
                 fmt::format("expected at most {} checks", registry::kMaxAppChecks));
  return out;
}

void read_groups(TableReader& table, const std::map<std::string, std::string>& processes,
                 std::vector<std::string>& out) {
  for (const Read<std::string>& group : table.strings("processes")) {
    bool known = processes.empty() ? group.value == kDefaultGroup : processes.contains(group.value);
    if (!known)
      table.error(group.at, "processes",
                  fmt::format("there is no process group \"{}\" in [processes]", group.value));
    else if (std::find(out.begin(), out.end(), group.value) != out.end())
      table.error(group.at, "processes", fmt::format("\"{}\" is there twice", group.value));
    else
      out.push_back(group.value);
  }
}

void read_checks(TableReader& service, std::string_view key, CheckKind kind,
                 std::vector<ServiceCheck>& out) {
  for (TableReader& table : service.tables(key)) {
    out.push_back(read_check(table, kind));
    if (out.size() == registry::kMaxChecksPerService + 1)
      service.error(table.at(), key,
                    fmt::format("a service has at most {} checks", registry::kMaxChecksPerService));
  }
}

}  // namespace sixpn::config
