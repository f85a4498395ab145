// A damaged registry.db is recovered whatever interrupts the recovery: killed before each of its
// system calls, or a full disk. The next start has the salvage, and tells.
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/encoding.h"
#include "registry/io/disk.h"
#include "tests/unit/registry/random_record.h"
#include "tests/unit/registry/small_disk.h"

namespace sixpn::registry {
namespace {

namespace fs = std::filesystem;

const sim::TestCluster kCluster;
constexpr unsigned kMachines = 60;
constexpr unsigned kDamaged = 20;  // its page, a leaf of the tree, is noise
constexpr std::size_t kPage = 4096;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Whether the call may change a file, or decides that it has been changed.
bool changes_files(std::uint64_t call) {
  static const std::set<std::uint64_t> kCalls = {
#ifdef __NR_rename
      __NR_rename,
#endif
#ifdef __NR_unlink
      __NR_unlink,
#endif
#ifdef __NR_open
      __NR_open,
#endif
      __NR_renameat, __NR_renameat2, __NR_unlinkat, __NR_openat,    __NR_write,
      __NR_pwrite64, __NR_ftruncate, __NR_fsync,    __NR_fdatasync, __NR_fallocate};
  return kCalls.contains(call);
}

// Runs `work` in a child and kills it before the `step`th (0...) of its calls that change files.
// Whether it was killed: else it ended by itself. Nothing when children may not be traced here.
std::optional<bool> kill_before(unsigned step, const std::function<void()>& work) {
  pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
    ::raise(SIGSTOP);
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return std::nullopt;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  unsigned seen = 0;
  long signal = 0;
  for (;;) {
    ::ptrace(PTRACE_SYSCALL, child, nullptr, signal);
    ::waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) return false;
    const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    signal = at_call ? 0 : WSTOPSIG(status);
    if (!at_call) continue;
    struct __ptrace_syscall_info info {};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_files(info.entry.nr)) continue;
    if (seen++ < step) continue;
    ::kill(child, SIGKILL);
    while (::waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    }
    return true;
  }
}

class DiskRecoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    // In memory where there is such a place: hundreds of syncs follow.
    fs::path where = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path();
    std::string pattern = where / "sixpn-recovery-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    make_damaged();
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] Disk::Write machine(unsigned index) const {
    auto record =
        host_.sign(test::make_owned_record(host_, test::make_machine(host_, index), 1, 1));
    return {slot_of(record->record), record};
  }
  // A database with a page of noise among its records, and a journal beside it which alone has the
  // last machine.
  void make_damaged() {
    std::string made = folder_ + "/made";
    fs::create_directory(made);
    std::vector<Disk::Write> writes;
    for (unsigned i = 0; i < kMachines; ++i) writes.push_back(machine(i));
    ASSERT_TRUE((*Disk::open(made))->apply(writes, 7, true));
    auto disk = Disk::open(made);
    ASSERT_TRUE((*disk)->apply({machine(kMachines)}, 0));
    database_ = read_file(made + "/registry.db");
    journal_ = read_file(made + "/registry.db-wal");
    auto page = database_.find(machine(kDamaged).record->wire()) / kPage * kPage;
    database_.replace(page, kPage, std::string(kPage, '\x5a'));
  }
  void stage(const std::string& folder) const {
    fs::create_directories(folder);
    std::ofstream(folder + "/registry.lock") << "used";
    std::ofstream(folder + "/registry.db", std::ios::binary) << database_;
    std::ofstream(folder + "/registry.db-wal", std::ios::binary) << journal_;
  }
  // "" when the folder holds what could be salvaged, has told so, and keeps the damaged file.
  [[nodiscard]] std::string what_is_wrong(const std::string& folder) const {
    auto disk = Disk::open(folder);
    if (!disk) return disk.error().message;
    auto content = (*disk)->read();
    if (!content) return content.error().message;
    auto setback = (*disk)->take_setback();
    if (setback.set_aside.empty()) return "not told";
    if (content->whole) return "called whole";
    const std::size_t found = content->records.size();
    if (found != setback.salvaged) return "told of " + std::to_string(setback.salvaged);
    if (found <= kMachines / 2 || found >= kMachines) return std::to_string(found) + " salvaged";
    bool has_last = false;
    for (const auto& record : content->records)
      has_last |= slot_of(record->record) == machine(kMachines).slot;
    if (!has_last) return "what the journal had is lost";
    if (read_file(setback.set_aside) != database_) return "not the damaged file is kept";
    if (read_file(setback.set_aside + "-wal") != journal_) return "its journal is not kept";
    if (*(*disk)->next_incarnation(WallTime{}) <= 7) return "an incarnation would come twice";
    if (!(*disk)->apply({machine(0)}, 0)) return "takes no changes";
    disk->reset();
    for (const auto& entry : fs::directory_iterator(folder)) {
      std::string path = entry.path().string();
      if (path.ends_with(".new") || path.find(".salvaged-") != std::string::npos)
        return path + " is left over";
      if (path.find(".corrupt-") != std::string::npos && !path.starts_with(setback.set_aside))
        return path + " too";
    }
    auto again = Disk::open(folder);
    if (!again) return again.error().message;
    return (*again)->take_setback().any() ? "told twice" : "";
  }

  std::string folder_;
  std::string database_;
  std::string journal_;
  sim::EnrolledHost host_ = kCluster.enrol(1);
};

