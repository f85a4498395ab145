#include "flycast/core/doubted_hosts.h"

#include <gtest/gtest.h>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

constexpr auto kEvery = DoubtedHosts::kAskEvery;

// Hosts 1 (this one), 2 and 3.
struct Doubted : testing::Test {
  Doubted() {
    for (std::uint32_t n : {1u, 2u, 3u}) cluster.add_host(n, "iad", Duration::zero());
  }
  void believe(std::uint32_t n, HostStatus status) {
    cluster.hosts.at(host(n)).status = status;
    hosts.on_hosts(cluster.hosts, host(1), now);
  }
  // Who is found dead by the questions that are due within that time, and how many were asked.
  std::vector<HostId> pass(Duration time) {
    std::vector<HostId> dead;
    Instant until = now + time;
    while (hosts.next() <= until) {
      now = std::max(now, hosts.next());
      DoubtedHosts::Due due = hosts.due(now);
      asked += static_cast<int>(due.to_ask.size());
      dead.insert(dead.end(), due.dead.begin(), due.dead.end());
    }
    now = until;
    return dead;
  }
  TestCluster cluster;
  DoubtedHosts hosts;
  Instant now = Instant{} + std::chrono::hours(1);
  int asked = 0;
};

TEST_F(Doubted, NobodyIsAskedWhomTheClusterDoesNotDoubt) {
  believe(2, HostStatus::kAlive);
  EXPECT_EQ(hosts.next(), kNever);
  believe(2, HostStatus::kLeft);
  EXPECT_EQ(hosts.next(), kNever);
  believe(1, HostStatus::kDown);
  EXPECT_EQ(hosts.next(), kNever);
}

TEST_F(Doubted, DownAndWithoutAnAnswerIsDeadOnce) {
  believe(2, HostStatus::kDown);
  EXPECT_TRUE(pass(DoubtedHosts::kQuestions * kEvery - Duration(1)).empty());
  EXPECT_EQ(asked, DoubtedHosts::kQuestions);
  EXPECT_EQ(pass(Duration(1)), std::vector{host(2)});
  EXPECT_EQ(hosts.next(), kNever);
  believe(3, HostStatus::kAlive);
  EXPECT_TRUE(pass(std::chrono::minutes(1)).empty());
  EXPECT_EQ(asked, DoubtedHosts::kQuestions);
}

// The questions that were asked while it was merely suspected count.
TEST_F(Doubted, SuspectedIsAskedAndDeadOnlyOnceItIsDown) {
  believe(2, HostStatus::kSuspected);
  EXPECT_TRUE(pass(std::chrono::seconds(20)).empty());
  EXPECT_GT(asked, DoubtedHosts::kQuestions);
  believe(2, HostStatus::kDown);
  EXPECT_EQ(pass(kEvery), std::vector{host(2)});
}

TEST_F(Doubted, OneAnswerIsEnoughForAWhile) {
  believe(2, HostStatus::kDown);
  EXPECT_TRUE(pass(2 * kEvery).empty());
  hosts.on_answer(host(2), now);
  asked = 0;
  EXPECT_TRUE(pass(DoubtedHosts::kAskAgain - Duration(1)).empty());
  EXPECT_EQ(asked, 0);
  // It dies after all.
  EXPECT_EQ(pass(DoubtedHosts::kQuestions * kEvery + Duration(1)), std::vector{host(2)});
  EXPECT_EQ(asked, DoubtedHosts::kQuestions);
}

TEST_F(Doubted, WhoAnsweredWhileSuspectedIsAskedAtOnceWhenDown) {
  believe(2, HostStatus::kSuspected);
  pass(Duration::zero());
  hosts.on_answer(host(2), now);
  believe(2, HostStatus::kDown);
  EXPECT_EQ(pass(DoubtedHosts::kQuestions * kEvery), std::vector{host(2)});
}

TEST_F(Doubted, BackAliveItIsNotAskedAndItsNextDeathCounts) {
  believe(2, HostStatus::kDown);
  pass(3 * kEvery);
  believe(2, HostStatus::kAlive);
  EXPECT_EQ(hosts.next(), kNever);
  EXPECT_FALSE(hosts.is_doubted(host(2)));
  for (int i = 0; i < 2; ++i) {
    believe(2, HostStatus::kDown);
    EXPECT_TRUE(pass(3 * kEvery).empty());
    EXPECT_EQ(pass(kEvery), std::vector{host(2)});
    believe(2, HostStatus::kAlive);
  }
}

// A loop that stood still has asked nothing, and read no answer.
TEST_F(Doubted, AStallOfOurOwnProvesNothing) {
  believe(2, HostStatus::kDown);
  hosts.due(now);
  now += std::chrono::seconds(10);
  for (int i = 1; i < DoubtedHosts::kQuestions; ++i) {
    EXPECT_TRUE(hosts.due(now).dead.empty());
    EXPECT_TRUE(hosts.due(now).to_ask.empty());
    now = hosts.next();
  }
  EXPECT_EQ(hosts.due(now).dead, std::vector{host(2)});
}

TEST_F(Doubted, OneThatTheRegistryKnowsNoMoreIsForgotten) {
  believe(2, HostStatus::kDown);
  cluster.hosts.erase(host(2));
  hosts.on_hosts(cluster.hosts, host(1), now);
  EXPECT_EQ(hosts.next(), kNever);
}

TEST_F(Doubted, ManyAreAskedInTurns) {
  constexpr auto kMost = static_cast<std::uint32_t>(DoubtedHosts::kMostAsked);
  for (std::uint32_t n = 2; n < 2 + 2 * kMost; ++n) {
    cluster.add_host(n, "iad", Duration::zero());
    cluster.hosts.at(host(n)).status = HostStatus::kDown;
  }
  hosts.on_hosts(cluster.hosts, host(1), now);
  EXPECT_EQ(hosts.due(now).to_ask.size(), kMost);
  EXPECT_EQ(pass(3 * DoubtedHosts::kQuestions * kEvery).size(), 2 * kMost);
}

}  // namespace
}  // namespace sixpn::flycast
