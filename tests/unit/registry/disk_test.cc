#include "registry/io/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/encoding.h"
#include "base/io/clock.h"
#include "registry/io/disk_tables.h"
#include "registry/io/sql_query.h"
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

  SqlResult run_sql_query(const std::string& sql) {
    auto result = registry::run_sql(path(), sql);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? std::move(*result) : SqlResult();
  }
  void write_machines(unsigned count) {
    std::vector<Disk::Write> writes;
    for (unsigned i = 0; i < count; ++i) {
      auto record = host_.sign(test::make_owned_record(host_, test::make_machine(host_, i), 1, 1));
      writes.push_back({slot_of(record->record), record});
    }
    ASSERT_TRUE(must_open()->apply(writes, 0));
  }
  static std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  static void write_file(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  static void until_next_millisecond() {
    for (auto now = unix_ms(wall_now()); now == unix_ms(wall_now());) {
    }
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
  std::map<Slot, RecordDigest> expected;
  for (const auto& write : writes) expected[write.slot] = write.record->digest;
  {
    auto disk = must_open();
    ASSERT_TRUE(disk->apply(writes, 0));
    ASSERT_TRUE(disk->apply({{expected.begin()->first, nullptr}}, 0));
    expected.erase(expected.begin());
  }
  auto content = must_open()->read();
  ASSERT_TRUE(content);
  std::map<Slot, RecordDigest> found;
  for (const auto& record : content->records) found[slot_of(record->record)] = record->digest;
  EXPECT_EQ(found, expected);
  EXPECT_EQ(content->unreadable, 0U);
}

TEST_F(DiskTest, AFileIsWholeFromWhenItIsSaidUntilSomethingOfItIsLost) {
  auto is_whole = [this] { return must_open()->read()->whole; };
  EXPECT_FALSE(is_whole());
  write_machines(200);
  EXPECT_FALSE(is_whole());
  ASSERT_TRUE(must_open()->apply({}, 0, true));
  EXPECT_TRUE(is_whole());
  write_machines(200);
  EXPECT_TRUE(is_whole());
  std::filesystem::remove(path());
  EXPECT_FALSE(is_whole());
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
  run_sql("PRAGMA user_version = 3");
  EXPECT_THAT(open_error(), HasSubstr("newer sixpn (schema 3, this program knows 2)"));
  EXPECT_THAT(open_error(), HasSubstr("newer sixpn"));  // still there
}

TEST_F(DiskTest, AForeignDatabaseIsRefusedAndKept) {
  run_sql("CREATE TABLE recipes (name TEXT)");
  EXPECT_THAT(open_error(), HasSubstr("is no registry of sixpn"));
}

TEST_F(DiskTest, ACorruptFileIsSetAside) {
  std::ofstream(path()) << std::string(8192, 'x');
  auto disk = must_open();
  ASSERT_TRUE(disk);
  auto setback = disk->take_setback();
  EXPECT_TRUE(std::filesystem::exists(setback.set_aside));
  EXPECT_EQ(setback.salvaged, 0U);
  EXPECT_FALSE(disk->take_setback().any());  // told once
  EXPECT_TRUE(disk->read()->records.empty());
  EXPECT_TRUE(disk->next_incarnation(kNow));
}

TEST_F(DiskTest, DamageInsideTheFileIsFoundAndTheRestIsKept) {
  write_machines(200);
  ASSERT_TRUE(must_open()->apply({}, 0, true));
  ASSERT_GT(std::filesystem::file_size(path()), 65'536U);
  {
    auto some = host_.sign(test::make_owned_record(host_, test::make_machine(host_, 100), 1, 1));
    auto page = read_file(path()).find(some->wire()) / 4096 * 4096;
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(page));
    file << std::string(4096, '\x5a');
  }
  auto disk = must_open();
  ASSERT_TRUE(disk);
  ASSERT_TRUE(disk->read());
  auto setback = disk->take_setback();
  ASSERT_TRUE(std::filesystem::exists(setback.set_aside));
  EXPECT_NE(setback.reason, "");
  EXPECT_GT(setback.salvaged, 100U);
  EXPECT_LT(setback.salvaged, 200U);
  auto content = disk->read();
  ASSERT_TRUE(content);
  EXPECT_EQ(content->records.size(), setback.salvaged);
  EXPECT_EQ(content->unreadable, 0U);
  EXPECT_FALSE(content->whole);
}

TEST_F(DiskTest, AFlippedBitInARecordIsNotTakenForTheRecord) {
  write_machines(20);
  std::string bytes = read_file(path());
  auto app = bytes.find("web");  // in the wire of one, or beside it
  ASSERT_NE(app, std::string::npos);
  std::size_t damaged = 0;
  for (; app != std::string::npos; app = bytes.find("web", app + 1)) {
    std::string torn = bytes;
    torn[app] ^= 1;
    write_file(path(), torn);
    auto content = must_open()->read();
    ASSERT_TRUE(content);
    for (const auto& record : content->records)
      EXPECT_EQ(std::get<MachineRecord>(record->record.value).app, "web");
    EXPECT_EQ(content->records.size() + content->unreadable, 20U);
    damaged += content->unreadable;
  }
  EXPECT_EQ(damaged, 20U);  // each wire once; the readable tables do not count
}

TEST_F(DiskTest, AnEmptiedFileIsNotTakenForANewOne) {
  EXPECT_FALSE(must_open()->take_setback().any());
  EXPECT_FALSE(must_open()->take_setback().any());
  std::filesystem::resize_file(path(), 0);
  EXPECT_TRUE(must_open()->take_setback().was_missing);
  std::filesystem::remove(path());
  EXPECT_TRUE(must_open()->take_setback().was_missing);
}

TEST_F(DiskTest, CorruptFilesDoNotPileUp) {
  for (int i = 0; i < 8; ++i) {
    write_file(path(), std::string(8192, 'x'));
    EXPECT_TRUE(must_open()->take_setback().any());
    until_next_millisecond();  // the names tell it
  }
  std::size_t kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    kept += entry.path().string().find(".corrupt-") != std::string::npos ? 1 : 0;
  EXPECT_EQ(kept, kMaxSetAside);
}

// As 0.1.0 wrote it.
TEST_F(DiskTest, SchemaOneIsMigrated) {
  run_sql(R"(CREATE TABLE records (kind INTEGER NOT NULL, id TEXT NOT NULL, scope TEXT NOT NULL,
      writer TEXT NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL,
      tombstone INTEGER NOT NULL, wire BLOB NOT NULL, PRIMARY KEY (kind, id, scope)) WITHOUT ROWID;
    CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO state VALUES ('incarnation', 1900000000);
    INSERT INTO records VALUES (5, 'x', '', '', 0, 0, 0, 'rubbish');
    PRAGMA application_id = 1936291950; PRAGMA user_version = 1;)");
  auto record = host_.sign(test::make_owned_record(host_, test::make_machine(host_, 1), 7, 3));
  run_sql("INSERT INTO records VALUES (2, '" + record->record.key.id + "', '" +
          to_string(host_.id) + "', '" + to_string(host_.id) + "', 7, 3, 0, x'" +
          to_hex(record->wire()) + "')");
  auto disk = must_open();
  ASSERT_TRUE(disk);
  auto content = disk->read();
  ASSERT_TRUE(content);
  ASSERT_EQ(content->records.size(), 1U);
  EXPECT_EQ(content->records[0]->digest, record->digest);
  EXPECT_EQ(content->unreadable, 1U);  // kept as it was
  EXPECT_TRUE(content->whole);
  EXPECT_EQ(*disk->next_incarnation(kNow), 1'900'000'001U);
  auto machines = run_sql_query("SELECT app, state FROM machines");
  ASSERT_EQ(machines.rows.size(), 1U);
  EXPECT_EQ(std::get<std::string>(machines.rows[0][0]), "web");
}

TEST_F(DiskTest, ReadableTablesSayWhatTheRecordsSay) {
  Rng rng(1);
  std::map<Slot, SignedRecordPtr> expected;
  auto disk = must_open();
  for (int batch = 0; batch < 40; ++batch) {
    std::vector<Disk::Write> writes;
    for (int i = 0; i < 10; ++i) {
      auto record = host_.sign(test::random_record(host_, rng));
      Slot slot = slot_of(record->record);
      if (rng.chance(0.2)) record = nullptr;
      writes.push_back({slot, record});
      expected[slot] = record;
    }
    ASSERT_TRUE(disk->apply(writes, 0));
  }
  std::map<std::string, std::size_t> rows;
  const std::map<RecordKind, std::string> tables = {
      {RecordKind::kMachine, "machines"},   {RecordKind::kOrg, "orgs"},
      {RecordKind::kNetwork, "networks"},   {RecordKind::kApp, "apps"},
      {RecordKind::kFlycast, "flycast"},    {RecordKind::kPeer, "peers"},
      {RecordKind::kInterest, "interests"}, {RecordKind::kTlsGrant, "tls_grants"}};
  for (const auto& [slot, record] : expected) {
    const auto& table = tables.at(slot.key.kind);
    auto found = run_sql_query("SELECT * FROM " + table + " WHERE id = '" + slot.key.id +
                               "' AND scope = '" + slot.scope + "'");
    bool live = record && !record->record.tombstone;
    ASSERT_EQ(found.rows.size(), live ? 1U : 0U) << to_string(slot.key);
    if (!live) continue;
    auto row = readable_row(record->record);
    ASSERT_EQ(row.size(), found.columns.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (const auto* text = std::get_if<std::string>(&row[i])) {
        EXPECT_EQ(std::get<std::string>(found.rows[0][i]), *text);
      }
    }
    ++rows[table];
  }
  EXPECT_EQ(rows.size(), tables.size());
}

TEST_F(DiskTest, AKindThatIsNewHereGetsItsTable) {
  must_open();
  run_sql("DROP TABLE machines");
  write_machines(3);
  EXPECT_EQ(run_sql_query("SELECT id FROM machines").rows.size(), 3U);
}

TEST_F(DiskTest, RenewalsHaveATable) {
  RenewalRecord renewal;
  renewal.host = host_.id;
  Record record = test::make_shared_record(host_, renewal, "", 1);
  EXPECT_LT(static_cast<std::size_t>(record.key.kind), kReadableKinds);
  EXPECT_FALSE(readable_row(record).empty());
}

TEST_F(DiskTest, InterestsHaveATable) {
  InterestRecord interest{host_.id, false, {NetworkId{7}, NetworkId{9}}};
  auto row = readable_row(test::make_owned_record(host_, interest, 3, 1));
  std::string self = to_string(host_.id);
  EXPECT_EQ(row, (std::vector<SqlValue>{self, self, self, "used", "[\"00000007\",\"00000009\"]",
                                        std::int64_t{3}, self}));
}

TEST_F(DiskTest, RowsThatAreNoRecordsAreCountedAndLeft) {
  write_machines(2);
  run_sql("UPDATE records SET wire = 'rubbish' WHERE id = (SELECT max(id) FROM records)");
  auto disk = must_open();
  auto content = disk->read();
  ASSERT_TRUE(content);
  EXPECT_EQ(content->records.size(), 1U);
  EXPECT_EQ(content->unreadable, 1U);
  EXPECT_FALSE(disk->take_setback().any());
}

TEST_F(DiskTest, ARowThatVanishedIsNoticed) {
  write_machines(20);
  run_sql("DELETE FROM records WHERE id = (SELECT max(id) FROM records)");
  auto disk = must_open();
  EXPECT_EQ(disk->read()->records.size(), 19U);
  auto setback = disk->take_setback();
  EXPECT_THAT(setback.reason, HasSubstr("lacks rows that it had"));
  EXPECT_EQ(setback.salvaged, 19U);
}

TEST_F(DiskTest, TheFileIsForItsOwnerOnly) {
  must_open();
  auto mode = std::filesystem::status(path()).permissions();
  EXPECT_EQ(mode & std::filesystem::perms::mask, std::filesystem::perms(0600));
}

}  // namespace
}  // namespace sixpn::registry
