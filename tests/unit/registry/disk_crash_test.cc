// What is left of registry.db after the worst: the process killed at any point, files torn or
// overwritten anywhere, a full disk, a read-only one. Always the last good state, or a loss that is
// told.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "base/fd.h"
#include "registry/io/disk.h"
#include "tests/unit/registry/random_record.h"
#include "tests/unit/registry/small_disk.h"

namespace sixpn::registry {
namespace {

namespace fs = std::filesystem;
using test::on_small_disk;
using test::remount;
using ::testing::HasSubstr;

const sim::TestCluster kCluster;
constexpr unsigned kRecords = 10;  // rewritten together by every batch
constexpr std::size_t kPage = 4096;

using State = std::map<Slot, RecordDigest>;

class DiskCrashTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "sixpn-crash-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Batch `number`: kRecords machines of that version, and one that no other batch has.
  std::vector<Disk::Write> batch(unsigned number) const {
    std::vector<Disk::Write> writes;
    for (unsigned i = 0; i <= kRecords; ++i) {
      auto machine = test::make_machine(host_, i < kRecords ? i : 1000 + number);
      auto record = host_.sign(test::make_owned_record(host_, machine, 1, number));
      writes.push_back({slot_of(record->record), record});
    }
    return writes;
  }
  static State state_of(const std::vector<SignedRecordPtr>& records) {
    State state;
    for (const auto& record : records) state[slot_of(record->record)] = record->digest;
    return state;
  }
  // The version that all of kRecords have; fails when they differ.
  static std::uint64_t version_of(const std::vector<SignedRecordPtr>& records) {
    std::uint64_t version = 0;
    std::size_t seen = 0;
    for (const auto& record : records) {
      if (std::get<MachineRecord>(record->record.value).id.value >= 0x1000 + kRecords) continue;
      if (seen++ == 0) version = record->record.stamp.minor;
      EXPECT_EQ(record->record.stamp.minor, version) << "half a batch";
    }
    EXPECT_TRUE(seen == kRecords || seen == 0);
    return version;
  }
  static std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // A folder with these files and nothing else.
  std::string stage(const std::string& database, const std::string& journal) {
    std::string staged = folder_ + "/staged";
    fs::remove_all(staged);
    fs::create_directory(staged);
    std::ofstream(staged + "/registry.lock") << "used";
    std::ofstream(staged + "/registry.db", std::ios::binary) << database;
    if (!journal.empty()) std::ofstream(staged + "/registry.db-wal", std::ios::binary) << journal;
    return staged;
  }

