#include "registry/io/disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/io/clock.h"

namespace sixpn::registry {
namespace {

constexpr std::int64_t kApplicationId = 0x7369786e;  // "sixn", in the file's header
constexpr int kBusyTimeoutMs = 1000;  // an operator's query may hold a lock for a moment

// Slots as columns; `wire` is the whole truth, the rest is there to be queried.
constexpr const char* kSchema = R"(
CREATE TABLE records (
  kind INTEGER NOT NULL,
  id TEXT NOT NULL,
  scope TEXT NOT NULL,
  writer TEXT NOT NULL,
  major INTEGER NOT NULL,
  minor INTEGER NOT NULL,
  tombstone INTEGER NOT NULL,
  wire BLOB NOT NULL,
  PRIMARY KEY (kind, id, scope)) WITHOUT ROWID;
CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id = 1936291950;
PRAGMA user_version = 1;
)";
static_assert(kApplicationId == 1936291950 && kSchemaVersion == 1);

bool is_corrupt(int code) {
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

// A prepared statement. Text and blobs are bound without a copy: they must outlive step().
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  explicit operator bool() const { return statement_ != nullptr; }
  void bind(int column, std::int64_t value) { sqlite3_bind_int64(statement_, column, value); }
  void bind_text(int column, const std::string& text) {
    sqlite3_bind_text(statement_, column, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
  }
  void bind_blob(int column, const std::string& bytes) {
    sqlite3_bind_blob(statement_, column, bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_STATIC);
  }
  int step() { return sqlite3_step(statement_); }
  void reset() { sqlite3_reset(statement_); }
  std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  std::string blob(int column) {
    const void* bytes = sqlite3_column_blob(statement_, column);
    auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

Result<Fd> lock_folder(const std::string& state_dir) {
  std::string path = state_dir + "/registry.lock";
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return Error::from_errno("opening " + path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error("another agent already runs on " + state_dir, errno);
    return Error::from_errno("locking " + path);
  }
  return lock;
}

// The database and its companions, out of the way. The name tells when.
Result<std::string> move_aside(const std::string& path) {
  std::string target = path + ".corrupt-" + std::to_string(unix_ms(wall_now()) / 1000);
  for (const char* suffix : {"", "-wal", "-shm"})
    if (std::rename((path + suffix).c_str(), (target + suffix).c_str()) != 0 && errno != ENOENT)
      return Error::from_errno("setting the corrupt " + path + suffix + " aside");
  return target;
}

}  // namespace

Result<std::unique_ptr<Disk>> Disk::open(const std::string& state_dir) {
  auto lock = lock_folder(state_dir);
  if (!lock) return std::move(lock).error();
  auto disk = std::unique_ptr<Disk>(new Disk(std::move(*lock)));
  std::string path = state_dir + "/registry.db";
  auto opened = disk->open_database(path);
  if (!opened && is_corrupt(opened.error().code)) {
    disk->close();
    auto target = move_aside(path);
    if (!target) return std::move(target).error();
    disk->set_aside_ = std::move(*target);
    opened = disk->open_database(path);
  }
  if (!opened) return std::move(opened).error();
  return disk;
}

Disk::~Disk() {
  close();
}

void Disk::close() {
  sqlite3_close_v2(std::exchange(database_, nullptr));
}

// An Error whose code is SQLite's (not errno), so that open() can tell corruption from the rest.
Error Disk::last_error(const std::string& what) const {
  int code = sqlite3_errcode(database_);
  std::string why = sqlite3_errmsg(database_);
  if (code == SQLITE_READONLY) why = "the file or its folder is read-only";
  if (code == SQLITE_FULL) why = "the disk is full";
  if (code == SQLITE_CANTOPEN) why = "it cannot be opened or created";
  return Error(what + " " + path_ + ": " + why, code);
}

Result<void> Disk::open_database(const std::string& path) {
  path_ = path;
  // The file carries what every host knows, and nobody else needs to.
  Fd created(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!created) return Error::from_errno("opening " + path);
  created.close();
  if (sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK)
    return last_error("opening");
  sqlite3_busy_timeout(database_, kBusyTimeoutMs);
  return prepare(path);
}

Result<void> Disk::prepare(const std::string& path) {
  if (auto mode = execute("PRAGMA journal_mode = WAL"); !mode) return mode;
  if (auto safe = execute("PRAGMA synchronous = NORMAL"); !safe) return safe;
  auto version = read_number("PRAGMA user_version");
  if (!version) return std::move(version).error();
  auto application = read_number("PRAGMA application_id");
  if (!application) return std::move(application).error();
  auto tables = read_number("SELECT count(*) FROM sqlite_master");
  if (!tables) return std::move(tables).error();

  if (*version == 0 && *application == 0 && *tables == 0) {
    if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
    if (auto made = execute(kSchema); !made) return made;
    return execute("COMMIT");
  }
  if (*application != kApplicationId) return Error(path + " is no registry of sixpn");
  if (*version > kSchemaVersion)
    return Error(path + " was written by a newer sixpn (schema " + std::to_string(*version) +
                 ", this program knows " + std::to_string(kSchemaVersion) + ")");
  if (*version < kSchemaVersion)
    return Error(path + " has an unknown older schema (" + std::to_string(*version) + ")");
  Statement check(database_, "PRAGMA quick_check(1)");
  if (!check || check.step() != SQLITE_ROW) return last_error("checking");
  if (check.blob(0) != "ok") return Error(path + " is corrupt", SQLITE_CORRUPT);
  return {};
}

Result<void> Disk::execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return last_error("writing");
}

Result<std::int64_t> Disk::read_number(const char* sql) {
  Statement statement(database_, sql);
  if (!statement || statement.step() != SQLITE_ROW) return last_error("reading");
  return statement.number(0);
}

Result<Disk::Content> Disk::read() {
  Content content;
  Statement statement(database_, "SELECT wire FROM records ORDER BY kind, id, scope");
  if (!statement) return last_error("reading");
  int step = statement.step();
  for (; step == SQLITE_ROW; step = statement.step()) {
    auto record = decode_record(statement.blob(0));
    record ? content.records.push_back(std::move(*record)) : void(++content.unreadable);
  }
  if (step != SQLITE_DONE) return last_error("reading");
  return content;
}

Result<std::uint64_t> Disk::next_incarnation(WallTime now) {
  auto stored =
      read_number("SELECT coalesce((SELECT value FROM state WHERE key = 'incarnation'), 0)");
  if (!stored) return std::move(stored).error();
  std::int64_t next = std::max(*stored + 1, unix_ms(now) / 1000);
  // On the platter before it is used: a power cut must not give the same number twice.
  if (auto full = execute("PRAGMA synchronous = FULL"); !full) return std::move(full).error();
  if (auto written = write_incarnation(static_cast<std::uint64_t>(next)); !written)
    return std::move(written).error();
  if (auto back = execute("PRAGMA synchronous = NORMAL"); !back) return std::move(back).error();
  return static_cast<std::uint64_t>(next);
}

Result<void> Disk::write_incarnation(std::uint64_t incarnation) {
  Statement statement(database_, "INSERT OR REPLACE INTO state VALUES ('incarnation', ?)");
  if (!statement) return last_error("writing");
  statement.bind(1, static_cast<std::int64_t>(incarnation));
  if (statement.step() != SQLITE_DONE) return last_error("writing");
  return {};
}

Result<void> Disk::apply(const std::vector<Write>& writes, std::uint64_t incarnation) {
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = write_rows(writes);
  if (done && incarnation != 0) done = write_incarnation(incarnation);
  if (done) done = execute("COMMIT");
  if (!done) static_cast<void>(execute("ROLLBACK"));  // fails when SQLite has rolled back already
  return done;
}

Result<void> Disk::write_rows(const std::vector<Write>& writes) {
  Statement put(database_,
                "INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  Statement remove(database_, "DELETE FROM records WHERE kind = ?1 AND id = ?2 AND scope = ?3");
  if (!put || !remove) return last_error("writing");
  for (const auto& [slot, record] : writes) {
    Statement& statement = record ? put : remove;
    statement.bind(1, static_cast<std::int64_t>(slot.key.kind));
    statement.bind_text(2, slot.key.id);
    statement.bind_text(3, slot.scope);
    std::string writer;
    if (record) {
      const Record& r = record->record;
      writer = to_string(r.writer);
      statement.bind_text(4, writer);
      statement.bind(5, static_cast<std::int64_t>(r.stamp.major));
      statement.bind(6, static_cast<std::int64_t>(r.stamp.minor));
      statement.bind(7, r.tombstone ? 1 : 0);
      statement.bind_blob(8, record->wire);
    }
    if (statement.step() != SQLITE_DONE) return last_error("writing");
    statement.reset();
  }
  return {};
}

}  // namespace sixpn::registry
