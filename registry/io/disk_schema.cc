// Disk's schema: what is made in a new file, and how an older one becomes the present one.
#include <sqlite3.h>

#include <cerrno>

#include "base/encoding.h"
#include "registry/core/keys.h"
#include "registry/io/disk.h"
#include "registry/io/disk_tables.h"
#include "registry/io/sql_statement.h"

namespace sixpn::registry {
namespace {

constexpr std::int64_t kApplicationId = 0x7369786e;  // "sixn", in the file's header

// Slots as columns; `wire` is the whole truth, `digest` its BLAKE2b-256.
constexpr const char* kRecordsTable = R"(
CREATE TABLE records (
  kind INTEGER NOT NULL,
  id TEXT NOT NULL,
  scope TEXT NOT NULL,
  writer TEXT NOT NULL,
  major INTEGER NOT NULL,
  minor INTEGER NOT NULL,
  tombstone INTEGER NOT NULL,
  digest BLOB NOT NULL,
  wire BLOB NOT NULL,
  PRIMARY KEY (kind, id, scope)) WITHOUT ROWID;
)";
constexpr const char* kStateTable = R"(
CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)";
constexpr const char* kMarks = "PRAGMA application_id = 1936291950; PRAGMA user_version = 2;";
static_assert(kApplicationId == 1936291950 && kSchemaVersion == 2);

}  // namespace

std::uint64_t weight_of(std::string_view digest) {
  std::uint64_t weight = 0;
  for (unsigned char byte : digest.substr(0, 8)) weight = weight << 8U | byte;
  return weight;
}

bool is_of(std::string_view digest, const SignedRecord& record) {
  return digest.size() == sizeof(Hash) && digest.starts_with(as_bytes(record.digest));
}

bool is_corrupt(const Error& error) {
  return error.code == SQLITE_CORRUPT || error.code == SQLITE_NOTADB;
}

// An Error whose code is SQLite's (not errno), so that corruption can be told from the rest.
Error Disk::last_error(const std::string& what) const {
  int code = sqlite3_errcode(database_);
  std::string why = sqlite3_errmsg(database_);
  if (code == SQLITE_READONLY) why = "the file or its folder is read-only";
  // The journal's index cannot grow: SQLite says only that something went wrong.
  const bool no_room = code == SQLITE_IOERR && sqlite3_system_errno(database_) == ENOSPC;
  if (code == SQLITE_FULL || no_room) why = "the disk is full";
  if (code == SQLITE_CANTOPEN) why = "it cannot be opened or created";
  return Error(what + " " + path_ + ": " + why, code);
}

Result<void> Disk::execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return last_error("writing");
}

Result<std::int64_t> Disk::read_number(const char* sql) {
  SqlStatement statement(database_, sql);
  if (!statement || statement.step() != SQLITE_ROW) return last_error("reading");
  return statement.number(0);
}

Result<void> Disk::prepare_schema() {
  for (const char* setting :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "PRAGMA cell_size_check = ON",
        "PRAGMA journal_size_limit = 16777216"})  // what a long read made grow is given back
    if (auto set = execute(setting); !set) return set;
  auto version = read_number("PRAGMA user_version");
  if (!version) return std::move(version).error();
  auto application = read_number("PRAGMA application_id");
  if (!application) return std::move(application).error();
  auto tables = read_number("SELECT count(*) FROM sqlite_master");
  if (!tables) return std::move(tables).error();

  if (*version == 0 && *application == 0 && *tables == 0) return create_schema();
  if (*application != kApplicationId) return Error(path_ + " is no registry of sixpn");
  if (*version > kSchemaVersion)
    return Error(path_ + " was written by a newer sixpn (schema " + std::to_string(*version) +
                 ", this program knows " + std::to_string(kSchemaVersion) + ")");
  auto known = read_number("SELECT count(*) FROM sqlite_master WHERE name IN ('records', 'state')");
  if (!known) return std::move(known).error();
  if (*known != 2) return Error(path_ + " has lost its tables", SQLITE_CORRUPT);
  if (*version < 1)
    return Error(path_ + " has an unknown older schema (" + std::to_string(*version) + ")");
  if (*version == 1) return migrate_from_1().within("migrating from schema 1");
  auto sum = read_state("sum");
  if (!sum) return std::move(sum).error();
  sum_ = static_cast<std::uint64_t>(*sum);
  return execute(kReadableTables);
}

Result<void> Disk::create_schema() {
  ++begun_anew_;
  sum_ = 0;
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
  for (const char* sql : {kRecordsTable, kStateTable, kReadableTables, kMarks})
    if (auto made = execute(sql); !made) return made;
  if (auto said = write_state("partial", 1); !said) return said;
  // Told by the file: whoever kills the agent now does not silence it.
  if (was_used_)
    if (auto told = write_state("was_missing", 1); !told) return told;
  return execute("COMMIT");
}

// Schema 1 had neither digests, nor their sum, nor readable tables. One transaction: a crash leaves
// schema 1.
Result<void> Disk::migrate_from_1() {
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
  for (const char* sql :
       {"ALTER TABLE records RENAME TO records_1", kRecordsTable, kReadableTables})
    if (auto made = execute(sql); !made) return made;
  std::uint64_t sum = 0;
  if (auto copied = copy_from_1(sum); !copied) return copied;
  if (auto written = write_state("sum", sum); !written) return written;
  for (const char* sql : {"DROP TABLE records_1", kMarks, "COMMIT"})
    if (auto done = execute(sql); !done) return done;
  sum_ = sum;
  return {};
}

Result<void> Disk::copy_from_1(std::uint64_t& sum) {
  SqlStatement old(database_,
                   "SELECT wire, kind, id, scope, writer, major, minor, tombstone FROM records_1");
  SqlStatement put(database_, "INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  if (!old || !put) return last_error("reading");
  ReadableTables tables(database_);
  int step = old.step();
  for (; step == SQLITE_ROW; step = old.step()) {
    std::string wire(old.bytes(0));
    Hash digest = hash(wire);
    sum += weight_of(as_bytes(digest));
    for (int column = 1; column <= 7; ++column)
      sqlite3_bind_value(put.get(), column, sqlite3_column_value(old.get(), column));
    put.bind_blob(8, as_bytes(digest));
    put.bind_blob(9, wire);
    if (put.step() != SQLITE_DONE) return last_error("writing");
    put.reset();
    auto record = decode_record(wire);
    if (record && tables.write(slot_of((*record)->record), record->get()) != SQLITE_OK)
      return last_error("writing");
  }
  if (step != SQLITE_DONE) return last_error("reading");
  return {};
}

}  // namespace sixpn::registry
