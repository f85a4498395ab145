// Sleeping machines: started once however many wait, joined when their port is open, never refused
// because they were asleep.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/io/clock.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

// A host whose machine room only counts what it is asked to start, until the test says how it went.
class SleepyHost {
 public:
  SleepyHost(std::uint32_t n, const TestCluster& cluster, FlycastOptions options = {})
      : host(n, cluster, std::move(options), callbacks()) {}

  int starts(std::uint32_t machine) {
    int count = 0;
    host.on_loop([&] { count = counts_[MachineId{machine}]; });
    return count;
  }
  bool is_asked(std::uint32_t machine) {
    return eventually([&] { return starts(machine) > 0; });
  }
  void complete(std::uint32_t machine, const Result<void>& outcome = {}) {
    answer(waiting_, machine, outcome);
  }
  bool is_asked_to_stop(std::uint32_t machine) {
    return eventually([&] {
      bool asked = false;
      host.on_loop([&] { asked = !stopping_[MachineId{machine}].empty(); });
      return asked;
    });
  }
  void complete_stop(std::uint32_t machine, const Result<void>& outcome = {}) {
    answer(stopping_, machine, outcome);
  }

 private:
  using Waiting = std::map<MachineId, std::vector<std::function<void(Result<void>)>>>;

  void answer(Waiting& of, std::uint32_t machine, const Result<void>& outcome) {
    host.on_loop([&] {
      auto waiting = std::exchange(of[MachineId{machine}], {});
      for (auto& done : waiting) done(outcome);
    });
  }
  FlycastCallbacks callbacks() {
    FlycastCallbacks made;
    made.stop_machine = [this](MachineId id, AutoStop how, std::function<void(Result<void>)> done) {
      last_how = how;
      stopping_[id].push_back(std::move(done));
    };
    made.start_machine = [this](MachineId id, std::function<void(Result<void>)> done) {
      ++counts_[id];
      waiting_[id].push_back(std::move(done));
    };
    return made;
  }
  std::map<MachineId, int> counts_;
  Waiting waiting_;
  Waiting stopping_;

 public:
  AutoStop last_how = AutoStop::kOff;  // of what was put to sleep last
  RunningHost host;
};

struct WakeTest : testing::Test {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({});
  SleepyHost host1{1, cluster};
  SleepyHost host2{2, cluster};

  MachineRecord& machine(std::uint32_t id) { return cluster.machines[MachineId{id}]; }
  void publish() {
    host1.host.set_snapshot(cluster);
    host2.host.set_snapshot(cluster);
  }
  void run(std::uint32_t id) {
    machine(id).state = MachineState::kStarted;
    publish();
  }
  void keep_only(std::vector<std::uint32_t> ids) {
    std::erase_if(cluster.machines, [&](const auto& entry) {
      return entry.second.app == "web" &&
             std::find(ids.begin(), ids.end(), entry.first.value) == ids.end();
    });
    publish();
  }
  std::vector<Tcp> dial_many(int count) {
    std::vector<Tcp> clients;
    for (int i = 0; i < count; ++i) clients.push_back(dial_web());
    return clients;
  }
  // Every client talks to the server.
  static void expect_served(std::vector<Tcp>& clients, Server& server) {
    std::vector<Tcp> accepted;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      accepted.push_back(server.accept());
      ASSERT_TRUE(accepted.back()) << "connection " << i;
      ASSERT_TRUE(accepted.back().write_all("up"));
    }
    for (Tcp& client : clients) EXPECT_EQ(client.read_exactly(2), "up");
  }
};

TEST_F(WakeTest, TwentyConnectionsAtOnceStartOneMachineOfThisHost) {
  auto clients = dial_many(20);
  ASSERT_TRUE(host1.is_asked(1));
  ASSERT_TRUE(eventually([&] { return host1.host.stats().woken == 20; }));
  host1.complete(1);
  run(1);
  Server server(1);
  expect_served(clients, server);
  EXPECT_EQ(host1.starts(1), 1);
  EXPECT_EQ(host2.starts(2) + host2.starts(3), 0);
}

