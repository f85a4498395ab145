#include "mesh/core/endpoint_supervisor.h"

#include <gmock/gmock.h>

#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;

const PublicKey kPeer = key_of_host(HostId{0x10002});
constexpr WallTime kWallStart = from_unix_ms(1'700'000'000'000);

IpEndpoint at(std::uint16_t last) {
  return {Ip6::from_words({0x2001, 0xdb8, 0, 0, 0, 0, 0, last}), 51820};
}

// One peer in a kernel that does what it is told.
class Endpoints : public testing::Test {
 protected:
  void SetUp() override {
    desired_[kPeer].candidates = {at(1), at(2)};
    observed_[kPeer].endpoint = at(1);
  }

  // What is pinned `later`; applied to the kernel.
  std::optional<IpEndpoint> pinned_after(Duration later) {
    now_ += later;
    auto pins = supervisor_.update(desired_, observed_, clocks());
    auto pin = pins.find(kPeer);
    if (pin == pins.end()) return std::nullopt;
    observed_[kPeer].endpoint = pin->second;
    return pin->second;
  }
  void handshake() { observed_[kPeer].last_handshake = clocks().wall; }
  [[nodiscard]] Now clocks() const {
    return {Instant(now_),
            kWallStart + std::chrono::duration_cast<std::chrono::milliseconds>(now_)};
  }

  EndpointSupervisor supervisor_;
  EndpointSupervisor::Peers desired_;
  EndpointSupervisor::ObservedPeers observed_;
  Duration now_{};
};

TEST_F(Endpoints, ANewPeerKeepsItsFirstEndpointForItsProbation) {
  EXPECT_EQ(pinned_after(0s), std::nullopt);
  EXPECT_EQ(pinned_after(14s), std::nullopt);
  EXPECT_EQ(pinned_after(1s), at(2));
}

TEST_F(Endpoints, SilenceRotatesThroughTheCandidatesMoreSlowlyEachRound) {
  pinned_after(0s);
  EXPECT_EQ(pinned_after(15s), at(2));
  EXPECT_EQ(pinned_after(15s), at(1));
  EXPECT_EQ(pinned_after(29s), std::nullopt);
  EXPECT_EQ(pinned_after(1s), at(2));
  for (int i = 0; i < 20; ++i) pinned_after(120s);
  EXPECT_EQ(pinned_after(119s), std::nullopt);
  EXPECT_NE(pinned_after(1s), std::nullopt);
}

TEST_F(Endpoints, AHandshakeEndsTheSearchAndItsAgeBeginsANewOne) {
  pinned_after(0s);
  pinned_after(15s);
  handshake();
  EXPECT_EQ(pinned_after(1s), std::nullopt);
  EXPECT_EQ(supervisor_.next_check(), kNever);
  EXPECT_EQ(pinned_after(178s), std::nullopt);
  EXPECT_EQ(pinned_after(2s), std::nullopt);  // stale for a second: on probation again
  EXPECT_NE(supervisor_.next_check(), kNever);
  EXPECT_EQ(pinned_after(15s), at(1));
}

TEST_F(Endpoints, ARoamedPeerWithAFreshHandshakeIsLeftAlone) {
  pinned_after(0s);
  handshake();
  observed_[kPeer].endpoint = at(99);
  EXPECT_EQ(pinned_after(100s), std::nullopt);
  desired_[kPeer].candidates = {at(3)};  // a new record does not matter either
  EXPECT_EQ(pinned_after(1s), std::nullopt);
}

TEST_F(Endpoints, ANewRecordMovesAPeerThatUsedTheOldOnesEndpoint) {
  handshake();
  pinned_after(0s);
  desired_[kPeer].candidates = {at(3), at(4)};
  EXPECT_EQ(pinned_after(1s), at(3));
  EXPECT_EQ(pinned_after(1s), std::nullopt);
}

TEST_F(Endpoints, ANewRecordThatStillListsTheEndpointInUseChangesNothing) {
  handshake();
  pinned_after(0s);
  desired_[kPeer].candidates = {at(3), at(1)};
  EXPECT_EQ(pinned_after(1s), std::nullopt);
}

TEST_F(Endpoints, ASilentPeerTakesTheFirstOfANewRecordAtOnce) {
  pinned_after(0s);
  desired_[kPeer].candidates = {at(3)};
  EXPECT_EQ(pinned_after(1s), at(3));
}

TEST_F(Endpoints, APeerWithoutCandidatesIsNeverPinned) {
  desired_[kPeer].candidates.clear();
  EXPECT_EQ(pinned_after(0s), std::nullopt);
  EXPECT_EQ(pinned_after(1000s), std::nullopt);
  EXPECT_EQ(supervisor_.next_check(), kNever);
}

TEST_F(Endpoints, AnAdoptedPeerOutsideItsCandidatesTriesTheFirstNext) {
  observed_[kPeer].endpoint = at(99);
  pinned_after(0s);
  EXPECT_EQ(pinned_after(15s), at(1));
}

TEST_F(Endpoints, AClockThatWasSetBackDoesNotRotate) {
  observed_[kPeer].last_handshake = kWallStart + 1h;
  pinned_after(0s);
  EXPECT_EQ(pinned_after(60s), std::nullopt);
}

TEST_F(Endpoints, APeerThatIsGoneIsForgotten) {
  pinned_after(0s);
  desired_.clear();
  pinned_after(60s);
  EXPECT_EQ(supervisor_.next_check(), kNever);
}

}  // namespace
}  // namespace sixpn::mesh
