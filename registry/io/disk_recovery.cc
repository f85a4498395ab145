// What Disk does with a damaged file: takes what can be read, sets the file aside, begins anew.
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

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
    if (!record || as_bytes((*record)->digest) != rows.bytes(1)) continue;
    out.emplace(slot_of((*record)->record), *record);
  }
}

// The oldest of too many set-aside files, with their companions.
void prune(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  std::string prefix = fs::path(path).filename().string() + ".corrupt-";
  std::vector<std::string> kept;
  for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path(), failed)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && !name.ends_with("-wal") && !name.ends_with("-shm"))
      kept.push_back(entry.path().string());
  }
  std::sort(kept.begin(), kept.end());  // by time: the names end in as many digits
  for (std::size_t i = 0; i + kMaxSetAside < kept.size(); ++i)
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(kept[i] + suffix, failed);
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

// The database and its companions, out of the way. The name tells when.
Result<std::string> Disk::move_aside() {
  std::string target = path_ + ".corrupt-" + std::to_string(unix_ms(wall_now()));
  for (const char* suffix : {"", "-wal", "-shm"})
    if (std::rename((path_ + suffix).c_str(), (target + suffix).c_str()) != 0 && errno != ENOENT)
      return Error::from_errno("setting the corrupt " + path_ + suffix + " aside");
  prune(path_);
  return target;
}

Result<void> Disk::recover(const std::string& reason) {
  auto incarnation = database_ == nullptr
                         ? Result<std::int64_t>(0)
                         : read_number("SELECT value FROM state WHERE key = 'incarnation'");
  std::vector<Write> writes = salvage();
  // Moved before it is closed: the last connection to close would fold the journal into the damaged
  // file and remove it.
  auto target = move_aside();
  close();
  if (!target) return std::move(target).error();
  setback_.set_aside = std::move(*target);
  setback_.reason = reason;
  setback_.salvaged = writes.size();
  if (auto opened = open_database(); !opened) return opened;
  return write_batch(writes, incarnation ? static_cast<std::uint64_t>(*incarnation) : 0);
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
