#include "tools/cli/registry_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <iterator>

#include "base/encoding.h"
#include "registry/io/sql_query.h"
#include "tools/cli/api_client.h"
#include "tools/cli/held_note.h"
#include "tools/cli/json_view.h"
#include "tools/cli/table.h"

namespace sixpn::cli {

namespace json = boost::json;

namespace {

struct CellText {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const { return fmt::format("{}", number); }
  std::string operator()(const std::string& text) const { return printable(text); }
  std::string operator()(const registry::SqlBlob& blob) const { return to_hex(blob.bytes); }
};

struct CellJson {
  json::value operator()(std::monostate) const { return nullptr; }
  json::value operator()(std::int64_t number) const { return number; }
  json::value operator()(double number) const { return number; }
  json::value operator()(const std::string& text) const { return json::value(text); }
  json::value operator()(const registry::SqlBlob& blob) const {
    return json::value(to_hex(blob.bytes));
  }
};

std::string as_table(const registry::SqlResult& result) {
  std::vector<std::string> headings = result.columns;
  for (auto& heading : headings) {
    heading = printable(std::move(heading));
    std::transform(heading.begin(), heading.end(), heading.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  }
  Table table(std::move(headings));
  for (const auto& row : result.rows) {
    std::vector<std::string> cells;
    for (const auto& cell : row) cells.push_back(std::visit(CellText{}, cell));
    table.add(std::move(cells));
  }
  return table.text();
}

json::array as_json(const registry::SqlResult& result) {
  json::array rows;
  for (const auto& row : result.rows) {
    json::object object;
    for (std::size_t i = 0; i < row.size(); ++i)
      object[result.columns[i]] = std::visit(CellJson{}, row[i]);
    rows.push_back(std::move(object));
  }
  return rows;
}

std::string statement_of(const RegistrySqlOptions& options) {
  if (!options.sql.empty() && options.sql != "-") return options.sql;
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

// Without an agent to ask which host this is.
bool some_host_holds_less(const RegistrySqlOptions& options) {
  auto found = registry::run_sql(options.state_dir + "/registry.db",
                                 "SELECT 1 FROM interests WHERE holds = 'used' LIMIT 1",
                                 {1, options.timeout});
  return found && !found->rows.empty();
}

}  // namespace

CommandResult query_registry(CommandContext& context, const RegistrySqlOptions& options) {
  registry::SqlBounds bounds{options.limit, options.timeout};
  auto result =
      registry::run_sql(options.state_dir + "/registry.db", statement_of(options), bounds);
  if (!result) return result.error();
  context.out << (context.json ? pretty(as_json(*result)) : as_table(*result));
  if (result->cut)
    context.err << fmt::format("Only the first {} rows; --limit allows more.\n", options.limit);
  if (!note_unheld(context) && some_host_holds_less(options))
    context.err << "Hosts of this cluster hold only what they use ([registry] hold = \"used\"); if "
                   "this one does, machines of other networks are not in its registry.\n";
  return ExitCode::kOk;
}

namespace {

// "state: started -> stopped, health: passing -> critical" of two values of one key.
std::string difference(const JsonView& old, const JsonView& now, const json::value& raw_old,
                       const json::value& raw_now) {
  std::string text;
  for (const auto& [key, member] : now.members()) {
    const json::value* before = raw_old.as_object().if_contains(key);
    const json::value& after = raw_now.as_object().at(key);
    if (before != nullptr && *before == after) continue;
    bool plain = after.is_string() && before != nullptr && before->is_string();
    text += text.empty() ? "" : ", ";
    text += plain ? key + ": " + old[key].text() + " -> " + member.text() : key + " changed";
  }
  return text;
}

// What a person wants to see first of a value.
std::string gist(const JsonView& value) {
  std::string text;
  for (const char* key : {"name", "app", "region", "state", "status", "address"})
    if (std::string word = value[key].text(); !word.empty())
      text += (text.empty() ? "" : " ") + word;
  return text;
}

// One line of the agent as text; "" for those that a person need not see.
std::string watch_text(const json::value& line) {
  JsonView view(line);
  const std::string type = view["type"].text();
  const std::string key = view["key"].text();
  std::string text;
  if (type == "value") {
    text = "  " + key + "  " + gist(view["value"]);
  } else if (type == "change") {
    bool is_new = view["old"].is_null();
    bool gone = view["new"].is_null();
    text = is_new ? "+ " : gone ? "- " : "~ ";
    text += key + "  ";
    bool both = !is_new && !gone && line.at("old").is_object() && line.at("new").is_object();
    text += both ? difference(view["old"], view["new"], line.at("old"), line.at("new"))
                 : gist(gone ? view["old"] : view["new"]);
  } else if (type == "held") {
    text = view["held"].flag() ? "# all machines of network " + view["network"].text() + ":"
                               : "# machines of network " + view["network"].text() +
                                     " are not held here, and not shown";
  } else if (type == "state" && !view["reason"].text().empty()) {
    text = "# the whole state again: " + view["reason"].text();
  }
  return text.empty() ? "" : printable(std::move(text)) + "\n";
}

}  // namespace

CommandResult watch_registry(CommandContext& context, const RegistryWatchOptions& options) {
  ApiTarget target("/v1/registry/watch");
  target.query("network", options.network).query("org", options.org).query("from", options.from);
  std::string ended;
  auto done = ApiClient(context.socket_path).stream(target, [&](std::string_view line) {
    boost::system::error_code malformed;
    json::value parsed = json::parse({line.data(), line.size()}, malformed);
    if (malformed || !parsed.is_object()) return true;  // of a newer agent, perhaps
    if (JsonView(parsed)["type"].text() == "end") ended = JsonView(parsed)["reason"].text();
    if (context.json) {
      context.out << line << "\n";
    } else {
      context.out << watch_text(parsed);
    }
    context.out.flush();
    return context.out.good();
  });
  if (!done) return done.error();
  if (!ended.empty()) return Error(ended);
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
