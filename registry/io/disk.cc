// Opening, reading and writing. The schema is in disk_schema.cc, damaged files in disk_recovery.cc.
#include "registry/io/disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "base/encoding.h"
#include "registry/io/disk_tables.h"
#include "registry/io/sql_statement.h"

namespace sixpn::registry {
namespace {

constexpr int kBusyTimeoutMs = 1000;  // an operator's query may hold a lock for a moment

struct FolderLock {
  Fd fd;
  bool was_used;  // a database was made in this folder before: the lock file is not empty
};

bool is_empty_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) != 0 || status.st_size == 0;
}

Result<FolderLock> lock_folder(const std::string& state_dir) {
  std::string path = state_dir + "/registry.lock";
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return Error::from_errno("opening " + path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error("another agent already runs on " + state_dir, errno);
    return Error::from_errno("locking " + path);
  }
  bool was_used = !is_empty_file(path);
  return FolderLock{std::move(lock), was_used};
}

// ---- decoding in bulk: most of a cold start

constexpr std::size_t kDecoders = 4;  // threads beside the reader's, while nobody is served yet
constexpr std::size_t kRowsPerBatch = 2048;

struct StoredRow {
  std::string wire;
  std::string digest;
  SignedRecordPtr record;  // null: damaged, or not of this version
};
using Rows = std::vector<StoredRow>;

void decode_rows(Rows& rows) {
  for (StoredRow& row : rows) {
    auto record = decode_record(std::move(row.wire));
    if (record && is_of(row.digest, **record)) row.record = std::move(*record);
    row.wire = {};
    row.digest = {};
  }
}

// Decodes batches of rows while further ones are read, and gives their records in order.
class BulkDecoder {
 public:
  BulkDecoder() { batch_.reserve(kRowsPerBatch); }

  void add(StoredRow row) {
    batch_.push_back(std::move(row));
    if (batch_.size() == kRowsPerBatch) begin_batch();
  }
  Disk::Content finish() {
    decode_rows(batch_);
    Disk::Content content;
    content.records.reserve(begun_.size() * kRowsPerBatch + batch_.size());
    for (auto& each : begun_) collect(each.get(), content);
    collect(batch_, content);
    return content;
  }

 private:
  void begin_batch() {
    bool alone = std::thread::hardware_concurrency() < 2 || in_flight() >= kDecoders;
    auto launch = alone ? std::launch::deferred : std::launch::async;
    begun_.push_back(std::async(launch, [rows = std::exchange(batch_, {})]() mutable {
      decode_rows(rows);
      return std::move(rows);
    }));
    if (alone) begun_.back().wait();
    batch_.reserve(kRowsPerBatch);
  }
  // Of batches, which end in about the order in which they began.
  std::size_t in_flight() {
    while (ended_ < begun_.size() &&
           begun_[ended_].wait_for(std::chrono::seconds(0)) == std::future_status::ready)
      ++ended_;
    return begun_.size() - ended_;
  }
  static void collect(Rows rows, Disk::Content& content) {
    for (auto& row : rows)
      row.record ? content.records.push_back(std::move(row.record)) : void(++content.unreadable);
  }

  Rows batch_;
  std::vector<std::future<Rows>> begun_;
  std::size_t ended_ = 0;
};

}  // namespace

Result<std::unique_ptr<Disk>> Disk::open(const std::string& state_dir) {
  auto lock = lock_folder(state_dir);
  if (!lock) return std::move(lock).error();
  auto disk = std::unique_ptr<Disk>(new Disk(std::move(lock->fd), state_dir + "/registry.db"));
  disk->was_used_ = lock->was_used;
  if (auto opened = disk->make_ready(); !opened) return std::move(opened).error();
  if (!lock->was_used && ::pwrite(disk->lock_.get(), "used\n", 5, 0) != 5)
    return Error::from_errno("writing " + state_dir + "/registry.lock");
  return disk;
}

Disk::~Disk() {
  close();
}

void Disk::close() {
  ready_ = false;
  sqlite3_close_v2(std::exchange(database_, nullptr));
}

Disk::Setback Disk::take_setback() {
  return std::exchange(setback_, {});
}

