// SqlQuery: one SELECT of an operator over a registry.db, read only, whether an agent runs on it or
// not. What is refused is refused by SQLite's authorizer before it runs: writing, attaching other
// files, extensions, settings. Bounded in rows, time and memory, so that a careless join harms
// nobody. Blocking; called by `sixpn registry sql`, never by the agent.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sixpn::registry {

struct SqlBounds {
  std::size_t rows = 10'000;
  Duration time = std::chrono::seconds(10);
};
inline constexpr std::int64_t kMaxSqlHeapBytes = std::int64_t{256} << 20;  // of the whole process
inline constexpr int kMaxSqlTextBytes = 64 * 1024;

struct SqlBlob {
  std::string bytes;
};
// NULL, integer, real, text, blob: SQLite's types.
using SqlCell = std::variant<std::monostate, std::int64_t, double, std::string, SqlBlob>;

struct SqlResult {
  std::vector<std::string> columns;
  std::vector<std::vector<SqlCell>> rows;
  bool cut = false;  // there are more rows than the bound
};

// Errors: no such file; what is wrong with the statement, with the place marked by a caret on a
// line of its own; what is refused; the bound of time.
Result<SqlResult> run_sql(const std::string& path, const std::string& sql,
                          const SqlBounds& bounds = {});

}  // namespace sixpn::registry
