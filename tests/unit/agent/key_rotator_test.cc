// A rotation of the keys on a host that another enrolment of its id displaces: it waits. The rooms
// are real and have no sockets: the registry is opened and not started, nor is the mesh.
#include "agent/key_rotator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <optional>

#include "agent/rooms.h"
#include "base/encoding.h"
#include "base/io/clock.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const sim::TestCluster kCluster;

class KeyRotatorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "sixpn-rotator-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fs::create_directory(folder_ + "/identity");
    std::ofstream(folder_ + "/identity/wireguard.key")
        << to_base64(as_bytes(sim::labelled_secret("main").bytes())) << "\n";
    fs::permissions(folder_ + "/identity/wireguard.key", fs::perms(0600));
    registry::RegistryOptions options{own_.id, own_.key};
    options.root_key = kCluster.root().public_key();
    options.state_dir = folder_;
    options.own_host = own_.record;
    rooms_.registry = std::make_unique<registry::RegistryService>(rooms_.control, options);
    ASSERT_TRUE(rooms_.registry->open());
    rooms_.mesh = std::make_unique<mesh::MeshService>(
        rooms_.mesh_loop, mesh::MeshOptions{sim::labelled_secret("main")});
    rooms_.mesh_loop.start_thread();
  }
  void TearDown() override {
    rooms_.mesh_loop.stop();
    rooms_.mesh_loop.join();
    rotator_.reset();
    rooms_.registry->stop();
    fs::remove_all(folder_);
  }

  // With the keys of the disk, as the agent's start makes it.
  KeyRotator& rotator() {
    auto keys = mesh::load_host_keys(folder_);
    EXPECT_TRUE(keys) << (keys ? "" : keys.error().message);
    rotator_ = std::make_unique<KeyRotator>(rooms_, *keys, folder_, 51822);
    return *rotator_;
  }
  [[nodiscard]] Rotation rotation_on_disk() const {
    return mesh::load_host_keys(folder_)->rotation();
  }
  void displace() {
    rooms_.registry->admit(kCluster.enrol(1, {"*"}, 0).signed_host());
    ASSERT_EQ(rooms_.registry->own_host_record(), nullptr);
  }
  // Once per test: a loop that has stopped does not run again.
  void run_until(const std::function<bool()>& over) {
    const Instant end = monotonic_now() + std::chrono::seconds(20);
    LoopTimer look(control_, [&] {
      if (over() || monotonic_now() > end) return control_.stop();
      look.arm_after(std::chrono::milliseconds(10));
    });
    look.arm_after(Duration::zero());
    control_.run();
    EXPECT_TRUE(over());
  }

  void expect_start_to_wait(Rotation phase) {
    displace();
    KeyRotator& rotator = this->rotator();
    rotator.resume();
    run_until([&] { return !rotator.warnings().empty(); });
    EXPECT_THAT(rotator.warnings(), ElementsAre(HasSubstr("another enrolment")));
    EXPECT_EQ(rotation_on_disk(), phase);
  }

  std::string folder_;
  sim::EnrolledHost own_ = kCluster.enrol(1, {"*"}, 60);
  EventLoop control_{"control"};
  Rooms rooms_{control_,
               {own_.certificate,
                own_.key,
                sim::labelled_secret("main"),
                kCluster.cluster_key(),
                kCluster.root().public_key(),
                {}}};
  std::unique_ptr<KeyRotator> rotator_;
};

TEST_F(KeyRotatorTest, AloneItIsOverAtOnce) {
  KeyRotator& rotator = this->rotator();
  std::optional<Result<PublicKey>> outcome;
  rotator.begin(false, [&](Result<PublicKey> key) { outcome = std::move(key); });
  run_until([&] { return outcome.has_value(); });
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_EQ(rotation_on_disk(), Rotation::kNone);
  auto own = rooms_.registry->own_host_record();
  EXPECT_EQ(std::get<HostValue>(own->record.value)->wireguard_key, **outcome);
}

TEST_F(KeyRotatorTest, ADisplacedHostIsRefused) {
  KeyRotator& rotator = this->rotator();
  displace();
  std::optional<Result<PublicKey>> outcome;
  rotator.begin(false, [&](Result<PublicKey> key) { outcome = std::move(key); });
  ASSERT_TRUE(outcome);
  ASSERT_FALSE(*outcome);
  EXPECT_THAT(outcome->error().message, HasSubstr("another enrolment"));
  EXPECT_EQ(rotation_on_disk(), Rotation::kNone);
  EXPECT_THAT(rotator.warnings(), IsEmpty());
}

TEST_F(KeyRotatorTest, DisplacedWhileItRotatesItWaitsAndSaysSo) {
  KeyRotator& rotator = this->rotator();
  std::optional<Result<PublicKey>> outcome;
  rotator.begin(false, [&](Result<PublicKey> key) { outcome = std::move(key); });
  displace();  // the first step's outcome is not here yet
  run_until([&] { return outcome.has_value(); });
  ASSERT_FALSE(*outcome);
  EXPECT_THAT(outcome->error().message, HasSubstr("waits"));
  EXPECT_EQ(rotation_on_disk(), Rotation::kLeave);
  EXPECT_EQ(rotator.keys().rotation(), Rotation::kLeave);
}

TEST_F(KeyRotatorTest, AnAgentThatStartsDisplacedWaitsWhileTheLinksLeave) {
  auto keys = mesh::load_host_keys(folder_);
  ASSERT_TRUE(keys);
  ASSERT_TRUE(mesh::begin_rotation(folder_, *keys));
  expect_start_to_wait(Rotation::kLeave);
}

TEST_F(KeyRotatorTest, AnAgentThatStartsDisplacedWaitsWhileTheLinksReturn) {
  auto keys = mesh::load_host_keys(folder_);
  ASSERT_TRUE(keys);
  auto leaving = mesh::begin_rotation(folder_, *keys);
  ASSERT_TRUE(leaving);
  ASSERT_TRUE(mesh::change_main_key(folder_, *leaving));
  expect_start_to_wait(Rotation::kReturn);
}

}  // namespace
}  // namespace sixpn::agent