Result<void> Disk::open_database() {
  // The file carries what every host knows, and nobody else needs to.
  Fd created(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!created) return Error::from_errno("opening " + path_);
  created.close();
  if (sqlite3_open_v2(path_.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK)
    return last_error("opening");
  sqlite3_busy_timeout(database_, kBusyTimeoutMs);
  auto prepared = prepare_schema();
  if (prepared) prepared = read_mark();
  ready_ = prepared.has_value();
  return prepared;
}

Result<void> Disk::make_ready() {
  if (ready_) return {};
  close();
  if (auto finished = finish_recovery(); !finished) return finished;
  auto opened = open_database();
  if (!opened && !is_corrupt(opened.error())) return opened;
  if (opened && damage_.empty()) return {};
  return recover(opened ? damage_ : opened.error().message);
}

Result<void> Disk::with_recovery(const std::function<Result<void>()>& step) {
  if (auto ready = make_ready(); !ready) return ready;
  auto done = step();
  if (done || !is_corrupt(done.error())) return done;
  if (auto recovered = recover(done.error().message); !recovered) return recovered;
  return step();
}

Result<Disk::Content> Disk::read() {
  Content content;
  auto done = with_recovery([&]() -> Result<void> {
    auto rows = read_rows();
    if (!rows) return std::move(rows).error();
    auto partial = read_state("partial");
    if (!partial) return std::move(partial).error();
    content = std::move(*rows);
    content.whole = *partial == 0;
    return {};
  });
  if (!done) return std::move(done).error();
  return content;
}

Result<Disk::Content> Disk::read_rows() {
  BulkDecoder decoder;
  std::uint64_t sum = 0;
  SqlStatement statement(database_, "SELECT wire, digest FROM records ORDER BY kind, id, scope");
  if (!statement) return last_error("reading");
  int step = statement.step();
  for (; step == SQLITE_ROW; step = statement.step()) {
    decoder.add({std::string(statement.bytes(0)), std::string(statement.bytes(1)), nullptr});
    sum += weight_of(statement.bytes(1));
  }
  if (step != SQLITE_DONE) return last_error("reading");
  if (sum != sum_) return Error(path_ + " lacks rows that it had", SQLITE_CORRUPT);
  statement.reset();
  sqlite3_db_release_memory(database_);  // nothing reads all of it a second time
  return decoder.finish();
}

Result<std::uint64_t> Disk::next_incarnation(WallTime now) {
  std::int64_t next = 0;
  auto done = with_recovery([&]() -> Result<void> {
    auto stored = read_state("incarnation");
    if (!stored) return std::move(stored).error();
    next = std::max(*stored + 1, unix_ms(now) / 1000);
    // On the platter before it is used: a power cut must not give the same number twice.
    if (auto full = execute("PRAGMA synchronous = FULL"); !full) return full;
    if (auto written = write_state("incarnation", static_cast<std::uint64_t>(next)); !written)
      return written;
    return execute("PRAGMA synchronous = NORMAL");
  });
  if (!done) return std::move(done).error();
  return static_cast<std::uint64_t>(next);
}

Result<std::int64_t> Disk::read_state(const char* key) {
  SqlStatement statement(database_, "SELECT value FROM state WHERE key = ?1");
  if (!statement) return last_error("reading");
  statement.bind_text(1, key);
  int step = statement.step();
  if (step == SQLITE_DONE) return 0;
  if (step != SQLITE_ROW) return last_error("reading");
  return statement.number(0);
}

Result<void> Disk::write_state(const char* key, std::uint64_t value) {
  SqlStatement statement(database_, "INSERT OR REPLACE INTO state VALUES (?1, ?2)");
  if (!statement) return last_error("writing");
  statement.bind_text(1, key);
  statement.bind(2, static_cast<std::int64_t>(value));
  if (statement.step() != SQLITE_DONE) return last_error("writing");
  return {};
}

Result<void> Disk::apply(const std::vector<Write>& writes, std::uint64_t incarnation, bool whole) {
  // What a recovery loses is for the caller to put again: then it says so again.
  return with_recovery([&, before = begun_anew_] {
    return write_batch(writes, incarnation, whole && begun_anew_ == before);
  });
}

Result<void> Disk::write_batch(const std::vector<Write>& writes, std::uint64_t incarnation,
                               bool whole) {
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
  std::uint64_t sum = sum_;
  auto done = write_rows(writes, sum);
  if (done) done = write_state("sum", sum);
  if (done && incarnation != 0) done = write_state("incarnation", incarnation);
  if (done && whole) done = execute("DELETE FROM state WHERE key = 'partial'");
  const bool told = marked_ && !setback_.any();
  if (done && told) done = erase_mark();
  if (done) done = execute("COMMIT");
  if (done) sum_ = sum;
  if (done && told) marked_ = false;
  if (!done) static_cast<void>(execute("ROLLBACK"));  // fails when SQLite has rolled back already
  return done;
}

Result<void> Disk::write_rows(const std::vector<Write>& writes, std::uint64_t& sum) {
  SqlStatement known(database_,
                     "SELECT digest FROM records WHERE kind = ?1 AND id = ?2 AND scope = ?3");
  SqlStatement put(database_,
                   "INSERT OR REPLACE INTO records (kind, id, scope, writer, major, minor, "
                   "tombstone, digest, wire) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  SqlStatement remove(database_, "DELETE FROM records WHERE kind = ?1 AND id = ?2 AND scope = ?3");
  if (!known || !put || !remove) return last_error("writing");
  ReadableTables tables(database_);
  for (const auto& [slot, record] : writes) {
    SqlStatement& statement = record ? put : remove;
    for (SqlStatement* each : {&known, &statement}) {
      each->bind(1, static_cast<std::int64_t>(slot.key.kind));
      each->bind_text(2, slot.key.id);
      each->bind_text(3, slot.scope);
    }
    int found = known.step();
    if (found == SQLITE_ROW) sum -= weight_of(known.bytes(0));
    if (found != SQLITE_ROW && found != SQLITE_DONE) return last_error("writing");
    known.reset();
    if (record) sum += weight_of(as_bytes(record->digest));
    std::string writer;
    std::string wire;
    Hash digest;
    if (record) {
      const Record& r = record->record;
      writer = to_string(r.writer);
      statement.bind_text(4, writer);
      statement.bind(5, static_cast<std::int64_t>(r.stamp.major));
      statement.bind(6, static_cast<std::int64_t>(r.stamp.minor));
      statement.bind(7, r.tombstone ? 1 : 0);
      wire = record->wire();
      digest = hash(wire);
      statement.bind_blob(8, as_bytes(digest));
      statement.bind_blob(9, wire);
    }
    if (statement.step() != SQLITE_DONE) return last_error("writing");
    statement.reset();
    if (tables.write(slot, record.get()) != SQLITE_OK) return last_error("writing");
  }
  return {};
}

}  // namespace sixpn::registry
