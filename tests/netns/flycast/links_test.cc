// Spare links between two hosts' proxies: that they save the connect, and that a dead or unused one
// costs nobody anything.
#include <gtest/gtest.h>

#include <optional>

#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

// Only machine 2, on host 2; clients on host 1.
struct Links : testing::Test {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({2});
  std::optional<RunningHost> host1;
  std::optional<RunningHost> host2;
  Server server{2};

  void SetUp() override { start_host2(); }
  void start_host2() {
    FlycastOptions patient;  // with links that say nothing yet, however slow the test is
    patient.preamble_timeout = std::chrono::minutes(10);
    host2.reset();
    host2.emplace(2u, cluster, patient);
  }
  // With links that are kept for so long.
  void start_host1(Duration idle) {
    FlycastOptions options;
    options.hop_link_idle = idle;
    host1.emplace(1u, cluster, options);
  }
  void expect_served(std::string_view request) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(request));
    Tcp accepted = server.accept();
    ASSERT_TRUE(client && accepted);
    EXPECT_TRUE(accepted.read_exactly(request.size()) == request);
    ASSERT_TRUE(accepted.write_all("answer"));
    EXPECT_EQ(client.read_exactly(6), "answer");
  }
  bool has_spare() {
    return eventually([&] { return host1->stats().spare_links > 0; });
  }
};

TEST_F(Links, TheSecondConnectionFindsOneThatIsConnected) {
  start_host1(std::chrono::minutes(10));
  expect_served("first");
  EXPECT_EQ(host1->stats().warm_hops, 0u);
  ASSERT_TRUE(has_spare());
  expect_served(std::string(200'000, 'x'));  // more than may go along with the preamble
  FlycastStats stats = host1->stats();
  EXPECT_EQ(stats.warm_hops, 1u);
  EXPECT_EQ(stats.attempts, 2u);
}

TEST_F(Links, OnesThatDiedWithTheOtherAgentCostNoAttempt) {
  start_host1(std::chrono::minutes(10));
  expect_served("first");
  ASSERT_TRUE(has_spare());
  start_host2();
  expect_served("second");
  FlycastStats stats = host1->stats();
  EXPECT_EQ(stats.attempts, 2u);
  EXPECT_EQ(stats.failed_attempts, 0u);
}

TEST_F(Links, OnesThatNobodyNeedsAreClosedAndBlameNobody) {
  start_host1(std::chrono::milliseconds(300));
  expect_served("first");
  EXPECT_TRUE(eventually([&] { return host2->stats().hops_unused >= 1; }));
  EXPECT_TRUE(eventually([&] { return host1->stats().spare_links == 0; }));
  EXPECT_TRUE(eventually([&] { return host2->stats().sessions == 0; }));
  EXPECT_EQ(host2->stats().hops_malformed, 0u);
}

// The client's bytes go with the preamble; the refusal must not have used them up.
TEST_F(Links, ARefusalLosesNoEarlyByte) {
  for (std::uint32_t id : {3u, 4u}) cluster.machines[MachineId{id}].state = MachineState::kStarted;
  cluster.machines[MachineId{2}].state = MachineState::kStopped;
  start_host1(std::chrono::minutes(10));
  RunningHost host3(3, cluster);
  Server four(4);  // nothing listens on machine 3, on host 2
  std::string request(100'000, 'y');
  for (int i = 0; i < 5; ++i) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(request));
    Tcp accepted = four.accept();
    ASSERT_TRUE(accepted);
    EXPECT_TRUE(accepted.read_exactly(request.size()) == request);
    ASSERT_TRUE(accepted.write_all("answer"));
    EXPECT_EQ(client.read_exactly(6), "answer");
  }
  EXPECT_GE(host2->stats().hops_refused, 1u);
}

// The other host is gone without a word, in the middle of a stream; a client that has sent bytes is
// told before its kernel's quarter of an hour is over.
TEST_F(Links, AStreamToAHostThatFellSilentIsReset) {
  FlycastOptions hasty;
  hasty.hop_silence = std::chrono::milliseconds(500);
  host1.emplace(1u, cluster, hasty);
  Tcp client = dial_web();
  Tcp accepted = server.accept();
  ASSERT_TRUE(client && accepted);
  lab.host(1).lose("tcp sport 7947 drop");
  ASSERT_TRUE(client.write_all("anybody there?"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  EXPECT_EQ(host1->stats().silent_hops, 1u);
  lab.host(1).mend();
}

}  // namespace
}  // namespace sixpn::flycast
