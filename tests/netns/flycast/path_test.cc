// The path of a connection through real kernels: where it goes, and whom the machine sees.
#include <gtest/gtest.h>

#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;

struct Path : testing::Test {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();

  void stop_machine(std::uint32_t id) {
    cluster.machines[MachineId{id}].state = MachineState::kStopped;
  }
};

void expect_echo(Tcp& client, Tcp& server) {
  ASSERT_TRUE(client.write_all("ping"));
  EXPECT_EQ(server.read_exactly(4), "ping");
  ASSERT_TRUE(server.write_all("pong"));
  EXPECT_EQ(client.read_exactly(4), "pong");
}

TEST_F(Path, AMachineOnThisHostSeesTheClientsOwnAddress) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  Tcp accepted = server.accept();
  ASSERT_TRUE(client && accepted);
  EXPECT_EQ(accepted.remote().ip, lab.address(9));
  expect_echo(client, accepted);
  FlycastStats stats = host1.stats();
  EXPECT_EQ(stats.relayed, 1u);
  EXPECT_EQ(stats.attempts, 1u);
  EXPECT_TRUE(eventually([&] { return host1.stats().bytes == 8; }));
}

TEST_F(Path, OverTwoHopsTooAndTheClientSeesTheFlycastAddress) {
  stop_machine(1);
  stop_machine(3);
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  Server server(2);
  Tcp client = dial_web();
  Tcp accepted = server.accept();
  ASSERT_TRUE(client && accepted);
  EXPECT_EQ(accepted.remote().ip, lab.address(9));
  EXPECT_EQ(client.remote(), kDialled);
  expect_echo(client, accepted);
  EXPECT_EQ(host2.stats().hops_admitted, 1u);
}

TEST_F(Path, NearestFirst) {
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  RunningHost host3(3, cluster);
  Server one(1), two(2), three(3), four(4);
  std::vector<Tcp> open;
  for (int i = 0; i < 10; ++i) {
    open.push_back(dial_web());
    EXPECT_EQ(who_accepts({&one, &two, &three, &four}), 1u);
  }
  stop_machine(1);
  host1.set_snapshot(cluster);
  std::map<std::uint32_t, int> shares;
  for (int i = 0; i < 12; ++i) {
    Tcp accepted;
    open.push_back(dial_web());
    ++shares[who_accepts({&one, &two, &three, &four}, &accepted)];
    open.push_back(std::move(accepted));
  }
  EXPECT_EQ(shares[2] + shares[3], 12) << "fra is nearer than nrt";
  // How many each gets depends on how quickly it answered, too (balancer_test.cc counts).
  EXPECT_GT(shares[2], 0);
  EXPECT_GT(shares[3], 0);
}

TEST_F(Path, AStoppedMachineIsNeverChosen) {
  stop_machine(1);
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  Server stopped(1), two(2), three(3);  // it still listens: only the registry says so
  for (int i = 0; i < 10; ++i) {
    Tcp client = dial_web();
    EXPECT_NE(who_accepts({&two, &three}), 0u);
  }
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

TEST_F(Path, ADeadHostIsNeverChosen) {
  stop_machine(1);
  cluster.hosts[host(2)].status = HostStatus::kDown;
  RunningHost host1(1, cluster);
  RunningHost host3(3, cluster);
  Server four(4);
  Tcp client = dial_web();
  EXPECT_EQ(who_accepts({&four}), 4u);
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

TEST_F(Path, ABackendThatRefusesSendsTheConnectionElsewhere) {
  stop_machine(3);
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  RunningHost host3(3, cluster);
  Server four(4);  // nothing listens on machines 1 and 2
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("early bytes"));  // before any machine has it
  Tcp accepted = four.accept();
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted.read_exactly(11), "early bytes");
  FlycastStats stats = host1.stats();
  EXPECT_EQ(stats.attempts, 3u);
  EXPECT_EQ(stats.failed_attempts, 2u);
  EXPECT_EQ(host2.stats().hops_refused, 1u);
}

TEST_F(Path, AHostWhoseAgentIsDownSendsTheConnectionElsewhere) {
  stop_machine(1);
  RunningHost host1(1, cluster);
  RunningHost host3(3, cluster);  // host 2 runs none, and the registry does not know yet
  Server two(2), four(4);
  Tcp client = dial_web();
  EXPECT_EQ(who_accepts({&two, &four}), 4u);
  EXPECT_EQ(host1.stats().attempts, 2u) << "one attempt tells that the whole host is out";
}

