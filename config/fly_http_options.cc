#include "config/fly_http_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "registry/core/service_rules.h"

namespace sixpn::config {
namespace {

using registry::kMaxServiceTime;

constexpr std::int64_t kMaxSeconds =
    std::chrono::duration_cast<std::chrono::seconds>(kMaxServiceTime).count();
constexpr std::int64_t kMinTtlSeconds =
    std::chrono::duration_cast<std::chrono::seconds>(registry::kMinReplayCacheTtl).count();

// What a header becomes: `false` removes it, a string or a list of strings sets it.
std::optional<std::vector<std::string>> edited_values(const TomlValue& value) {
  if (const auto* flag = std::get_if<bool>(&value.value); flag != nullptr && !*flag)
    return std::vector<std::string>{};
  if (const auto* text = std::get_if<std::string>(&value.value))
    return std::vector<std::string>{*text};
  const auto* list = std::get_if<TomlArray>(&value.value);
  if (list == nullptr || list->empty() || list->size() > registry::kMaxHeaderEditValues)
    return std::nullopt;
  std::vector<std::string> values;
  for (const TomlValue& item : *list) {
    const auto* text = std::get_if<std::string>(&item.value);
    if (text == nullptr) return std::nullopt;
    values.push_back(*text);
  }
  return values;
}

void read_header_edits(TableReader& table, std::vector<HeaderEdit>& out) {
  for (const TomlEntry& entry : table.entries()) {
    auto values = edited_values(entry.value);
    bool sound = values && std::all_of(values->begin(), values->end(), registry::is_header_value);
    if (!registry::is_header_name(entry.key))
      table.error(entry.key_at, entry.key, "is no header's name");
    else if (!sound)
      table.error(entry.value.at, entry.key,
                  fmt::format("expected false (remove it), a header's value, or 1 to {} of them, "
                              "found {}",
                              registry::kMaxHeaderEditValues, describe(entry.value)));
    else
      out.push_back({entry.key, *values});
  }
  if (out.size() > registry::kMaxHeaderEdits)
    table.error(table.at(), "",
                fmt::format("expected at most {} headers", registry::kMaxHeaderEdits));
}

void read_response(TableReader& options, HttpOptions& out) {
  auto response = options.table("response");
  if (!response) return;
  if (auto pristine = response->boolean("pristine")) out.pristine = pristine->value;
  if (auto headers = response->table("headers")) read_header_edits(*headers, out.response_headers);
  response->report_unknown_keys();
}

void read_replay_rule(TableReader& table, std::vector<ReplayCacheRule>& out) {
  ReplayCacheRule rule;
  if (auto path = table.string("path_prefix")) {
    rule.path_prefix = path->value;
    if (!registry::is_request_path(path->value))
      table.error(path->at, "path_prefix",
                  fmt::format("expected a path such as \"/\", found \"{}\"", path->value));
  }
  auto ttl = table.integer("ttl_seconds", kMinTtlSeconds, kMaxSeconds);
  if (ttl) rule.ttl = std::chrono::seconds(ttl->value);
  if (table.find("ttl_seconds") == nullptr) table.error(table.at(), "ttl_seconds", "is required");
  auto type = table.word("type", {"cookie", "header"});
  rule.by_header = type && type->value == "header";
  if (table.find("type") == nullptr)
    table.error(table.at(), "type", "is required: \"cookie\" or \"header\"");
  auto name = table.string("name");
  if (name) rule.name = name->value;
  if (name ? !registry::is_header_name(name->value) : table.find("name") == nullptr)
    table.error(name ? name->at : table.at(), "name",
                "is required: the name of the cookie or header");
  if (auto allow = table.boolean("allow_bypass")) rule.allow_bypass = allow->value;
  table.report_unknown_keys();
  out.push_back(std::move(rule));
}

void read_seconds(TableReader& table, std::string_view key, Duration& out) {
  if (auto seconds = table.integer(key, 1, kMaxSeconds)) out = std::chrono::seconds(seconds->value);
}

}  // namespace

void read_http_options(TableReader& port, HttpOptions& out) {
  auto options = port.table("http_options");
  if (!options) return;
  if (auto compress = options->boolean("compress")) out.compress = compress->value;
  if (auto h2 = options->boolean("h2_backend")) out.h2_backend = h2->value;
  read_seconds(*options, "idle_timeout", out.idle_timeout);
  read_seconds(*options, "headers_read_timeout", out.headers_read_timeout);
  read_response(*options, out);
  for (TableReader& rule : options->tables("replay_cache"))
    read_replay_rule(rule, out.replay_cache);
  if (out.replay_cache.size() > registry::kMaxReplayCacheRules)
    options->error(options->at(), "replay_cache",
                   fmt::format("expected at most {} rules", registry::kMaxReplayCacheRules));
  options->report_unknown_keys();
}

}  // namespace sixpn::config
