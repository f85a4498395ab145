#include "mesh/core/first_handshake.h"

#include <gmock/gmock.h>

#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr HostId kSmaller{0x10000};
constexpr HostId kGreater{0x10002};

class FirstHandshakeTest : public testing::Test {
 protected:
  FirstHandshakeTest() {
    for (HostId host : {kSmaller, kGreater}) {
      desired_[key_of_host(host)].host = host;
      desired_[key_of_host(host)].candidates = {{*parse_ip("192.0.2.9"), 51820}};
    }
  }

  // The peers come to be known while the agent runs.
  void start_without_peers() { opening_.update(kSelf, {}, {}, Instant(0s)); }

  // The verdict at `at`; then every peer exists.
  FirstHandshake::Verdict at(Duration at) {
    auto verdict = opening_.update(kSelf, desired_, observed_, Instant(at));
    for (const auto& [key, peer] : desired_) observed_.try_emplace(key);
    return verdict;
  }

  FirstHandshake opening_;
  FirstHandshake::Peers desired_;
  FirstHandshake::ObservedPeers observed_;
};

TEST_F(FirstHandshakeTest, AtTheStartOfTheAgentNobodyIsAwaited) {
  auto first = at(0s);
  EXPECT_THAT(first.await, IsEmpty());
  EXPECT_THAT(first.again, IsEmpty());
  // Calls that cross are repeated by one side only.
  EXPECT_THAT(at(300ms).again, ElementsAre(key_of_host(kGreater)));
  EXPECT_THAT(at(kAwaitCall).call, IsEmpty());
}

TEST_F(FirstHandshakeTest, TheSmallerIdCallsAndTheGreaterAwaits) {
  start_without_peers();
  auto first = at(0s);
  EXPECT_THAT(first.await, ElementsAre(key_of_host(kSmaller)));
  EXPECT_THAT(first.again, IsEmpty());
  EXPECT_EQ(opening_.next_check(), Instant(300ms));
  EXPECT_THAT(at(300ms).again, ElementsAre(key_of_host(kGreater)));
  EXPECT_THAT(at(400ms).again, IsEmpty());
}

TEST_F(FirstHandshakeTest, CallsEndWithTheFirstHandshake) {
  start_without_peers();
  at(0s);
  observed_[key_of_host(kGreater)].last_handshake = from_unix_ms(1);
  observed_[key_of_host(kSmaller)].last_handshake = from_unix_ms(1);
  EXPECT_THAT(at(300ms).again, IsEmpty());
  EXPECT_THAT(at(10s).call, IsEmpty());
  EXPECT_EQ(opening_.next_check(), kNever);
}

TEST_F(FirstHandshakeTest, AfterTheLastCallItIsUpToWireGuard) {
  start_without_peers();
  at(0s);
  for (Duration when : kCallAgain) EXPECT_THAT(at(when).again, ElementsAre(key_of_host(kGreater)));
  EXPECT_THAT(at(60s).again, IsEmpty());
}

TEST_F(FirstHandshakeTest, WhoAwaitsInVainCalls) {
  start_without_peers();
  at(0s);
  EXPECT_THAT(at(3799ms).call, IsEmpty());
  EXPECT_THAT(at(kAwaitCall).call, ElementsAre(key_of_host(kSmaller)));
  EXPECT_THAT(at(10s).call, IsEmpty());
}

TEST_F(FirstHandshakeTest, AdoptedPeersAreLeftAlone) {
  start_without_peers();
  for (const auto& [key, peer] : desired_) observed_[key];
  auto verdict = at(0s);
  EXPECT_THAT(verdict.await, IsEmpty());
  EXPECT_EQ(opening_.next_check(), kNever);
}

}  // namespace
}  // namespace sixpn::mesh
