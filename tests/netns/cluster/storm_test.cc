// Twenty real agents through a partition and storms of kill -9, and one agent killed while it
// writes: whatever was acknowledged is there at the end, on every host, byte by byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/rng.h"
#include "tests/netns/cluster/ledger.h"

namespace sixpn::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// More than registry::kSmallCluster: changes go by relays, not from the origin to everybody.
constexpr std::size_t kHosts = 20;
constexpr seconds kPartition{125};
constexpr seconds kConverge{120};  // not a bound that we promise: 40 processes share two cores
constexpr std::size_t kKills = 24;

class Storm : public ::testing::Test {
 protected:
  Storm() : cluster_("storm"), ledger_(cluster_), rng_(seed_of_this_run()) {}

  void add_hosts(std::size_t count) {
    const char* regions[] = {"iad", "fra", "nrt"};
    for (std::size_t i = 0; i < count; ++i) {
      hosts_.push_back("h" + std::to_string(i));
      cluster_.add_host(hosts_.back(), regions[i % 3]);
    }
  }

  // SIGKILL at a random moment while a client writes to that agent, and a new start.
  void kill_while_writing(const std::string& victim, const std::string& prefix) {
    std::atomic<bool> stop = false;
    auto writer = std::async(std::launch::async, [&] {
      for (int i = 0; !stop; ++i) {
        std::string app = prefix + "-" + std::to_string(i);
        if (!ledger_.create(victim, app) || (i % 3 == 0 && !ledger_.destroy(victim, app))) return;
      }
    });
    std::this_thread::sleep_for(milliseconds(rng_.below(400)));  // the moment is the point
    cluster_.kill_agent(victim);
    stop = true;
    writer.get();
    cluster_.start_agent(victim);
  }

  void expect_all_equal(const std::vector<std::string>& hosts) {
    EXPECT_TRUE(eventually([&] { return cluster_.all_see_alive(hosts); }, kConverge));
    EXPECT_TRUE(eventually([&] { return same_registries(cluster_, hosts); }, kConverge));
    for (const auto& host : hosts) {
      EXPECT_THAT(ledger_.contradictions(host), IsEmpty());
      EXPECT_TRUE(cluster_.host(host).agent->running());
    }
  }

  Cluster cluster_;
  Ledger ledger_;
  Rng rng_;
  std::vector<std::string> hosts_;
};

TEST_F(Storm, TwentyAgentsPartitionedAndKilledEndEqual) {
  add_hosts(kHosts);
  ASSERT_NO_FATAL_FAILURE(cluster_.form(seconds(90)));
  for (const auto& host : hosts_)
    for (const char* what : {"stays", "goes"})
      ASSERT_TRUE(ledger_.create(host, host + "-" + what)) << host;
  std::map<std::string, std::string> machines;
  ASSERT_TRUE(eventually([&] { return same_registries(cluster_, hosts_); }, kConverge));
  for (const char* host : {"h1", "h2", "h11", "h12"})
    machines[host] = cluster_.run_machine(host, {"--app", "h0-stays", "--", "sleep", "10000"});
  ASSERT_TRUE(eventually([&] { return same_registries(cluster_, hosts_); }, kConverge));

  constexpr std::size_t kHalf = kHosts / 2;
  for (std::size_t a = 0; a < kHalf; ++a)
    for (std::size_t b = kHalf; b < kHosts; ++b) cluster_.internet().cut(hosts_[a], hosts_[b]);
  auto cut = steady_clock::now();
  for (std::size_t i = 0; i < kHosts; ++i) {
    // Each half erases what the other half wrote, and both claim one name.
    EXPECT_TRUE(ledger_.destroy(hosts_[i], hosts_[(i + kHalf) % kHosts] + "-goes"));
    EXPECT_TRUE(ledger_.create(hosts_[i], hosts_[i] + "-apart"));
  }
  EXPECT_TRUE(ledger_.create("h0", "contested"));
  EXPECT_TRUE(ledger_.create(hosts_.back(), "contested"));
  cluster_.must("h1", {"machine", "destroy", "--force", machines["h1"]});
  cluster_.must("h11", {"machine", "destroy", "--force", machines["h11"]});
  for (std::size_t kill = 0; kill < kKills; ++kill)
    ASSERT_NO_FATAL_FAILURE(
        kill_while_writing(hosts_[rng_.below(kHosts)], "storm" + std::to_string(kill)));
  EXPECT_TRUE(eventually(
      [&] { return cluster_.seen_alive("h0") == kHalf && cluster_.seen_alive("h19") == kHalf; },
      kConverge));
  std::this_thread::sleep_until(cut + kPartition);

  cluster_.internet().heal();
  // Some die again while the halves find each other.
  for (std::size_t kill = 0; kill < 4; ++kill)
    ASSERT_NO_FATAL_FAILURE(
        kill_while_writing(hosts_[rng_.below(kHosts)], "heal" + std::to_string(kill)));
  expect_all_equal(hosts_);
  for (const auto& host : hosts_)
    EXPECT_THAT(cluster_.must(host, {"machine", "list"}),
                AllOf(HasSubstr(machines["h2"]), HasSubstr(machines["h12"]),
                      Not(HasSubstr(machines["h1"])), Not(HasSubstr(machines["h11"]))))
        << host;
}

TEST_F(Storm, AnAgentKilledWhileItWritesComesBackWithWhatItAcknowledged) {
  // Alone: nobody else could bring back what its own disk has lost.
  add_hosts(1);
  ASSERT_NO_FATAL_FAILURE(cluster_.form());
  for (int round = 0; round < 30; ++round) {
    ASSERT_NO_FATAL_FAILURE(kill_while_writing("h0", "round" + std::to_string(round)));
    ASSERT_THAT(ledger_.contradictions("h0"), IsEmpty()) << "round " << round;
  }
  EXPECT_GT(ledger_.living().size(), 30U) << "too little was written to prove anything";
}

}  // namespace
}  // namespace sixpn::testing