  std::string folder_;
  sim::EnrolledHost host_ = kCluster.enrol(1);
};

// ---- kill -9

// Runs `work` in a child and kills it `patience` after it has written `words` bytes to its pipe;
// all that it wrote.
std::string kill_nine(std::size_t words, std::chrono::microseconds patience,
                      const std::function<void(int)>& work) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  pid_t child = ::fork();
  if (child == 0) {
    work(ends[1]);
    ::_exit(0);
  }
  Fd in(ends[0]);
  ::close(ends[1]);
  std::string first(words, '\0');
  std::size_t told = 0;
  while (told < words) {
    auto size = ::read(in.get(), first.data() + told, words - told);
    if (size <= 0) break;
    told += static_cast<std::size_t>(size);
  }
  first.resize(told);
  ::usleep(static_cast<useconds_t>(patience.count()));  // any moment is as good as another
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  std::string text(1 << 16, '\0');
  auto size = ::read(in.get(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return first + text;
}

TEST_F(DiskCrashTest, KilledAtAnyPointEveryAnsweredBatchIsThereWhole) {
  Rng rng(5);
  std::uint64_t version = 0;
  int progressed = 0;
  for (int round = 0; round < 40; ++round) {
    // In every third round it may not even have come to its first batch.
    std::size_t batches = rng.below(3);
    std::string answered =
        kill_nine(batches, std::chrono::microseconds(rng.below(5'000)), [&](int out) {
          auto disk = Disk::open(folder_);
          if (!disk) ::_exit(1);
          for (auto next = static_cast<unsigned>(version) + 1;; ++next) {
            if (!(*disk)->apply(batch(next), 0)) ::_exit(1);
            if (::write(out, "+", 1) != 1) ::_exit(1);
          }
        });
    auto disk = Disk::open(folder_);
    ASSERT_TRUE(disk) << disk.error().message;
    auto content = (*disk)->read();
    ASSERT_TRUE(content) << content.error().message;
    ASSERT_TRUE((*disk)->check());
    EXPECT_FALSE((*disk)->take_setback().any());
    EXPECT_EQ(content->unreadable, 0U);
    auto found = version_of(content->records);
    EXPECT_GE(found, version + answered.size());
    EXPECT_LE(found, version + answered.size() + 1);  // one may be written and not yet answered
    EXPECT_EQ(content->records.size(), found == 0 ? 0 : kRecords + found);
    progressed += found > version ? 1 : 0;
    version = found;
  }
  EXPECT_GT(progressed, 10);
}

TEST_F(DiskCrashTest, KilledWhileMigratingItIsTheOldFileOrTheNewOne) {
  {
    auto disk = Disk::open(folder_);
    ASSERT_TRUE(disk);
    for (unsigned i = 1; i <= 60; ++i) ASSERT_TRUE((*disk)->apply(batch(i), 0));
  }
  sqlite3* database = nullptr;
  std::string path = folder_ + "/registry.db";
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  std::string sql = "ALTER TABLE records DROP COLUMN digest; PRAGMA user_version = 1;";
  for (const char* table : {"hosts", "machines", "orgs", "networks", "apps", "flycast", "peers",
                            "revocations", "renewals"})
    sql += std::string("DROP TABLE ") + table + ";";
  ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
  const std::string old = read_file(path);
  Rng rng(6);
  for (int round = 0; round < 25; ++round) {
    std::string staged = stage(old, "");
    kill_nine(0, std::chrono::microseconds(200 + rng.below(9'000)), [&](int) {
      auto disk = Disk::open(staged);
      ::pause();
    });
    auto disk = Disk::open(staged);
    ASSERT_TRUE(disk) << disk.error().message;
    EXPECT_EQ(version_of((*disk)->read()->records), 60U);
    EXPECT_FALSE((*disk)->take_setback().any());
  }
}

// ---- torn files

TEST_F(DiskCrashTest, AJournalTornAnywhereGivesTheStateOfSomeBatch) {
  auto disk = Disk::open(folder_);
  ASSERT_TRUE(disk);
  std::vector<State> states(1);
  for (unsigned i = 1; i <= 20; ++i) {
    auto writes = batch(i);
    ASSERT_TRUE((*disk)->apply(writes, 0));
    State next = states.back();
    for (const auto& write : writes) next[write.slot] = write.record->digest;
    states.push_back(std::move(next));
  }
  const std::string database = read_file(folder_ + "/registry.db");
  const std::string journal = read_file(folder_ + "/registry.db-wal");
  ASSERT_GT(journal.size(), 20 * kPage);
  std::set<std::size_t> reached;
  Rng rng(7);
  for (int round = 0; round < 120; ++round) {
    std::string torn = journal;
    std::size_t at = rng.below(journal.size());
    if (rng.chance(0.5)) {
      torn.resize(at);
    } else {
      for (std::size_t i = at; i < std::min(at + 1 + rng.below(6000), torn.size()); ++i)
        torn[i] = static_cast<char>(rng());
    }
    auto again = Disk::open(stage(database, torn));
    ASSERT_TRUE(again) << again.error().message;
    auto content = (*again)->read();
    ASSERT_TRUE(content) << content.error().message;
    auto setback = (*again)->take_setback();
    if (setback.any()) {  // torn before the schema was in it: the file is empty
      EXPECT_TRUE(content->records.empty());
      continue;
    }
    auto found = std::find(states.begin(), states.end(), state_of(content->records));
    ASSERT_NE(found, states.end()) << "a state that never was, torn at " << at;
    reached.insert(static_cast<std::size_t>(found - states.begin()));
  }
  EXPECT_GT(reached.size(), 8U);
}

// One way in which a disk spoils a file.
std::string spoil(std::string bytes, Rng& rng) {
  std::size_t pages = bytes.size() / kPage;
  std::size_t page = rng.below(pages) * kPage;
  switch (rng.below(5)) {
    case 0:  // lost its end
      bytes.resize(rng.below(bytes.size()));
      break;
    case 1:  // a page of zeros
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(page), kPage, '\0');
      break;
    case 2:  // a page of noise
      for (std::size_t i = 0; i < kPage; ++i) bytes[page + i] = static_cast<char>(rng());
      break;
    case 3:  // a few bytes of noise
      for (std::size_t i = rng.below(kPage - 16), n = i + 16; i < n; ++i)
        bytes[page + i] = static_cast<char>(rng());
      break;
    default:  // written in the wrong place
      bytes.replace(page, kPage, bytes.substr(rng.below(pages) * kPage, kPage));
  }
  return bytes;
}

TEST_F(DiskCrashTest, AFileSpoiltAnywhereIsRefusedOrReadAndTold) {
  State all;
  {
    auto disk = Disk::open(folder_);
    ASSERT_TRUE(disk);
    for (unsigned i = 1; i <= 60; ++i) {
      auto writes = batch(i);
      ASSERT_TRUE((*disk)->apply(writes, 0));
      for (const auto& write : writes) all[write.slot] = write.record->digest;
    }
  }
  const std::string whole = read_file(folder_ + "/registry.db");
  std::size_t refused = 0;
  std::size_t set_aside = 0;
  std::size_t salvaged = 0;
  Rng rng(8);
  for (int round = 0; round < 250; ++round) {
    SCOPED_TRACE(round);
    std::string spoilt = spoil(whole, rng);
    std::string staged = stage(spoilt, "");
    auto disk = Disk::open(staged);
    if (!disk) {
      EXPECT_NE(disk.error().message, "");
      EXPECT_EQ(read_file(staged + "/registry.db").size(), spoilt.size());  // left for the operator
      ++refused;
      continue;
    }
    auto content = (*disk)->read();
    ASSERT_TRUE(content) << content.error().message;
    State found = state_of(content->records);
    EXPECT_TRUE(std::includes(all.begin(), all.end(), found.begin(), found.end()));
    ASSERT_TRUE((*disk)->check());
    auto setback = (*disk)->take_setback();
    bool told = setback.any() || content->unreadable > 0;
    EXPECT_TRUE(told || found == all) << found.size() << " of " << all.size() << ", silently";
    set_aside += setback.set_aside.empty() ? 0 : 1;
    salvaged += setback.salvaged;
    auto next = batch(61);
    ASSERT_TRUE((*disk)->apply(next, 0));
    State after = state_of((*disk)->read()->records);
    for (const auto& write : next) EXPECT_EQ(after[write.slot], write.record->digest);
  }
  EXPECT_GT(set_aside, 50U);
  EXPECT_GT(salvaged, set_aside * all.size() / 4);
  EXPECT_LT(refused, 60U);
}

// ---- full and read-only disks

TEST_F(DiskCrashTest, AFullDiskKeepsWhatItHasAndTakesMoreOnceThereIsRoom) {
  auto wrong = on_small_disk(folder_, [&]() -> std::string {
    auto disk = Disk::open(folder_);
    if (!disk) return disk.error().message;
    unsigned next = 1;
    Result<void> last;
    while (next < 1000 && (last = (*disk)->apply(batch(next), 0))) ++next;
    if (last) return "the disk was never full";
    if (last.error().message.find("full") == std::string::npos) return last.error().message;
    auto content = (*disk)->read();
    if (!content) return content.error().message;
    if (version_of(content->records) != next - 1) return "not the last good state";
    if (!remount(folder_, 0, "size=16m")) return "remount";
    if (auto done = (*disk)->apply(batch(next), 0); !done) return done.error().message;
    disk->reset();
    auto again = Disk::open(folder_);
    if (!again) return again.error().message;
    if (version_of((*again)->read()->records) != next) return "lost after the disk was full";
    return (*again)->take_setback().any() ? "taken for damage" : "";
  });
  if (!wrong) GTEST_SKIP() << "mounting is not permitted here";
  EXPECT_EQ(*wrong, "");
}

TEST_F(DiskCrashTest, ADiskThatIsFullFromTheStartIsRefused) {
  auto wrong = on_small_disk(folder_, [&]() -> std::string {
    std::ofstream(folder_ + "/ballast") << std::string(512 * 1024, 'x');
    auto disk = Disk::open(folder_);
    return disk ? "it was opened" : disk.error().message;
  });
  if (!wrong) GTEST_SKIP() << "mounting is not permitted here";
  EXPECT_THAT(*wrong, testing::AnyOf(HasSubstr("full"), HasSubstr("No space")));
}

TEST_F(DiskCrashTest, AReadOnlyDiskIsRefusedAndLeftAsItIs) {
  auto wrong = on_small_disk(folder_, [&]() -> std::string {
    {
      auto disk = Disk::open(folder_);
      if (!disk || !(*disk)->apply(batch(1), 0)) return "could not begin";
    }
    if (!remount(folder_, MS_RDONLY, nullptr)) return "remount";
    if (auto disk = Disk::open(folder_); disk) return "it was opened";
    if (!remount(folder_, 0, nullptr)) return "remount";
    auto disk = Disk::open(folder_);
    if (!disk) return disk.error().message;
    return version_of((*disk)->read()->records) == 1 ? "" : "the state is gone";
  });
  if (!wrong) GTEST_SKIP() << "mounting is not permitted here";
  EXPECT_EQ(*wrong, "");
}

}  // namespace
}  // namespace sixpn::registry
