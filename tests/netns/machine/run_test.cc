// A machine's first start: what its process finds around it, and what is said to the world in which
// order.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/io/clock.h"
#include "registry/core/address.h"
#include "tests/netns/machine/machine_fixture.h"

namespace sixpn::machine {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Run : public MachineFixture {};

TEST_F(Run, AProcessLivesInItsOwnNamespaceWithItsOwnNames) {
  auto id = run_script(
      "env; hostname; cat /etc/resolv.conf /etc/hosts; ls /sys/class/net; readlink "
      "/proc/self/ns/net;"
      "pwd; id -u; echo to stderr >&2; cat; echo done; exec sleep 1000",
      [](RunRequest& request) {
        request.placement.group = "worker";
        request.placement.primary_region = "iad";
        request.process.env["GREETING"] = "good day";
        request.process.cwd = "/usr";
      });
  ASSERT_TRUE(wait_for_log(id, "done\n"));
  auto machine = local(id);
  auto address = to_string(machine.record.address);
  EXPECT_EQ(classify(machine.record.address), AddressKind::kMachine);
  EXPECT_EQ(host_of(machine.record.address), options.self);
  auto log = log_of(id);
  EXPECT_THAT(log, AllOf(HasSubstr("FLY_APP_NAME=web\n"), HasSubstr("FLY_REGION=fra\n"),
                         HasSubstr("FLY_MACHINE_ID=" + to_string(id) + "\n"),
                         HasSubstr("FLY_PRIVATE_IP=" + address + "\n"),
                         HasSubstr("FLY_PROCESS_GROUP=worker\n"), HasSubstr("PRIMARY_REGION=iad\n"),
                         HasSubstr("GREETING=good day\n"), HasSubstr("HOME=/root\n")));
  EXPECT_THAT(log, AllOf(HasSubstr("\n" + to_string(id) + "\nnameserver fdaa::3\n127.0.0.1"),
                         HasSubstr(address + "\tfly-local-6pn " + to_string(id) + "\n"),
                         HasSubstr("\nlo\nnet:["), HasSubstr("\n/usr\n0\nto stderr\ndone\n")));
  EXPECT_THAT(log, Not(HasSubstr("SIXPN")));
  auto inside = shell("readlink /proc/" + std::to_string(*machine.pid) + "/ns/net");
  EXPECT_THAT(log, HasSubstr(inside));
  EXPECT_NE(inside, shell("readlink /proc/self/ns/net"));
  EXPECT_EQ(machine.record.state, MachineState::kStarted);
  EXPECT_EQ(machine.kind, MachineKind::kRun);
}

TEST_F(Run, NothingOfTheAgentIsInherited) {
  auto id =
      run_script("ls -l /proc/self/fd; grep Sig[BI] /proc/self/status; echo done; sleep 1000");
  ASSERT_TRUE(wait_for_log(id, "done\n"));
  auto log = log_of(id);
  EXPECT_THAT(log, HasSubstr("SigBlk:\t0000000000000000"));
  // But for the two signals that the C library keeps to itself.
  EXPECT_THAT(
      log, AnyOf(HasSubstr("SigIgn:\t0000000000000000"), HasSubstr("SigIgn:\t0000000180000000")));
  EXPECT_THAT(log, Not(AnyOf(HasSubstr("socket:"), HasSubstr("anon_inode:"), HasSubstr("memfd:"))));
}

TEST_F(Run, IpNetnsExecSeesTheMachinesResolver) {
  auto id = run_script("exec sleep 1000");
  auto output = shell("ip netns exec " + to_string(id) + " cat /etc/resolv.conf /etc/hosts");
  EXPECT_THAT(output, AllOf(HasSubstr("nameserver fdaa::3"), HasSubstr("fly-local-6pn")));
}

TEST_F(Run, PublishesBeforeTheFirstInstruction) {
  hold_publish = true;
  std::optional<Result<MachineRecord>> outcome;
  RunRequest request;
  request.placement.app = "web";
  request.placement.network = NetworkId(0x20003);
  request.process.command = {"sh", "-c", "echo began; exec sleep 1000"};
  service->run(request, [&](Result<MachineRecord> got) { outcome = std::move(got); });
  ASSERT_TRUE(wait_for([&] { return calls.size() == 3; }));
  EXPECT_THAT(calls, ElementsAre("publish starting", "attach", "publish started"));
  auto id = service->list().front().record.id;
  EXPECT_EQ(local(id).record.state, MachineState::kStarted);
  EXPECT_EQ(log_of(id), "");
  EXPECT_FALSE(outcome);
  for (auto& done : std::exchange(held, {})) loop->post(done);
  hold_publish = false;
  ASSERT_TRUE(wait_for([&] { return outcome.has_value(); }));
  EXPECT_TRUE(*outcome);
  EXPECT_TRUE(wait_for_log(id, "began"));
}

TEST_F(Run, AnExitMakesTheMachineStopped) {
  auto id = run_script("exit 3");
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  auto machine = local(id);
  EXPECT_EQ(machine.exit->code, 3);
  EXPECT_EQ(machine.exit->signal, 0);
  EXPECT_FALSE(machine.pid);
  EXPECT_EQ(calls.back(), "publish stopped");
  EXPECT_EQ(machine.record.updated, machine.exit->at);
  // Its network stays: its address is its own, and it may be started again.
  EXPECT_TRUE(exists("/run/netns/" + to_string(id)));
  ASSERT_TRUE(start(id));
}

TEST_F(Run, ADeathBySignalIsTold) {
  auto id = run_script("kill -SEGV $$");
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  EXPECT_EQ(local(id).exit->signal, SIGSEGV);
  EXPECT_EQ(local(id).exit->code, 128 + SIGSEGV);
}

TEST_F(Run, AShortCommandIsAWholeMachine) {
  for (int i = 0; i < 20; ++i) {
    auto outcome = run({"true"});
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_TRUE(wait_for_state(outcome->id, MachineState::kStopped));
    EXPECT_EQ(local(outcome->id).exit->code, 0);
  }
}

TEST_F(Run, AFirstStartThatFailsLeavesNothing) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"no-such-program"}, "command not found: no-such-program (PATH is /usr/local/sbin"},
      {{"/no/such"}, "command /no/such: No such file or directory"},
      {{"/etc/passwd"}, "command /etc/passwd: Permission denied"},
      {{"/etc"}, "command /etc: Is a directory"},
  };
  for (const auto& [command, expected] : cases) {
    calls.clear();
    auto outcome = run(command);
    ASSERT_FALSE(outcome) << command.front();
    EXPECT_THAT(outcome.error().message, HasSubstr(expected));
    EXPECT_THAT(calls, ElementsAre("publish starting", "attach", "detach", "erase"));
  }
  EXPECT_TRUE(service->list().empty());
  EXPECT_EQ(shell("ls " + options.state_dir + "/machines"), "");
}

