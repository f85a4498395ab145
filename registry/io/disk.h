// Disk: the registry's last state in SQLite (registry.db in the state folder), readable by
// operators with the sqlite3 program while the agent runs. Blocking: opened and read before the
// loop runs, then used only by DiskQueue's thread.
//
// One process per folder (a lock file). A newer schema or a foreign file is refused; a corrupt one
// is set aside under another name, because other hosts still have its content.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/core/signed_record.h"
#include "registry/core/slot.h"

struct sqlite3;

namespace sixpn::registry {

inline constexpr int kSchemaVersion = 1;

class Disk {
 public:
  struct Write {
    Slot slot;
    SignedRecordPtr record;  // null: removed
  };
  struct Content {
    std::vector<SignedRecordPtr> records;
    std::size_t unreadable = 0;  // rows that are no valid records; left where they are
  };

  // Errors: the folder is in use by another agent, missing, read-only or full; the database is of a
  // newer sixpn, or of something else.
  static Result<std::unique_ptr<Disk>> open(const std::string& state_dir);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // Where a corrupt database went, if open() found one.
  [[nodiscard]] const std::optional<std::string>& set_aside() const { return set_aside_; }

  Result<Content> read();
  // A number greater than any this returned or was told before, also across restored backups as
  // long as the clock does not step back: at least the Unix time in seconds. Durable when it
  // returns.
  Result<std::uint64_t> next_incarnation(WallTime now);
  // One transaction, all or nothing. `incarnation` 0: unchanged.
  Result<void> apply(const std::vector<Write>& writes, std::uint64_t incarnation);

 private:
  explicit Disk(Fd lock) : lock_(std::move(lock)) {}
  Result<void> open_database(const std::string& path);
  Result<void> prepare(const std::string& path);
  Result<void> execute(const char* sql);
  Result<std::int64_t> read_number(const char* sql);
  Result<void> write_rows(const std::vector<Write>& writes);
  Result<void> write_incarnation(std::uint64_t incarnation);
  [[nodiscard]] Error last_error(const std::string& what) const;
  void close();

  Fd lock_;
  sqlite3* database_ = nullptr;
  std::string path_;
  std::optional<std::string> set_aside_;
};

}  // namespace sixpn::registry