TEST_F(WakeTest, TwentyConnectionsAtOnceStartOneMachineOfAnotherHost) {
  keep_only({2, 3});
  auto clients = dial_many(20);
  ASSERT_TRUE(host2.is_asked(2));
  ASSERT_TRUE(eventually([&] { return host2.host.stats().woken == 20; }));
  host2.complete(2);
  run(2);
  Server server(2);
  expect_served(clients, server);
  EXPECT_EQ(host2.starts(2), 1);
  EXPECT_EQ(host2.starts(3), 0);
}

// The port opens long after the start; a client that comes meanwhile waits with the others.
TEST_F(WakeTest, WhoComesWhileThePortIsClosedWaitsToo) {
  keep_only({1});
  auto clients = dial_many(1);
  ASSERT_TRUE(host1.is_asked(1));
  host1.complete(1);
  run(1);
  clients.push_back(dial_web());
  ASSERT_TRUE(eventually([&] { return host1.host.stats().woken == 2; }));
  Server server(1);
  expect_served(clients, server);
}

TEST_F(WakeTest, AMachineStoppedMinutesAgoGivesWayToAnotherOne) {
  keep_only({2, 3});
  machine(2).updated = wall_now();
  publish();
  auto clients = dial_many(1);
  ASSERT_TRUE(host2.is_asked(3));
  EXPECT_EQ(host2.starts(2), 0);
  host2.complete(3);
  run(3);
  Server server(3);
  expect_served(clients, server);
}

TEST_F(WakeTest, TheLastOneIsStartedHoweverLatelyItWasStopped) {
  keep_only({2, 3});
  machine(2).updated = machine(3).updated = wall_now();
  publish();
  auto clients = dial_many(5);
  ASSERT_TRUE(host2.is_asked(3));
  EXPECT_EQ(host2.starts(2), 0);
  ASSERT_TRUE(eventually([&] { return host2.host.stats().woken == 5; }));
  host2.complete(3);
  run(3);
  Server server(3);
  expect_served(clients, server);
  EXPECT_EQ(host2.starts(3), 1);
}

TEST_F(WakeTest, AfterTwoOwnersRefusedTheThirdHasToStart) {
  SleepyHost host3(3, cluster);
  for (std::uint32_t id : {1u, 2u, 3u, 4u}) {
    machine(id).region = "iad";
    machine(id).updated = wall_now();
  }
  publish();
  host3.host.set_snapshot(cluster);
  auto clients = dial_many(1);
  ASSERT_TRUE(host2.is_asked(3));
  EXPECT_EQ(host1.starts(1) + host2.starts(2) + host3.starts(4), 0);
  host2.complete(3);
  run(3);
  Server server(3);
  expect_served(clients, server);
}

TEST_F(WakeTest, AMachineThatCannotStartGivesWayToAnotherOne) {
  keep_only({1, 2});
  auto clients = dial_many(3);
  ASSERT_TRUE(host1.is_asked(1));
  ASSERT_TRUE(eventually([&] { return host1.host.stats().woken == 3; }));
  host1.complete(1, Error("no such program"));
  ASSERT_TRUE(host2.is_asked(2));
  host2.complete(2);
  run(2);
  Server server(2);
  expect_served(clients, server);
  EXPECT_EQ(host1.starts(1), 1) << "not tried again at once";
}

// It started, and ended before its port was open.
TEST_F(WakeTest, AMachineThatEndsInsteadGivesWayToAnotherOne) {
  keep_only({1, 2});
  auto clients = dial_many(1);
  ASSERT_TRUE(host1.is_asked(1));
  host1.complete(1);
  ASSERT_TRUE(host2.is_asked(2));
  host2.complete(2);
  run(2);
  Server server(2);
  expect_served(clients, server);
  EXPECT_EQ(host1.host.stats().starts_failed, 1u);
}