TEST_F(Run, ABrokenProgramIsNoticedAtTheGate) {
  auto script = options.state_dir + "/broken";
  shell("printf '#!/no/such/interpreter\\n' >" + script + "; chmod 755 " + script);
  auto outcome = run({script});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("executing " + script + ": No such file"));
  EXPECT_EQ(calls.back(), "erase");
  EXPECT_TRUE(service->list().empty());
}

TEST_F(Run, RefusesBadRequestsBeforeAnythingIsTouched) {
  auto outcome = run({"true"}, [](RunRequest& request) { request.process.env["FLY_X"] = "1"; });
  EXPECT_THAT(outcome.error().message, HasSubstr("FLY_X"));
  outcome = run({"true"}, [](RunRequest& request) { request.process.user = "no-such-user"; });
  EXPECT_THAT(outcome.error().message, HasSubstr("no user no-such-user"));
  outcome = run({"true"}, [](RunRequest& request) { request.process.cwd = "/no/such/folder"; });
  EXPECT_THAT(outcome.error().message, HasSubstr("entering /no/such/folder"));
  EXPECT_TRUE(service->list().empty());
}

TEST_F(Run, ANetworkThatCannotBeAttachedIsTold) {
  attach_error = Error("veth: no permission");
  auto outcome = run({"true"});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "veth: no permission");
  EXPECT_TRUE(service->list().empty());
}

TEST_F(Run, AMissingShimIsTold) {
  end_agent();
  options.shim_path = "/no/such/shim";
  start_agent();
  auto outcome = run({"true"});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("starting /no/such/shim: No such file"));
}

TEST_F(Run, RunsAsAnotherUserWhateverTheAgentsUmask) {
  auto umask_before = umask(077);
  auto id = run_script("id -u; echo $HOME; cat /etc/resolv.conf; umask; echo done; sleep 1000",
                       [](RunRequest& request) { request.process.user = "nobody"; });
  umask(umask_before);
  ASSERT_TRUE(wait_for_log(id, "done"));
  EXPECT_EQ(log_of(id), "65534\n/nonexistent\nnameserver fdaa::3\n0022\ndone\n");
}

// DHCP clients replace /etc/resolv.conf by rename, which takes bind mounts of it away everywhere.
TEST_F(Run, KeepsItsResolverWhenTheHostReplacesItsOwn) {
  auto id = run_script(
      "echo up; "
      "while [ ! -e " +
      options.state_dir +
      "/go ]; do sleep 0.02; done;"
      "cat /etc/resolv.conf; echo done; sleep 1000");
  ASSERT_TRUE(wait_for_log(id, "up"));
  shell("cp -a /etc/resolv.conf /etc/.resolv.sxm && mv /etc/.resolv.sxm /etc/resolv.conf");
  shell("touch " + options.state_dir + "/go");
  ASSERT_TRUE(wait_for_log(id, "done"));
  EXPECT_THAT(log_of(id), HasSubstr("nameserver fdaa::3"));
}

TEST_F(Run, TheHostSeesNoneOfTheMounts) {
  auto before = shell("grep -c . /proc/self/mountinfo");
  auto hosts = shell("cat /etc/hosts");
  auto id = run_script("echo spoiled >/etc/hosts; echo up; sleep 1000");
  ASSERT_TRUE(wait_for_log(id, "up"));
  EXPECT_EQ(shell("cat /etc/hosts"), hosts);
  EXPECT_NE(shell("hostname"), to_string(id) + "\n");
  // Only its namespace's name is new.
  EXPECT_EQ(std::stoi(shell("grep -vc netns/" + to_string(id) + " /proc/self/mountinfo")),
            std::stoi(before));
}

// `machine run` to a running command: DESIGN wants a resolvable machine in 500 ms, of which this is
// a part.
TEST_F(Run, StartsWithoutWaitingForATimer) {
  Duration best = std::chrono::seconds(10);
  for (int i = 0; i < 5; ++i) {
    auto begin = monotonic_now();
    ASSERT_TRUE(run({"sleep", "1000"}));
    best = std::min(best, std::chrono::duration_cast<Duration>(monotonic_now() - begin));
  }
  RecordProperty("run_us", static_cast<int>(best.count()));
  // A poll or a timeout on the way would take longer, on any machine.
  EXPECT_LT(best, std::chrono::seconds(1));
}

}  // namespace
}  // namespace sixpn::machine