TEST_F(DiskRecoveryTest, KilledBeforeAnyStepTheNextStartHasTheSalvageAndTells) {
  const std::string staged = folder_ + "/staged";
  unsigned step = 0;
  for (bool killed = true; killed; ++step) {
    SCOPED_TRACE(step);
    fs::remove_all(staged);
    stage(staged);
    auto outcome = kill_before(step, [&] {
      auto disk = Disk::open(staged);
      if (disk) static_cast<void>((*disk)->read());
    });
    if (!outcome) GTEST_SKIP() << "tracing is not permitted here";
    killed = *outcome;
    ASSERT_EQ(what_is_wrong(staged), "");
  }
  EXPECT_GT(step, 50U);
}

TEST_F(DiskRecoveryTest, KilledAgainWhileItGoesOnItStillEnds) {
  const std::string staged = folder_ + "/staged";
  auto recover = [&] {
    auto disk = Disk::open(staged);
    if (disk) static_cast<void>((*disk)->read());
  };
  auto kill_afresh = [&](unsigned step) {
    fs::remove_all(staged);
    stage(staged);
    return kill_before(step, recover);
  };
  // Until the new database is whole and the damaged one's journal has been moved.
  unsigned first = 0;
  do {
    auto killed = kill_afresh(++first);
    if (!killed) GTEST_SKIP() << "tracing is not permitted here";
    ASSERT_TRUE(*killed) << "no such moment";
  } while (fs::exists(staged + "/registry.db-wal"));
  bool killed = true;
  unsigned step = 0;
  for (; killed; ++step) {
    SCOPED_TRACE(step);
    kill_afresh(first);
    killed = *kill_before(step, recover);
    ASSERT_EQ(what_is_wrong(staged), "");
  }
  EXPECT_GT(step, 5U);
}

// An emptied file has nothing to salvage, and yet the loss is not silent.
TEST_F(DiskRecoveryTest, KilledBeforeAnyStepTheNextStartTellsThatTheDatabaseWasGone) {
  const std::string staged = folder_ + "/staged";
  unsigned step = 0;
  for (bool killed = true; killed; ++step) {
    SCOPED_TRACE(step);
    fs::remove_all(staged);
    fs::create_directories(staged);
    std::ofstream(staged + "/registry.lock") << "used";
    auto outcome = kill_before(step, [&] { static_cast<void>(Disk::open(staged)); });
    if (!outcome) GTEST_SKIP() << "tracing is not permitted here";
    killed = *outcome;
    auto disk = Disk::open(staged);
    ASSERT_TRUE(disk) << disk.error().message;
    ASSERT_TRUE((*disk)->take_setback().was_missing);
    ASSERT_TRUE((*disk)->apply({machine(0)}, 0));
    disk->reset();
    ASSERT_FALSE((*Disk::open(staged))->take_setback().any());
  }
  EXPECT_GT(step, 5U);
}

// Room for the database, and for a part of a new one.
TEST_F(DiskRecoveryTest, AFullDiskIsSaidAndNothingIsLostOnceThereIsRoom) {
  for (std::size_t left : {0U, 16U, 40U, 80U, 140U, 200U}) {
    SCOPED_TRACE(left);
    std::string disk_folder = folder_ + "/disk";
    fs::create_directories(disk_folder);
    auto wrong = test::on_small_disk(disk_folder, [&]() -> std::string {
      if (!test::remount(disk_folder, 0, "size=16m")) return "remount";
      stage(disk_folder);
      const auto used = database_.size() + journal_.size() + 4 * kPage;
      const std::string size = "size=" + std::to_string(used / 1024 + left) + "k";
      if (!test::remount(disk_folder, 0, size.c_str())) return "remount smaller";
      for (int start = 0; start < 2; ++start) {
        auto disk = Disk::open(disk_folder);
        std::string said = disk ? "" : disk.error().message;
        if (disk) {
          if (auto content = (*disk)->read(); content) return "";  // there was room
          auto twice = (*disk)->read();                            // as a running agent tries again
          said = twice ? "it was recovered in no room" : twice.error().message;
        }
        if (said.find("full") == std::string::npos && said.find("No space") == std::string::npos)
          return "said: " + said;
      }
      if (read_file(disk_folder + "/registry.db") != database_) return "not in its place";
      if (!test::remount(disk_folder, 0, "size=16m")) return "remount larger";
      return what_is_wrong(disk_folder);
    });
    if (!wrong) GTEST_SKIP() << "mounting is not permitted here";
    EXPECT_EQ(*wrong, "");
  }
}

TEST_F(DiskRecoveryTest, ARunningAgentsRecoveryEndsOnceThereIsRoom) {
  auto wrong = test::on_small_disk(folder_, [&]() -> std::string {
    if (!test::remount(folder_, 0, "size=16m")) return "remount";
    stage(folder_);
    const auto used = database_.size() + journal_.size() + 24 * kPage;
    const std::string size = "size=" + std::to_string(used / 1024) + "k";
    if (!test::remount(folder_, 0, size.c_str())) return "remount smaller";
    auto disk = Disk::open(folder_);
    if (!disk) return disk.error().message;
    if ((*disk)->check()) return "the disk was not full";
    if ((*disk)->take_setback().any()) return "told before it was done";
    if ((*disk)->apply({machine(0)}, 0)) return "wrote to the damaged file";
    if (!test::remount(folder_, 0, "size=16m")) return "remount larger";
    auto done = (*disk)->apply({machine(kDamaged)}, 0, true);
    if (!done) return done.error().message;
    auto setback = (*disk)->take_setback();
    if (setback.reason.empty() || setback.set_aside.empty()) return "not told";
    auto content = (*disk)->read();
    if (!content) return content.error().message;
    if (content->whole) return "called whole";
    return content->records.size() == setback.salvaged + 1 ? "" : "lost";
  });
  if (!wrong) GTEST_SKIP() << "mounting is not permitted here";
  EXPECT_EQ(*wrong, "");
}

}  // namespace
}  // namespace sixpn::registry
