// Disk: the registry's last state in SQLite (registry.db in the state folder), readable by
// operators while the agent runs and while it does not (sql_query.h). Blocking: opened and read
// before the loop runs, then used only by DiskQueue's thread.
//
// One process per folder (a lock file). A newer schema or a foreign file is refused, an older one
// is migrated. A corrupt file, whenever it is noticed, is set aside under another name: what can
// still be read from it goes into a new one, the rest other hosts still have. Nothing of that is
// silent: take_setback() tells. A crash at any moment of it leaves the damaged file in its place,
// or the new one whole, and the next open() goes on from there and tells. Each record is kept with
// its digest, and the file with the sum of all digests, so that neither a flipped bit is taken for
// a record nor a page that was lost, or written in the wrong place, for an older state.
// decisions/0027.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/core/signed_record.h"
#include "registry/core/slot.h"

struct sqlite3;

namespace sixpn::registry {

inline constexpr int kSchemaVersion = 2;
inline constexpr std::size_t kMaxSetAside = 4;  // corrupt files kept; the oldest goes first

class Disk {
 public:
  struct Write {
    Slot slot;
    SignedRecordPtr record;  // null: removed
  };
  struct Content {
    std::vector<SignedRecordPtr> records;
    std::size_t unreadable = 0;  // rows that are no valid records; left where they are
    bool whole = false;          // apply() was told so, and nothing was lost since
  };
  // What went wrong with the file since the last take_setback().
  struct Setback {
    bool was_missing = false;  // the folder was in use before, and the database was gone or empty
    std::string set_aside;     // where a corrupt database went; "": none was
    std::string reason;        // why it was called corrupt
    std::size_t salvaged = 0;  // records that could be taken from it
    [[nodiscard]] bool any() const { return was_missing || !set_aside.empty(); }
  };

  // Errors: the folder is in use by another agent, missing, read-only or full; the database is of a
  // newer sixpn, or of something else.
  static Result<std::unique_ptr<Disk>> open(const std::string& state_dir);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  Setback take_setback();

  Result<Content> read();
  // A number greater than any this returned or was told before, also across restored backups as
  // long as the clock does not step back: at least the Unix time in seconds. Durable when it
  // returns.
  Result<std::uint64_t> next_incarnation(WallTime now);
  // One transaction, all or nothing. `incarnation` 0: unchanged. `whole`: with it, the file holds
  // all that the registry had once (Content::whole); a new file, and a salvaged one, is not, nor
  // one that this call had to begin. On a file that turns out to be corrupt: into the new one.
  Result<void> apply(const std::vector<Write>& writes, std::uint64_t incarnation,
                     bool whole = false);
  // How many files this object has begun anew. Whoever puts something again after that knows that
  // it is about the present one.
  [[nodiscard]] std::uint64_t begun_anew() const { return begun_anew_; }
  // Reads the whole file for damage, and sets it aside when there is any.
  Result<void> check();

 private:
  Disk(Fd lock, std::string path) : lock_(std::move(lock)), path_(std::move(path)) {}
  // disk.cc
  Result<void> open_database();
  // Opens the database unless it is; goes on with a recovery that the disk did not let end.
  Result<void> make_ready();
  Result<void> write_batch(const std::vector<Write>& writes, std::uint64_t incarnation, bool whole);
  // Adds to `sum` what the writes change.
  Result<void> write_rows(const std::vector<Write>& writes, std::uint64_t& sum);
  Result<void> write_state(const char* key, std::uint64_t value);
  // 0 when there is none.
  Result<std::int64_t> read_state(const char* key);
  Result<Content> read_rows();
  // Runs `step`; when the file turns out to be corrupt, sets it aside and runs `step` again.
  Result<void> with_recovery(const std::function<Result<void>()>& step);

  // disk_schema.cc
  Result<void> prepare_schema();
  Result<void> create_schema();
  Result<void> migrate_from_1();
  Result<void> copy_from_1(std::uint64_t& sum);
  Result<void> execute(const char* sql);
  Result<std::int64_t> read_number(const char* sql);
  [[nodiscard]] Error last_error(const std::string& what) const;

  // disk_recovery.cc
  Result<void> recover(const std::string& reason);
  std::vector<Write> salvage();
  // Makes a database of its own at path_, on the platter when it returns.
  Result<void> build(const std::vector<Write>& writes, std::uint64_t incarnation,
                     std::uint64_t set_aside_ms);
  // Puts a new database that is whole in the damaged one's place; removes one that is not.
  Result<void> finish_recovery();
  Result<void> replace_by(const std::string& salvaged);
  // What the file itself says of a setback, until a batch is written after it was told.
  Result<void> read_mark();
  Result<void> erase_mark();

  void close();

  Fd lock_;
  sqlite3* database_ = nullptr;
  bool ready_ = false;     // database_ is open and has its schema
  std::uint64_t sum_ = 0;  // of all digests' first eight bytes, as committed
  std::string path_;
  Setback setback_;
  std::string damage_;     // why a recovery began that has not ended; "": none
  bool was_used_ = false;  // the folder was in use before
  bool marked_ = false;    // the file tells a setback
  std::uint64_t begun_anew_ = 0;
};

// What a row adds to the sum of its file.
std::uint64_t weight_of(std::string_view digest);

// Whether a row's digest is of this record, by the half that the record keeps.
bool is_of(std::string_view digest, const SignedRecord& record);

// Whether an Error of this file's code means a damaged file, not a full or read-only disk.
bool is_corrupt(const Error& error);

}  // namespace sixpn::registry
