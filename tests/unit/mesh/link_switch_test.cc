#include "mesh/core/link_switch.h"

#include <gmock/gmock.h>

#include "mesh/core/endpoint_supervisor.h"
#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;

constexpr HostId kA{0x10002};
constexpr HostId kB{0x10003};
constexpr Now kStart{Instant(1h), from_unix_ms(1'700'000'000'000)};

Now after(Duration time) {
  return {kStart.mono + time, kStart.wall + std::chrono::duration_cast<WallTime::duration>(time)};
}

class LinkSwitchTest : public ::testing::Test {
 protected:
  LinkSwitchTest() { follow(Rotation::kLeave); }

  // Host A says in its record where its rotation is; its main key may have changed since.
  void follow(Rotation rotation, std::uint8_t key = 0) {
    auto snapshot = SnapshotBuilder()
                        .host(kA, HostStatus::kAlive, {}, key)
                        .host(kB)
                        .rotating(kA, rotation)
                        .build();
    desired_ = make_desired(snapshot, {}, spare_options());
    // As the Reconciler does after each decision.
    apply();
  }

  void apply() {
    DesiredMesh steered = desired_;
    steer_links(links_.on_spare(), steered);
    for (const auto& step : plan_mesh(steered, mesh_).steps) apply_step(step, mesh_);
  }

  LinkState update(Duration time) {
    links_.update(desired_, mesh_, after(time));
    apply();
    auto found = links_.links().find(kA);
    return found == links_.links().end() ? LinkState{} : found->second;
  }

  ObservedPeer& main_peer(std::uint8_t key = 0) {
    return mesh_.main.peers.at(key_of_host(kA, key));
  }
  ObservedPeer& spare_peer() { return mesh_.spare.peers.at(spare_key_of_host(kA)); }
  [[nodiscard]] bool is_steered() const {
    return mesh_.routes.contains({{host_address(kA), 128}, RouteKind::kUnicast, "sixpn-s"});
  }

  DesiredMesh desired_{make_desired(SnapshotBuilder().build(), {}, spare_options())};
  ObservedMesh mesh_;
  LinkSwitch links_;
};

TEST_F(LinkSwitchTest, ALinkMovesWhenTheOtherDeviceHasASessionAndNotBefore) {
  EXPECT_EQ(update(0ms).on, Plane::kMain);
  EXPECT_EQ(links_.next_check(), kStart.mono + kLinkPoll);
  EXPECT_FALSE(is_steered());
  spare_peer().last_handshake = after(100ms).wall;
  EXPECT_EQ(update(200ms).on, Plane::kMain) << "it has to stand for a while";
  EXPECT_EQ(update(200ms + kLinkProven).on, Plane::kSpare);
  EXPECT_TRUE(is_steered());
}

// The caller made its peer anew just after the handshake; what this end holds is dead until the
// next one.
TEST_F(LinkSwitchTest, ASessionThatIsReplacedAtOnceIsNotTrusted) {
  spare_peer().last_handshake = kStart.wall;
  update(0ms);
  spare_peer().last_handshake = after(300ms).wall;
  EXPECT_EQ(update(kLinkProven).on, Plane::kMain);
  EXPECT_EQ(update(2 * kLinkProven).on, Plane::kSpare);
}

TEST_F(LinkSwitchTest, AnOldSessionIsNone) {
  spare_peer().last_handshake =
      kStart.wall - std::chrono::duration_cast<WallTime::duration>(kFreshHandshake);
  EXPECT_EQ(update(0ms).on, Plane::kMain);
}

TEST_F(LinkSwitchTest, ALinkIsSettledWhenNothingArrivesOnTheDeviceThatWasLeft) {
  spare_peer().last_handshake = kStart.wall;
  update(0ms);
  update(1s);
  main_peer().rx_bytes = 1000;  // the other end has not moved yet
  EXPECT_FALSE(update(2s).settled);
  EXPECT_FALSE(update(2s + kLinkQuiet - 1ms).settled);
  EXPECT_TRUE(update(2s + kLinkQuiet).settled);
  EXPECT_EQ(links_.next_check(), kNever);
  main_peer().rx_bytes = 1032;  // a keepalive
  EXPECT_TRUE(update(10s).settled);
}