TEST_F(Path, AnOwnerThatKnowsBetterSendsTheConnectionElsewhere) {
  stop_machine(1);
  stop_machine(3);
  TestCluster fresh = cluster;
  fresh.machines[MachineId{2}].state = MachineState::kStopping;
  RunningHost host1(1, cluster);
  RunningHost host2(2, fresh);
  RunningHost host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  EXPECT_EQ(who_accepts({&two, &four}), 4u);
}

TEST_F(Path, TheHardLimitIsExactAndSendsConnectionsElsewhere) {
  stop_machine(1);
  cluster.app.services[0].hard_limit = 2;
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  RunningHost host3(3, cluster);
  Server two(2), three(3), four(4);
  std::map<std::uint32_t, int> shares;
  std::vector<Tcp> open;
  for (int i = 0; i < 6; ++i) {
    Tcp accepted;
    open.push_back(dial_web());
    ++shares[who_accepts({&two, &three, &four}, &accepted)];
    open.push_back(std::move(accepted));
  }
  EXPECT_EQ(shares, (std::map<std::uint32_t, int>{{2, 2}, {3, 2}, {4, 2}}));
  Tcp waiting = dial_web();  // no machine has room
  open[0].close();           // one of machine 2 or 3 ends: both its ends close
  open[1].close();
  EXPECT_NE(who_accepts({&two, &three, &four}), 0u) << "the waiting one gets the freed place";
}

TEST_F(Path, ALimitIsHeldAcrossTheHostsOfClients) {
  for (std::uint32_t id : {1u, 3u, 4u}) stop_machine(id);
  cluster.app.services[0].hard_limit = 1;
  FlycastOptions brief;
  brief.retry.deadline = milliseconds(1000);
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  RunningHost host3(3, cluster, brief);
  Server two(2);
  Tcp first = dial_web();
  Tcp accepted = two.accept();
  ASSERT_TRUE(accepted);
  Tcp second = dial(lab.machine(4), kDialled);  // host 3 knows nothing of the first
  EXPECT_EQ(second.read_to_end(), "");
  EXPECT_TRUE(second.got_reset());
  EXPECT_GE(host2.stats().hops_refused, 1u);
}

TEST_F(Path, AMachineThatDialsItsOwnServiceReachesIt) {
  for (std::uint32_t id : {2u, 3u, 4u}) stop_machine(id);
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial(lab.machine(1), kDialled);
  Tcp accepted = server.accept();
  ASSERT_TRUE(client && accepted);
  EXPECT_EQ(accepted.remote().ip, proxy_address(kNetwork, host(1)));
  expect_echo(client, accepted);
}

TEST_F(Path, AnotherNetworkReachesOnlyWhatIsAllocatedForIt) {
  Ip6 shared = flycast_address(kOtherNetwork, 7);
  cluster.flycast.push_back({shared, "web", kNetwork, ""});
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial(lab.machine(8), {shared, 80});
  Tcp accepted = server.accept();
  ASSERT_TRUE(client && accepted);
  EXPECT_EQ(accepted.remote().ip, proxy_address(kNetwork, host(1)));
  expect_echo(client, accepted);

  Tcp crossing = dial(lab.machine(8), kDialled);  // web's own address, in the other network
  EXPECT_EQ(crossing.read_to_end(), "");
  EXPECT_TRUE(!crossing || crossing.got_reset());
  EXPECT_EQ(host1.stats().unknown_destination, 1u);
}

TEST_F(Path, NothingToReachIsAResetInTime) {
  FlycastOptions brief;
  brief.retry.max_attempts = 8;
  RunningHost host1(1, cluster, brief);  // no server listens, no other host runs
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("hello"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  FlycastStats stats = host1.stats();
  EXPECT_EQ(stats.gave_up, 1u);
  EXPECT_EQ(stats.attempts, 8u) << "all four were tried again after a backoff";
  EXPECT_EQ(stats.sessions, 0u);
}

TEST_F(Path, AMachineThatStartsInTimeGetsTheWaitingConnection) {
  for (std::uint32_t id : {1u, 2u, 3u, 4u}) stop_machine(id);
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(eventually([&] { return host1.stats().sessions == 1; }));
  cluster.machines[MachineId{1}].state = MachineState::kStarted;
  host1.set_snapshot(cluster);
  EXPECT_TRUE(server.accept());
}

TEST_F(Path, APortWithoutAServiceIsAResetAtOnce) {
  RunningHost host1(1, cluster);
  Tcp client = dial(lab.machine(9), {kFlycast, 81});
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(!client || client.got_reset());
  EXPECT_EQ(host1.stats().unknown_destination, 1u);
}

}  // namespace
}  // namespace sixpn::flycast
