// What Disk does with a damaged file: takes what can be read, makes a new one of it, and only then
// sets the damaged one aside. Which files there are says how far it came:
//
//   registry.db(-wal, -shm)                             the damaged one, in its place
//   ... and registry.db.new                             being made; removed at the next start
//   ... and registry.db.salvaged-TIME                   whole: it is to take the place
//   registry.db.salvaged-TIME, registry.db.corrupt-TIME   between the two moves
//   registry.db, registry.db.corrupt-TIME               over; registry.db tells it until it is told
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "base/encoding.h"
#include "base/io/clock.h"
#include "registry/io/disk.h"
#include "registry/io/sql_statement.h"

namespace sixpn::registry {
namespace {

// A row's slot is told from its wire alone; a digest that does not fit means damage. A file of an
// older schema, which has no digests, gives nothing.
void salvage_rows(sqlite3* database, const std::string& sql, std::map<Slot, SignedRecordPtr>& out) {
  SqlStatement rows(database, sql);
  if (!rows) return;
  while (rows.step() == SQLITE_ROW) {
    auto record = decode_record(std::string(rows.bytes(0)));
    if (!record || !is_of(rows.bytes(1), **record)) continue;
    out.emplace(slot_of((*record)->record), *record);
  }
}

// A new database while it is made, and once it is whole; the damaged one. The latter two with the
// time of the recovery, so that each fits the other.
constexpr const char* kUnfinished = ".new";
constexpr const char* kSalvaged = ".salvaged-";
constexpr const char* kSetAside = ".corrupt-";

bool is_companion(const std::string& name) {
  return name.ends_with("-wal") || name.ends_with("-shm");
}

// The databases whose path begins with `prefix`, oldest first: the names end in as many digits.
Result<std::vector<std::string>> files_named(const std::string& prefix) {
  namespace fs = std::filesystem;
  const std::string base = fs::path(prefix).filename().string();
  std::error_code failed;
  std::vector<std::string> found;
  for (fs::directory_iterator entry(fs::path(prefix).parent_path(), failed), end;
       !failed && entry != end; entry.increment(failed)) {
    std::string name = entry->path().filename().string();
    if (name.starts_with(base) && !is_companion(name))
      found.push_back(prefix + name.substr(base.size()));
  }
  if (failed)
    return Error("reading the folder of " + prefix + ": " + failed.message(), failed.value());
  std::sort(found.begin(), found.end());
  return found;
}

void remove_database(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) std::remove((path + suffix).c_str());
}

// The oldest of too many set-aside files, with their companions.
void prune(const std::string& path) {
  auto kept = files_named(path + kSetAside);
  for (std::size_t i = 0; kept && i + kMaxSetAside < kept->size(); ++i) remove_database((*kept)[i]);
}

Result<void> sync(const std::string& path, int flags) {
  Fd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) return Error::from_errno("syncing " + path);
  return {};
}

// On the platter when it returns. A file that is not there was moved before.
Result<void> move_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return Error::from_errno("renaming " + from);
  }
  return sync(std::filesystem::path(to).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

}  // namespace

// Every whole record, from both ends of the tree towards the damage between them.
std::vector<Disk::Write> Disk::salvage() {
  std::map<Slot, SignedRecordPtr> found;
  if (database_ != nullptr) {
    static_cast<void>(execute("ROLLBACK"));  // of the transaction that found the damage, if any
    const std::string rows = "SELECT wire, digest FROM records ORDER BY kind";
    salvage_rows(database_, rows + ", id, scope", found);
    salvage_rows(database_, rows + " DESC, id DESC, scope DESC", found);
  }
  std::vector<Write> writes;
  writes.reserve(found.size());
  for (auto& [slot, record] : found) writes.push_back({slot, std::move(record)});
  return writes;
}

