#include "mesh/io/host_keys.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "mesh/io/identity_store.h"
#include "registry/core/tls_authority.h"
#include "tests/unit/mesh/knock_fixture.h"

namespace sixpn::mesh {
namespace {

namespace fs = std::filesystem;

class HostKeysTest : public ::testing::Test {
 protected:
  HostKeysTest() {
    char folder[] = "/tmp/sixpn-keys-XXXXXX";
    state_ = mkdtemp(folder);
    CreateClusterOptions options;
    options.now = test::kWall;
    EXPECT_TRUE(IdentityStore::create_cluster(state_, options));
  }
  ~HostKeysTest() override { fs::remove_all(state_); }

  [[nodiscard]] std::string file(const std::string& name) const {
    return state_ + "/identity/" + name;
  }
  HostKeys load() { return load_host_keys(state_).value(); }

  std::string state_;
};

void expect_equal(const HostKeys& a, const HostKeys& b) {
  EXPECT_EQ(a.main, b.main);
  EXPECT_EQ(a.spare, b.spare);
  EXPECT_EQ(a.next_main, b.next_main);
  EXPECT_EQ(a.next_spare, b.next_spare);
}

TEST_F(HostKeysTest, ASpareKeyIsMadeOnceAndPrivate) {
  HostKeys keys = load();
  EXPECT_EQ(keys.main, IdentityStore::load(state_).value().wireguard_key);
  EXPECT_FALSE(keys.spare == keys.main);
  EXPECT_EQ(keys.rotation(), Rotation::kNone);
  expect_equal(load(), keys);
  struct stat found;
  ASSERT_EQ(stat(file("spare.key").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

// The agent may be killed after each step: the files say the same as what it held.
// Peers' devices have it in their configuration for years.
TEST_F(HostKeysTest, TheGatewaysKeyIsMadeOnceAndStaysWhenTheOthersChange) {
  auto made = load_gateway_key(state_);
  ASSERT_TRUE(made) << made.error().message;
  struct stat status {};
  ASSERT_EQ(stat(file("gateway.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  auto rotated = begin_rotation(state_, load());
  ASSERT_TRUE(rotated);
  rotated = change_main_key(state_, *rotated);
  ASSERT_TRUE(rotated);
  ASSERT_TRUE(finish_rotation(state_, *rotated));
  EXPECT_EQ(load_gateway_key(state_).value(), *made);
  EXPECT_FALSE(*made == load().main);
  EXPECT_FALSE(*made == load().spare);
}

TEST_F(HostKeysTest, TheKeyForTlsIsMadeOnceAndItsPublicPartIsKept) {
  auto made = load_tls_identity(state_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->public_key, host_tls_key(made->seed).public_key());
  const fs::file_time_type long_ago{};
  fs::last_write_time(file("tls.pub"), long_ago);
  auto again = load_tls_identity(state_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(fs::last_write_time(file("tls.pub")), long_ago) << "read, not made again";
  EXPECT_EQ(again->seed, made->seed);
  EXPECT_EQ(again->public_key, made->public_key);
  struct stat status {};
  ASSERT_EQ(stat(file("tls.pub").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(HostKeysTest, APublicKeyForTlsOfAnotherSecretIsMadeAnew) {
  ASSERT_TRUE(load_tls_identity(state_));
  fs::remove(file("tls.key"));
  auto other = load_tls_identity(state_);
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(other->public_key, host_tls_key(other->seed).public_key());
  EXPECT_EQ(load_tls_identity(state_)->public_key, other->public_key);
}

TEST_F(HostKeysTest, ADamagedPublicKeyForTlsIsMadeAnew) {
  auto made = load_tls_identity(state_).value();
  for (const std::string& damage : {std::string("%"), std::string(), std::string("AAAA\n")}) {
    std::ofstream(file("tls.pub")) << damage;
    EXPECT_EQ(load_tls_identity(state_).value().public_key, made.public_key) << damage;
  }
}

TEST_F(HostKeysTest, EachStepIsOnDiskWhenItIsDone) {
  HostKeys rest = load();
  HostKeys leaving = begin_rotation(state_, rest).value();
  EXPECT_EQ(leaving.rotation(), Rotation::kLeave);
  EXPECT_EQ(leaving.main, rest.main) << "not in use yet";
  expect_equal(load(), leaving);
  HostKeys returning = change_main_key(state_, leaving).value();
  EXPECT_EQ(returning.rotation(), Rotation::kReturn);
  EXPECT_EQ(returning.main, *leaving.next_main);
  EXPECT_EQ(returning.spare, rest.spare) << "still in use";
  expect_equal(load(), returning);
  HostKeys over = finish_rotation(state_, returning).value();
  EXPECT_EQ(over.rotation(), Rotation::kNone);
  EXPECT_EQ(over.main, returning.main);
  EXPECT_FALSE(over.spare == rest.spare);
  expect_equal(load(), over);
  EXPECT_EQ(IdentityStore::load(state_).value().wireguard_key, over.main);
}

TEST_F(HostKeysTest, ARotationThatIsGivenUpKeepsTheMainKey) {
  HostKeys rest = load();
  HostKeys returning = keep_main_key(state_, begin_rotation(state_, rest).value()).value();
  EXPECT_EQ(returning.rotation(), Rotation::kReturn);
  EXPECT_EQ(returning.main, rest.main);
  expect_equal(load(), returning);
}

// Cut between the two files of begin_rotation: nothing was promised, and it ends well.
TEST_F(HostKeysTest, ACutBetweenTheTwoNextKeysIsAWayBack) {
  begin_rotation(state_, load()).value();
  fs::remove(file("wireguard.key.next"));
  EXPECT_EQ(load().rotation(), Rotation::kReturn);
  EXPECT_EQ(finish_rotation(state_, load()).value().rotation(), Rotation::kNone);
}

TEST_F(HostKeysTest, AStepThatIsDoneAgainGoesOn) {
  HostKeys leaving = begin_rotation(state_, load()).value();
  expect_equal(begin_rotation(state_, leaving).value(), leaving);
  HostKeys returning = change_main_key(state_, leaving).value();
  expect_equal(change_main_key(state_, leaving).value(), returning);
}

TEST_F(HostKeysTest, DamageIsNamedWithItsPath) {
  load();
  fs::permissions(file("spare.key"), fs::perms::owner_read | fs::perms::others_read);
  auto keys = load_host_keys(state_);
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message, testing::HasSubstr("spare.key has mode 0404"));
}

}  // namespace
}  // namespace sixpn::mesh