TEST_F(LinkSwitchTest, SilenceBeforeThisEndMovedDoesNotCount) {
  update(0ms);
  spare_peer().last_handshake = after(1h).wall;
  update(1h);
  EXPECT_FALSE(update(1h + kLinkProven).settled);
  EXPECT_TRUE(update(1h + kLinkProven + kLinkQuiet).settled);
}

TEST_F(LinkSwitchTest, TheWayBackNeedsASessionUnderTheNewKey) {
  main_peer().last_handshake = kStart.wall;
  spare_peer().last_handshake = kStart.wall;
  update(0ms);
  update(kLinkProven);
  ASSERT_TRUE(update(kLinkProven + kLinkQuiet).settled);
  follow(Rotation::kReturn, 1);
  EXPECT_FALSE(mesh_.main.peers.contains(key_of_host(kA)));
  LinkState link = update(3s);
  EXPECT_EQ(link.target, Plane::kMain);
  EXPECT_EQ(link.on, Plane::kSpare);
  EXPECT_FALSE(link.settled);
  EXPECT_TRUE(is_steered());
  main_peer(1).last_handshake = after(4s).wall;
  update(4s);
  EXPECT_EQ(update(5s).on, Plane::kMain);
  EXPECT_FALSE(is_steered());
  EXPECT_TRUE(update(5s + kLinkQuiet).settled);
}

TEST_F(LinkSwitchTest, ARotationThatWasGivenUpComesBackOnTheOldKey) {
  main_peer().last_handshake = kStart.wall;
  spare_peer().last_handshake = kStart.wall;
  update(0ms);
  ASSERT_EQ(update(1s).on, Plane::kSpare);
  follow(Rotation::kReturn);
  update(2s);
  EXPECT_EQ(update(3s).on, Plane::kMain);
}

TEST_F(LinkSwitchTest, ARestartedAgentReadsFromTheRoutesWhereALinkIs) {
  spare_peer().last_handshake = kStart.wall;
  update(0ms);
  update(1s);
  ASSERT_TRUE(is_steered());
  links_ = LinkSwitch();
  spare_peer().last_handshake.reset();
  EXPECT_EQ(update(2s).on, Plane::kSpare);
}

TEST_F(LinkSwitchTest, OurOwnKeyChangeVoidsWhatIsSeenUnderTheOldOne) {
  MeshOptions options = spare_options();
  options.rotation = Rotation::kReturn;
  options.private_key = *Secret::from_bytes(std::string(32, '\x43'));
  spare_peer().last_handshake = kStart.wall;
  update(0ms);
  ASSERT_EQ(update(1s).on, Plane::kSpare);
  main_peer().last_handshake = kStart.wall;
  desired_ =
      make_desired(SnapshotBuilder().host(kA).rotating(kA, Rotation::kNone).build(), {}, options);
  links_.update(desired_, mesh_, after(1s));
  links_.update(desired_, mesh_, after(2s));  // before the plan changed the key
  EXPECT_EQ(links_.links().at(kA).on, Plane::kSpare);
  apply();
  EXPECT_FALSE(main_peer().last_handshake.has_value());
  main_peer().last_handshake = after(3s).wall;
  update(3s);
  EXPECT_EQ(update(4s).on, Plane::kMain);
}

TEST_F(LinkSwitchTest, OutsideRotationsThereIsNothing) {
  spare_peer().last_handshake = kStart.wall;
  update(0ms);
  update(1s);
  follow(Rotation::kNone);
  update(2s);
  EXPECT_THAT(links_.links(), testing::IsEmpty());
  EXPECT_EQ(links_.next_check(), kNever);
  EXPECT_FALSE(is_steered());
  EXPECT_FALSE(mesh_.spare.device.has_value());
}

}  // namespace
}  // namespace sixpn::mesh
