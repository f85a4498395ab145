// The readable half of registry.db: one table per kind of record with a column per fact, for
// operators and their SQL (docs/guide.md). Derived: `records` holds the truth, these rows are
// written beside it in the same transaction and never read back by the agent.
//
// A row per slot, so claims that do not stand (snapshot_builder.h) are seen too, each with its
// writer. Tombstones and kinds of newer versions have no row. Used by Disk, on its thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "registry/core/signed_record.h"
#include "registry/core/slot.h"
#include "registry/io/sql_statement.h"

namespace sixpn::registry {

// CREATE TABLE statements of all readable tables. IF NOT EXISTS: a kind that came with a later
// version gets its table in an old file too.
extern const char* const kReadableTables;

inline constexpr std::size_t kReadableKinds = 12;  // RecordKind's values below this have a table

using SqlValue = std::variant<std::monostate, std::int64_t, std::string>;  // monostate: NULL

// The columns of a record's row, in the order of its table; the first two are the slot's id and
// scope. Empty for what has no row. Pure.
std::vector<SqlValue> readable_row(const Record& record);

// Writes readable rows through statements that are prepared once. Lives no longer than one
// transaction of `database`.
class ReadableTables {
 public:
  explicit ReadableTables(sqlite3* database) : database_(database) {}

  // Puts or, for null and for tombstones, removes the slot's row; an SQLite result code.
  int write(const Slot& slot, const SignedRecord* record);

 private:
  using Statements = std::array<std::unique_ptr<SqlStatement>, kReadableKinds>;
  int put(std::size_t kind, const std::vector<SqlValue>& row);
  int remove(std::size_t kind, const Slot& slot);

  sqlite3* database_;
  Statements puts_;
  Statements removals_;
};

}  // namespace sixpn::registry
