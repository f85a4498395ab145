#include "mesh/core/key_rotation.h"

#include <gmock/gmock.h>

#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;
using Action = KeyRotation::Action;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr HostId kA{0x10002};
constexpr HostId kB{0x10003};
constexpr Instant kStart{1h};

constexpr LinkState kOnMain{Plane::kMain, Plane::kMain, true};
constexpr LinkState kOnSpare{Plane::kSpare, Plane::kSpare, true};

Snapshot world(HostStatus b = HostStatus::kAlive) {
  auto snapshot = SnapshotBuilder()
                      .host(kA)
                      .host(kB, b)
                      .rotating(kA, Rotation::kNone)
                      .rotating(kB, Rotation::kNone)
                      .build();
  snapshot.hosts[kA].record.name = "a";
  snapshot.hosts[kB].record.name = "b";
  return snapshot;
}

// Where host B's link is not; A's is always where it should be.
LinkState unmoved(Instant heard, bool session = true) {
  return {Plane::kSpare, Plane::kMain, false, session, heard};
}

KeyRotation leaving(bool force = false) {
  KeyRotation rotation;
  rotation.enter(Rotation::kLeave, force, kStart);
  return rotation;
}

TEST(KeyRotation, TheKeyChangesWhenEveryLinkHasLeft) {
  auto rotation = leaving();
  auto verdict = rotation.update(world(), {{kA, kOnSpare}, {kB, unmoved(kStart)}}, kStart + 1s);
  EXPECT_EQ(verdict.action, Action::kWait);
  EXPECT_THAT(verdict.waiting, ElementsAre("b"));
  verdict = rotation.update(world(), {{kA, kOnSpare}, {kB, kOnSpare}}, kStart + 2s);
  EXPECT_EQ(verdict.action, Action::kChangeKey);
  EXPECT_THAT(verdict.waiting, IsEmpty());
}

TEST(KeyRotation, LinksThatTheMeshHasNotLookedAtYetAreWaitedFor) {
  auto rotation = leaving();
  EXPECT_EQ(rotation.update(world(), {}, kStart).action, Action::kWait);
  EXPECT_EQ(rotation.update(world(), {{kA, kOnMain}, {kB, kOnMain}}, kStart).action, Action::kWait)
      << "these are of the phase before";
  EXPECT_EQ(rotation.update(world(HostStatus::kDown), {{kA, kOnSpare}}, kStart).action,
            Action::kWait);
}

TEST(KeyRotation, AHostThatDoesNotFollowEndsItOrIsLeftBehindByForce) {
  std::map<HostId, LinkState> links{{kA, kOnSpare}, {kB, unmoved(kStart)}};
  auto rotation = leaving();
  EXPECT_EQ(rotation.update(world(), links, kStart + kLeaveBound - 1ms).action, Action::kWait);
  EXPECT_EQ(rotation.update(world(), links, kStart + kLeaveBound).action, Action::kGiveUp);
  auto forced = leaving(true);
  EXPECT_EQ(forced.update(world(), links, kStart + kLeaveBound - 1ms).action, Action::kWait);
  EXPECT_EQ(forced.update(world(), links, kStart + kLeaveBound).action, Action::kChangeKey);
}

TEST(KeyRotation, ADeadHostIsNotWaitedForButADeadAgentWithALiveDataPlaneIs) {
  auto down = world(HostStatus::kDown);
  auto rotation = leaving();
  auto at = [&](const LinkState& b, Duration time) {
    return rotation.update(down, {{kA, kOnSpare}, {kB, b}}, kStart + time).action;
  };
  EXPECT_EQ(at(unmoved(kStart, false), 1s), Action::kChangeKey) << "no session: long dead";
  EXPECT_EQ(at(unmoved(kStart), 29s), Action::kWait) << "its keepalive may come yet";
  EXPECT_EQ(at(unmoved(kStart), kGoneSilence), Action::kChangeKey);
  EXPECT_EQ(at(unmoved(kStart + 25s), 50s), Action::kWait) << "something came";
  EXPECT_EQ(at(unmoved(kStart + 50s), kLeaveBound), Action::kGiveUp);
}

TEST(KeyRotation, HostsThatLeftOrWereRevokedDoNotCount) {
  auto rotation = leaving();
  EXPECT_EQ(rotation.update(world(HostStatus::kLeft), {{kA, kOnSpare}}, kStart).action,
            Action::kChangeKey);
  auto revoked = world();
  revoked.revocations[kB] = {kB, "statement"};
  EXPECT_EQ(rotation.update(revoked, {{kA, kOnSpare}}, kStart).action, Action::kChangeKey);
}

TEST(KeyRotation, TheWayBackHasNoBound) {
  KeyRotation rotation;
  rotation.enter(Rotation::kReturn, false, kStart);
  std::map<HostId, LinkState> links{{kA, kOnMain}, {kB, kOnSpare}};
  EXPECT_EQ(rotation.update(world(), links, kStart + 24h).action, Action::kWait);
  links[kB] = kOnMain;
  EXPECT_EQ(rotation.update(world(), links, kStart + 24h).action, Action::kFinish);
}

TEST(KeyRotation, AnOlderProgramCannotFollow) {
  auto snapshot = world();
  EXPECT_THAT(hosts_without_spare(snapshot), IsEmpty());
  snapshot.hosts[kB].record.spare_port = 0;
  EXPECT_THAT(hosts_without_spare(snapshot), ElementsAre("b"));
  auto rotation = leaving();
  EXPECT_EQ(rotation.update(snapshot, {{kA, kOnSpare}}, kStart).action, Action::kWait);
  rotation.enter(Rotation::kReturn, true, kStart);
  EXPECT_EQ(rotation.update(snapshot, {{kA, kOnMain}}, kStart).action, Action::kFinish);
}

TEST(KeyRotation, AloneItNeedsNobody) {
  auto rotation = leaving();
  EXPECT_EQ(rotation.update(SnapshotBuilder().build(), {}, kStart).action, Action::kChangeKey);
  rotation.enter(Rotation::kNone, false, kStart);
  EXPECT_EQ(rotation.update(SnapshotBuilder().build(), {}, kStart).action, Action::kWait);
}

}  // namespace
}  // namespace sixpn::mesh
