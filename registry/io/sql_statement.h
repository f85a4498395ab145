// SqlStatement: one prepared SQLite statement, finalised at the end of its scope. Not a query
// layer: it only saves each caller the C calls. Used by registry/io alone, on the thread of its
// database connection.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sixpn::registry {

class SqlStatement {
 public:
  // False as a bool when `sql` does not compile; sqlite3_errmsg(database) says why.
  SqlStatement(sqlite3* database, std::string_view sql) {
    sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  ~SqlStatement() { sqlite3_finalize(statement_); }
  SqlStatement(const SqlStatement&) = delete;
  SqlStatement& operator=(const SqlStatement&) = delete;

  explicit operator bool() const { return statement_ != nullptr; }

  // Parameters count from 1. Text and blobs are bound without a copy: they must outlive step().
  void bind(int parameter, std::int64_t value) { sqlite3_bind_int64(statement_, parameter, value); }
  void bind_null(int parameter) { sqlite3_bind_null(statement_, parameter); }
  void bind_text(int parameter, std::string_view text) {
    sqlite3_bind_text(statement_, parameter, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
  }
  void bind_blob(int parameter, std::string_view bytes) {
    sqlite3_bind_blob(statement_, parameter, bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_STATIC);
  }
  int step() { return sqlite3_step(statement_); }
  void reset() { sqlite3_reset(statement_); }

  // Columns count from 0. Views are valid until the next step() or reset().
  [[nodiscard]] std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string_view bytes(int column) {
    const void* start = sqlite3_column_blob(statement_, column);
    auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return start == nullptr ? std::string_view()
                            : std::string_view(static_cast<const char*>(start), size);
  }
  [[nodiscard]] sqlite3_stmt* get() const { return statement_; }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace sixpn::registry