Result<void> Disk::recover(const std::string& reason) {
  ++begun_anew_;
  damage_ = reason;
  auto incarnation = database_ == nullptr ? Result<std::int64_t>(0) : read_state("incarnation");
  std::vector<Write> writes = salvage();
  // Else the last connection to close would fold the journal into the damaged file.
  if (database_ != nullptr)
    sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  close();
  const auto now = static_cast<std::uint64_t>(unix_ms(wall_now()));
  Disk fresh(Fd(), path_ + kUnfinished);
  auto built = fresh.build(writes, incarnation ? static_cast<std::uint64_t>(*incarnation) : 0, now);
  if (!built) {
    remove_database(fresh.path_);  // the disk may be full
    return std::move(built).within("recovering " + path_ + " (" + reason + ")");
  }
  // From here on it takes the damaged one's place, now or at the next start.
  if (auto named = move_file(fresh.path_, path_ + kSalvaged + std::to_string(now)); !named)
    return named;
  if (auto finished = finish_recovery(); !finished) return finished;
  return open_database();
}

Result<void> Disk::build(const std::vector<Write>& writes, std::uint64_t incarnation,
                         std::uint64_t set_aside_ms) {
  remove_database(path_);
  if (auto opened = open_database(); !opened) return opened;
  if (auto said = write_state("set_aside_ms", set_aside_ms); !said) return said;
  if (auto said = write_state("salvaged", writes.size()); !said) return said;
  if (auto written = write_batch(writes, incarnation, false); !written) return written;
  auto busy = read_number("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!busy) return std::move(busy).error();
  if (*busy != 0) return Error(path_ + " is in use");
  close();
  for (const char* suffix : {"-wal", "-shm"}) std::remove((path_ + suffix).c_str());
  return sync(path_, O_RDWR);
}

Result<void> Disk::finish_recovery() {
  remove_database(path_ + kUnfinished);
  auto salvages = files_named(path_ + kSalvaged);
  if (!salvages) return std::move(salvages).error();
  for (const auto& salvaged : *salvages)
    if (auto replaced = replace_by(salvaged); !replaced) return replaced;
  return {};
}

// The journal first: it must not lie beside another database than its own. Each step may have been
// done by an earlier try.
Result<void> Disk::replace_by(const std::string& salvaged) {
  const std::string when = salvaged.substr(path_.size() + std::strlen(kSalvaged));
  for (const char* suffix : {"-wal", "-shm", ""})
    if (auto moved = move_file(path_ + suffix, path_ + kSetAside + when + suffix); !moved)
      return std::move(moved).within("setting the corrupt " + path_ + suffix + " aside");
  if (auto replaced = move_file(salvaged, path_); !replaced) return replaced;
  ++begun_anew_;  // also where what was begun before has failed since
  setback_.reason = std::exchange(damage_, "");
  prune(path_);
  return {};
}

// ---- what the file tells of it

Result<void> Disk::read_mark() {
  auto when = read_state("set_aside_ms");
  auto salvaged = read_state("salvaged");
  auto missing = read_state("was_missing");
  for (const auto* each : {&when, &salvaged, &missing})
    if (!*each) return each->error();
  marked_ = *when != 0 || *missing != 0;
  if (*missing != 0) setback_.was_missing = true;
  if (*when == 0) return {};
  setback_.set_aside = path_ + kSetAside + std::to_string(*when);
  setback_.salvaged = static_cast<std::size_t>(*salvaged);
  if (setback_.reason.empty()) setback_.reason = "found before this start";
  return {};
}

Result<void> Disk::erase_mark() {
  return execute("DELETE FROM state WHERE key IN ('set_aside_ms', 'salvaged', 'was_missing')");
}

Result<void> Disk::check() {
  auto checked = with_recovery([this]() -> Result<void> {
    SqlStatement check(database_, "PRAGMA quick_check(1)");
    if (!check || check.step() != SQLITE_ROW) return last_error("checking");
    std::string found(check.bytes(0));
    if (found == "ok") return {};
    std::replace(found.begin(), found.end(), '\n', ' ');
    return Error(path_ + ": " + found, SQLITE_CORRUPT);
  });
  // Every page was read for this once: 2 MB of them would be kept.
  if (database_ != nullptr) sqlite3_db_release_memory(database_);
  return checked;
}

}  // namespace sixpn::registry
