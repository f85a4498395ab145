#include "tools/cli/registry_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <iterator>

#include "base/encoding.h"
#include "registry/io/sql_query.h"
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

}  // namespace

CommandResult query_registry(CommandContext& context, const RegistrySqlOptions& options) {
  registry::SqlBounds bounds{options.limit, options.timeout};
  auto result =
      registry::run_sql(options.state_dir + "/registry.db", statement_of(options), bounds);
  if (!result) return result.error();
  context.out << (context.json ? pretty(as_json(*result)) : as_table(*result));
  if (result->cut)
    context.err << fmt::format("Only the first {} rows; --limit allows more.\n", options.limit);
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
