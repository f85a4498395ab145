#include "flycast/core/postgres_opening.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

// Bytes as PostgreSQL's documentation has them.
std::string bytes(std::initializer_list<int> values) {
  std::string all;
  for (int value : values) all += static_cast<char>(value);
  return all;
}

TEST(PostgresOpening, IsToldFromItsFirstEightBytes) {
  struct Case {
    std::string first;
    PostgresOpening opening;
  };
  const Case cases[] = {
      {bytes({0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}), PostgresOpening::kTls},
      {bytes({0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30}), PostgresOpening::kGss},
      {bytes({0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e}), PostgresOpening::kCancel},
      {bytes({0, 0, 0, 41, 0, 3, 0, 0}), PostgresOpening::kPlain},
      {bytes({0, 0, 0, 41, 0, 3, 0, 2}), PostgresOpening::kPlain},
      {bytes({0x16, 3, 1, 2, 0, 1, 0, 1}), PostgresOpening::kDirectTls},
      // Longer than it can be, an older protocol, another protocol, and too little.
      {bytes({0, 0, 0, 9, 0x04, 0xd2, 0x16, 0x2f}), PostgresOpening::kOther},
      {bytes({0, 0, 0, 12, 0x04, 0xd2, 0x16, 0x2e}), PostgresOpening::kOther},
      {bytes({0, 0, 1, 40, 0, 2, 0, 0}), PostgresOpening::kOther},
      {"GET / HT", PostgresOpening::kOther},
      {bytes({0, 0, 0, 8, 0x04, 0xd2, 0x16}), PostgresOpening::kOther},
      {"", PostgresOpening::kOther},
  };
  for (const Case& one : cases) EXPECT_EQ(judge_postgres_opening(one.first), one.opening);
}

TEST(PostgresOpening, ARefusalIsAnErrorResponse) {
  std::string fields = std::string("SFATAL\0VFATAL\0C28000\0Mno\0\0", 26);
  EXPECT_EQ(postgres_refusal("28000", "no"), "E" + bytes({0, 0, 0, 30}) + fields);
}

}  // namespace
}  // namespace sixpn::flycast
