#include "registry/io/sql_query.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <string_view>

#include "base/io/clock.h"

namespace sixpn::registry {
namespace {

constexpr int kBusyTimeoutMs = 1000;
constexpr int kStepsBetweenClocks = 10'000;  // of SQLite's virtual machine: well under 1 ms

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)>;
using Prepared = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

// ---- what is allowed

constexpr std::array<std::string_view, 5> kReadablePragmas = {
    "table_info", "table_xinfo", "table_list", "index_list", "user_version"};

bool may_use_pragma(const char* name, const char* argument) {
  std::string_view pragma = name == nullptr ? "" : name;
  if (pragma == "user_version" && argument != nullptr) return false;  // that would set it
  return std::find(kReadablePragmas.begin(), kReadablePragmas.end(), pragma) !=
         kReadablePragmas.end();
}

// SQLite asks for every table, column and function that a statement touches.
int authorize(void* refused, int action, const char* first, const char* second, const char*,
              const char*) {
  bool allowed = action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE;
  if (action == SQLITE_FUNCTION)
    allowed = second != nullptr && sqlite3_stricmp(second, "load_extension") != 0;
  if (action == SQLITE_PRAGMA) allowed = may_use_pragma(first, second);
  if (allowed) return SQLITE_OK;
  *static_cast<bool*>(refused) = true;
  return SQLITE_DENY;
}

int past_deadline(void* deadline) {
  return monotonic_now() > *static_cast<Instant*>(deadline) ? 1 : 0;
}

// ---- errors

// The line of `sql` that `offset` is in, and a caret below it.
std::string marked(const std::string& sql, int offset) {
  if (offset < 0 || static_cast<std::size_t>(offset) > sql.size()) return "";
  auto at = static_cast<std::size_t>(offset);
  std::size_t begin = at == 0 ? 0 : sql.rfind('\n', at - 1);
  begin = begin == std::string::npos || at == 0 ? 0 : begin + 1;
  std::size_t end = std::min(sql.find('\n', at), sql.size());
  std::string line = sql.substr(begin, end - begin);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  return "\n  " + line + "\n  " + std::string(at - begin, ' ') + "^";
}

Error statement_error(sqlite3* database, const std::string& sql, bool refused) {
  std::string why = sqlite3_errmsg(database);
  if (refused) why = "only reading is possible here: " + why;
  return Error("sql: " + why + marked(sql, sqlite3_error_offset(database)));
}

// ---- opening

std::string as_uri(const std::string& path) {
  std::string uri = "file:";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (unsigned char c : path) {
    if (std::isalnum(c) != 0 || c == '/' || c == '.' || c == '-' || c == '_') {
      uri += static_cast<char>(c);
    } else {
      uri += {'%', kHex[c >> 4U], kHex[c & 15U]};
    }
  }
  return uri;
}

bool has_journal(const std::string& path) {
  struct stat status {};
  return ::stat((path + "-wal").c_str(), &status) == 0 && status.st_size > 0;
}

int open_uri(const std::string& uri, Database& out) {
  sqlite3* database = nullptr;
  int code =
      sqlite3_open_v2(uri.c_str(), &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  out.reset(database);
  sqlite3_busy_timeout(database, kBusyTimeoutMs);
  if (code == SQLITE_OK)  // nothing is read before the first statement
    code = sqlite3_exec(database, "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr);
  return code;
}

// On a read-only folder SQLite cannot make the shared index that a journal needs. Without a journal
// the file alone is the whole truth, so it can be read as one that nobody changes.
Result<Database> open_read_only(const std::string& path) {
  Database database(nullptr, &sqlite3_close_v2);
  if (::access(path.c_str(), R_OK) != 0) return Error::from_errno("reading " + path);
  int code = open_uri(as_uri(path) + "?mode=ro", database);
  if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !has_journal(path))
    code = open_uri(as_uri(path) + "?mode=ro&immutable=1", database);
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)
    return Error("reading " + path +
                 ": its folder is read-only and its journal (-wal) is not empty: copy "
                 "both to another folder and name that with --state-dir");
  if (code != SQLITE_OK)
    return Error("reading " + path + ": " + std::string(sqlite3_errmsg(database.get())));
  return database;
}

void confine(sqlite3* database, bool& refused) {
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_exec(database, "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY", nullptr, nullptr,
               nullptr);
  sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, kMaxSqlTextBytes);
  sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_hard_heap_limit64(kMaxSqlHeapBytes);
  sqlite3_set_authorizer(database, authorize, &refused);
}

// ---- running

SqlCell cell(sqlite3_stmt* statement, int column) {
  auto bytes = [&](const void* start) {
    auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return start == nullptr ? std::string() : std::string(static_cast<const char*>(start), size);
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return bytes(sqlite3_column_text(statement, column));
    case SQLITE_BLOB:
      return SqlBlob{bytes(sqlite3_column_blob(statement, column))};
    default:
      return {};
  }
}

bool is_blank(std::string_view rest) {
  return std::all_of(rest.begin(), rest.end(),
                     [](unsigned char c) { return std::isspace(c) != 0 || c == ';'; });
}

Result<Prepared> prepare(sqlite3* database, const std::string& sql, const bool& refused) {
  sqlite3_stmt* made = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, &rest) !=
      SQLITE_OK)
    return statement_error(database, sql, refused);
  Prepared statement(made, &sqlite3_finalize);
  if (!statement) return Error("sql: there is no statement");
  auto used = static_cast<std::size_t>(rest - sql.data());
  if (!is_blank(std::string_view(sql).substr(used)))
    return Error("sql: one statement at a time" + marked(sql, static_cast<int>(used)));
  if (sqlite3_column_count(made) == 0 || sqlite3_stmt_readonly(made) == 0)
    return Error("sql: only reading is possible here");
  return statement;
}

// Two columns of one name would hide one another in JSON: the second is "name:2".
std::vector<std::string> column_names(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    std::string name = sqlite3_column_name(statement, i);
    std::string unique = name;
    for (int n = 2; std::find(names.begin(), names.end(), unique) != names.end(); ++n)
      unique = name + ":" + std::to_string(n);
    names.push_back(std::move(unique));
  }
  return names;
}

}  // namespace

Result<SqlResult> run_sql(const std::string& path, const std::string& sql,
                          const SqlBounds& bounds) {
  auto opened = open_read_only(path);
  if (!opened) return std::move(opened).error();
  sqlite3* database = opened->get();
  bool refused = false;
  Instant deadline = monotonic_now() + bounds.time;
  confine(database, refused);
  auto statement = prepare(database, sql, refused);
  if (!statement) return std::move(statement).error();
  sqlite3_progress_handler(database, kStepsBetweenClocks, past_deadline, &deadline);

  SqlResult result;
  result.columns = column_names(statement->get());
  int step = sqlite3_step(statement->get());
  for (; step == SQLITE_ROW; step = sqlite3_step(statement->get())) {
    if (result.rows.size() == bounds.rows) {
      result.cut = true;
      return result;
    }
    auto& row = result.rows.emplace_back();
    for (std::size_t i = 0; i < result.columns.size(); ++i)
      row.push_back(cell(statement->get(), static_cast<int>(i)));
  }
  if (step == SQLITE_INTERRUPT)
    return Error(
        "sql: stopped after " +
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(bounds.time).count()) +
        " seconds (--timeout allows more)");
  if (step == SQLITE_NOMEM)
    return Error("sql: it needs more than " + std::to_string(kMaxSqlHeapBytes >> 20) +
                 " MiB of memory");
  if (step != SQLITE_DONE) return statement_error(database, sql, refused);
  return result;
}

}  // namespace sixpn::registry