TEST_F(WakeTest, AClientThatGoesAwayLeavesTheOthersWaiting) {
  keep_only({2});
  auto clients = dial_many(3);
  ASSERT_TRUE(host2.is_asked(2));
  ASSERT_TRUE(eventually([&] { return host2.host.stats().woken == 3; }));
  clients.erase(clients.begin());
  host2.complete(2);
  run(2);
  Server server(2);
  // The one that left may still be joined: its end is seen then.
  for (Tcp& client : clients) ASSERT_TRUE(client.write_all("hi"));
  std::size_t heard = 0;
  ASSERT_TRUE(eventually([&] {
    Tcp accepted = server.accept();
    if (accepted && accepted.read_exactly(2) == "hi") ++heard;
    return heard == 2;
  }));
}

TEST_F(WakeTest, OverTheSoftLimitAnotherOneIsStartedMeanwhile) {
  keep_only({2, 3});
  cluster.app.services[0].soft_limit = 2;
  run(2);
  Server two(2);
  auto clients = dial_many(6);
  expect_served(clients, two);
  ASSERT_TRUE(host2.is_asked(3));
  EXPECT_EQ(host2.starts(3), 1);
  host2.complete(3);
  run(3);
  Server three(3);
  Tcp another = dial_web();
  EXPECT_EQ(who_accepts({&two, &three}), 3u);
  EXPECT_EQ(host2.starts(3), 1);
}

// From the decision on, the machine is given nothing that the stop would cut.
TEST(SleepTest, WhoComesWhileAnIdleMachineIsStoppedWaitsAndWakesIt) {
  TestCluster cluster = Lab::cluster();
  for (std::uint32_t id : {2u, 3u, 4u}) cluster.machines.erase(MachineId{id});
  MachineRecord& machine = cluster.machines[MachineId{1}];
  FlycastOptions options;
  options.idle_after = std::chrono::milliseconds(100);
  Server server(1);
  SleepyHost host1(1, cluster, options);
  Tcp first = dial_web();
  Tcp accepted = server.accept();
  ASSERT_TRUE(first && accepted);
  cluster.app.services[0].auto_stop = AutoStop::kStop;
  host1.host.set_snapshot(cluster);
  ASSERT_TRUE(first.write_all("hi"));
  EXPECT_EQ(accepted.read_exactly(2), "hi");
  first.close();
  accepted.close();
  ASSERT_TRUE(host1.is_asked_to_stop(1));
  auto failed = host1.host.stats().failed_attempts;
  Tcp second = dial_web();
  ASSERT_TRUE(eventually([&] { return host1.host.stats().failed_attempts > failed; }));
  pollfd pending{server.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&pending, 1, 0), 0) << "given to a machine that is about to end";
  machine.state = MachineState::kStopped;
  host1.host.set_snapshot(cluster);
  host1.complete_stop(1);
  ASSERT_TRUE(host1.is_asked(1));
  host1.complete(1);
  Tcp woken = server.accept();
  ASSERT_TRUE(woken);
  ASSERT_TRUE(second.write_all("up"));
  EXPECT_EQ(woken.read_exactly(2), "up");
}

TEST(SleepTest, AMachineThatCouldNotBeStoppedServesOn) {
  TestCluster cluster = Lab::cluster();
  for (std::uint32_t id : {2u, 3u, 4u}) cluster.machines.erase(MachineId{id});
  cluster.app.services[0].auto_stop = AutoStop::kSuspend;
  FlycastOptions options;
  options.idle_after = std::chrono::milliseconds(100);
  Server server(1);
  SleepyHost host1(1, cluster, options);
  ASSERT_TRUE(host1.is_asked_to_stop(1));
  EXPECT_EQ(host1.last_how, AutoStop::kSuspend);
  Tcp client = dial_web();
  host1.complete_stop(1, Error("its files cannot be written"));
  EXPECT_TRUE(server.accept());
}

TEST_F(WakeTest, WithoutAutostartNothingIsStarted) {
  cluster.app.services[0].auto_start = false;
  publish();
  auto clients = dial_many(1);
  // Rounds go by; the client waits, as it does for an app without machines.
  ASSERT_TRUE(eventually([&] { return host1.host.stats().sessions == 1; }));
  run(1);
  Server server(1);
  expect_served(clients, server);
  EXPECT_EQ(host1.starts(1), 0);
}

}  // namespace
}  // namespace sixpn::flycast
