#include "registry/io/sql_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "registry/io/disk.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const sim::TestCluster kCluster;

class SqlQueryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sixpn-sql-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto disk = Disk::open(folder_);
    ASSERT_TRUE(disk) << disk.error().message;
    disk_ = std::move(*disk);
    std::vector<Disk::Write> writes;
    auto add = [&](const SignedRecordPtr& record) {
      writes.push_back({slot_of(record->record), record});
    };
    add(host_.signed_host());
    for (unsigned i = 0; i < 30; ++i) {
      auto machine = test::make_machine(host_, i);
      machine.metadata = {{"role", i % 2 == 0 ? "primary" : "replica"}};
      machine.updated = from_unix_ms(1'795'000'000'000);
      add(host_.sign(test::make_owned_record(host_, machine, 1, 1)));
    }
    ASSERT_TRUE(disk_->apply(writes, 0));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ + "/registry.db"; }
  std::string error_of(const std::string& sql, const SqlBounds& bounds = {}) {
    auto result = run_sql(path(), sql, bounds);
    return result ? "it was done" : result.error().message;
  }
  SqlResult must_run(const std::string& sql, const SqlBounds& bounds = {}) {
    auto result = run_sql(path(), sql, bounds);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? std::move(*result) : SqlResult();
  }

  std::string folder_;
  std::unique_ptr<Disk> disk_;  // the agent, which runs
  sim::EnrolledHost host_ = kCluster.enrol(1);
};

TEST_F(SqlQueryTest, JoinsAndJson) {
  auto result = must_run(
      "SELECT h.name, count(*) AS machines, min(m.updated) FROM machines m JOIN hosts h "
      "ON h.id = m.host WHERE m.metadata ->> 'role' = 'primary' AND m.state = 'started'");
  EXPECT_THAT(result.columns, ElementsAre("name", "machines", "min(m.updated)"));
  ASSERT_EQ(result.rows.size(), 1U);
  EXPECT_EQ(std::get<std::string>(result.rows[0][0]), "h1");
  EXPECT_EQ(std::get<std::int64_t>(result.rows[0][1]), 15);
  EXPECT_EQ(std::get<std::string>(result.rows[0][2]), "2026-11-18T11:06:40Z");
}

TEST_F(SqlQueryTest, EveryTypeAndDoubleNames) {
  auto result = must_run("SELECT 1 AS a, 2.5 AS a, 'x' AS a, x'00ff' AS b, NULL AS c");
  EXPECT_THAT(result.columns, ElementsAre("a", "a:2", "a:3", "b", "c"));
  EXPECT_EQ(std::get<double>(result.rows[0][1]), 2.5);
  EXPECT_EQ(std::get<SqlBlob>(result.rows[0][3]).bytes, std::string("\x00\xff", 2));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(result.rows[0][4]));
}

TEST_F(SqlQueryTest, ErrorsPointAtTheirPlace) {
  EXPECT_EQ(error_of("SELECT nmae FROM hosts"),
            "sql: no such column: nmae\n  SELECT nmae FROM hosts\n         ^");
  EXPECT_EQ(error_of("SELECT name\nFORM hosts"),
            "sql: near \"hosts\": syntax error\n  FORM hosts\n       ^");
  EXPECT_EQ(error_of("SELECT 1; SELECT 2"),
            "sql: one statement at a time\n  SELECT 1; SELECT 2\n           ^");
  EXPECT_EQ(error_of("  "), "sql: there is no statement");
  EXPECT_THAT(error_of("SELECT '"), HasSubstr("unrecognized token"));
}

TEST_F(SqlQueryTest, NothingButReading) {
  std::string other = folder_ + "/other.db";
  for (const std::string& sql :
       {std::string("DELETE FROM machines"), std::string("UPDATE hosts SET name = 'x'"),
        std::string("CREATE TABLE t (x)"), std::string("CREATE TEMP TABLE t (x)"),
        std::string("DROP TABLE records"), "ATTACH '" + other + "' AS o",
        "VACUUM INTO '" + other + "'", std::string("SELECT load_extension('/tmp/x.so')"),
        std::string("PRAGMA user_version = 9"), std::string("PRAGMA query_only = OFF"),
        std::string("PRAGMA journal_mode = DELETE"), std::string("PRAGMA wal_checkpoint"),
        std::string("BEGIN IMMEDIATE"),
        std::string("INSERT INTO state VALUES ('x', 1) RETURNING value")})
    EXPECT_THAT(error_of(sql), HasSubstr("only reading is possible here")) << sql;
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_EQ(std::get<std::int64_t>(must_run("SELECT count(*) FROM machines").rows[0][0]), 30);
  EXPECT_EQ(must_run("PRAGMA table_info(machines)").rows.size(), 15U);
  EXPECT_EQ(std::get<std::int64_t>(must_run("PRAGMA user_version").rows[0][0]), kSchemaVersion);
  EXPECT_GE(must_run("SELECT name, sql FROM sqlite_schema").rows.size(), 10U);
}

TEST_F(SqlQueryTest, RowsTimeAndMemoryAreBounded) {
  SqlBounds few{10, std::chrono::seconds(10)};
  EXPECT_TRUE(must_run("SELECT id FROM machines", few).cut);
  EXPECT_EQ(must_run("SELECT id FROM machines", few).rows.size(), 10U);
  EXPECT_FALSE(must_run("SELECT id FROM machines LIMIT 10", few).cut);
  const std::string forever =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
  EXPECT_THAT(error_of(forever, {10, std::chrono::milliseconds(50)}), HasSubstr("stopped after"));
  EXPECT_THAT(error_of("SELECT length(zeroblob(900000000) || 'x')"), HasSubstr("sql: "));
}

TEST_F(SqlQueryTest, WorksWhenNoAgentRuns) {
  disk_.reset();
  EXPECT_EQ(std::get<std::int64_t>(must_run("SELECT count(*) FROM machines").rows[0][0]), 30);
}

TEST_F(SqlQueryTest, AReaderDoesNotHoldTheAgentUp) {
  auto before = must_run("SELECT id FROM machines");
  auto record = host_.sign(test::make_owned_record(host_, test::make_machine(host_, 99), 1, 1));
  ASSERT_TRUE(disk_->apply({{slot_of(record->record), record}}, 0));
  EXPECT_EQ(must_run("SELECT id FROM machines").rows.size(), before.rows.size() + 1);
}

TEST_F(SqlQueryTest, AMissingOrForeignFileIsNamed) {
  auto missing = run_sql(folder_ + "/none.db", "SELECT 1");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("No such file"));
  std::string text = folder_ + "/text.db";
  std::ofstream(text) << std::string(4096, 'x');
  auto foreign = run_sql(text, "SELECT 1");
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, HasSubstr("not a database"));
}

}  // namespace
}  // namespace sixpn::registry
