#include "registry/io/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using ::testing::HasSubstr;

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);

class DiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sixpn-disk-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ + "/registry.db"; }
  std::unique_ptr<Disk> must_open() {
    auto disk = Disk::open(folder_);
    EXPECT_TRUE(disk) << (disk ? "" : disk.error().message);
    return disk ? std::move(*disk) : nullptr;
  }
  std::string open_error() {
    auto disk = Disk::open(folder_);
    return disk ? "" : disk.error().message;
  }
  void run_sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  std::string folder_;
  sim::EnrolledHost host_ = kCluster.enrol(1);
};

TEST_F(DiskTest, WhatIsWrittenIsReadBack) {
  Rng rng(1);
  std::vector<Disk::Write> writes;
  for (int i = 0; i < 40; ++i) {
    auto record = host_.sign(test::random_record(host_, rng));
    writes.push_back({slot_of(record->record), record});
  }
  std::map<Slot, Hash> expected;
  for (const auto& write : writes) expected[write.slot] = write.record->digest;
  {
    auto disk = must_open();
    ASSERT_TRUE(disk->apply(writes, 0));
    ASSERT_TRUE(disk->apply({{expected.begin()->first, nullptr}}, 0));
    expected.erase(expected.begin());
  }
  auto content = must_open()->read();
  ASSERT_TRUE(content);
  std::map<Slot, Hash> found;
  for (const auto& record : content->records) found[slot_of(record->record)] = record->digest;
  EXPECT_EQ(found, expected);
  EXPECT_EQ(content->unreadable, 0U);
}

TEST_F(DiskTest, AnIncarnationIsNeverGivenTwice) {
  auto first = must_open()->next_incarnation(kNow);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first,
            1'800'000'000U);  // Unix seconds: above every life before, even without this disk
  EXPECT_EQ(*must_open()->next_incarnation(kNow), *first + 1);
  EXPECT_EQ(*must_open()->next_incarnation(kNow - std::chrono::hours(1)), *first + 2);
  ASSERT_TRUE(must_open()->apply({}, 2'000'000'000));
  EXPECT_EQ(*must_open()->next_incarnation(kNow), 2'000'000'001U);
}

TEST_F(DiskTest, ASecondProcessIsRefused) {
  auto disk = must_open();
  EXPECT_THAT(open_error(), HasSubstr("another agent already runs on"));
}

TEST_F(DiskTest, AMissingFolderIsAnError) {
  auto disk = Disk::open(folder_ + "/missing");
  ASSERT_FALSE(disk);
  EXPECT_THAT(disk.error().message, HasSubstr("No such file or directory"));
}

TEST_F(DiskTest, ANewerSchemaIsRefusedAndKept) {
  must_open();
  run_sql("PRAGMA user_version = 2");
  EXPECT_THAT(open_error(), HasSubstr("newer sixpn (schema 2, this program knows 1)"));
  EXPECT_THAT(open_error(), HasSubstr("newer sixpn"));  // still there
}

TEST_F(DiskTest, AForeignDatabaseIsRefusedAndKept) {
  run_sql("CREATE TABLE recipes (name TEXT)");
  EXPECT_THAT(open_error(), HasSubstr("is no registry of sixpn"));
}

TEST_F(DiskTest, ACorruptFileIsSetAside) {
  std::ofstream(path()) << std::string(8192, 'x');
  auto disk = must_open();
  ASSERT_TRUE(disk && disk->set_aside());
  EXPECT_TRUE(std::filesystem::exists(*disk->set_aside()));
  EXPECT_TRUE(disk->read()->records.empty());
  EXPECT_TRUE(disk->next_incarnation(kNow));
}

TEST_F(DiskTest, DamageInsideTheFileIsFoundToo) {
  std::vector<Disk::Write> writes;
  for (unsigned i = 0; i < 200; ++i) {
    auto record = host_.sign(test::make_owned_record(host_, test::make_machine(host_, i), 1, 1));
    writes.push_back({slot_of(record->record), record});
  }
  {
    auto disk = must_open();
    ASSERT_TRUE(disk->apply(writes, 0));
  }
  auto size = std::filesystem::file_size(path());
  ASSERT_GT(size, 32'768U);
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8192);
    file << std::string(16'384, '\x5a');
  }
  auto disk = must_open();
  ASSERT_TRUE(disk);
  EXPECT_TRUE(disk->set_aside());
}

TEST_F(DiskTest, RowsThatAreNoRecordsAreCountedAndLeft) {
  {
    auto disk = must_open();
    auto record = host_.signed_host();
    ASSERT_TRUE(disk->apply({{slot_of(record->record), record}}, 0));
  }
  run_sql("INSERT INTO records VALUES (5, 'x', '', '', 0, 0, 0, 'rubbish')");
  auto content = must_open()->read();
  ASSERT_TRUE(content);
  EXPECT_EQ(content->records.size(), 1U);
  EXPECT_EQ(content->unreadable, 1U);
}

TEST_F(DiskTest, TheFileIsForItsOwnerOnly) {
  must_open();
  auto mode = std::filesystem::status(path()).permissions();
  EXPECT_EQ(mode & std::filesystem::perms::mask, std::filesystem::perms(0600));
}

}  // namespace
}  // namespace sixpn::registry
