// Machines outlive the agent; what happened meanwhile is found out; a reboot brings them back.
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "tests/netns/machine/machine_fixture.h"

namespace sixpn::machine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Restart : public MachineFixture {
 protected:
  void restart_agent() {
    end_agent();
    calls.clear();
    start_agent();
  }
};

TEST_F(Restart, TheProcessNeverNotices) {
  auto id = run_script("echo up; exec sleep 5001");
  ASSERT_TRUE(wait_for([] { return find_sleepers("5001").size() == 1; }));
  auto before = local(id);
  restart_agent();
  auto after = local(id);
  EXPECT_EQ(after.pid, before.pid);
  EXPECT_EQ(after.record, before.record);  // to the millisecond: nothing to gossip
  EXPECT_THAT(calls, ElementsAre("publish started"));
  ASSERT_EQ(service->attachments().size(), 1u);
  EXPECT_EQ(service->attachments().front(),
            (Attachment{id, before.record.network, before.record.address, before.netns_path}));
  EXPECT_THAT(find_sleepers("5001"), ElementsAre(*before.pid));
  // And it is still in hand.
  ASSERT_TRUE(stop(id));
  EXPECT_TRUE(find_sleepers("5001").empty());
}

TEST_F(Restart, ACordonStays) {
  auto id = run_script("exec sleep 5021");
  calls.clear();
  ASSERT_TRUE(set_cordoned(id, true));
  EXPECT_THAT(calls, ElementsAre("publish started"));
  EXPECT_TRUE(local(id).record.cordoned);
  restart_agent();
  EXPECT_TRUE(local(id).record.cordoned);
  ASSERT_TRUE(stop(id));
  ASSERT_TRUE(start(id));
  EXPECT_TRUE(local(id).record.cordoned);
  ASSERT_TRUE(set_cordoned(id, false));
  EXPECT_FALSE(local(id).record.cordoned);
  restart_agent();
  EXPECT_FALSE(local(id).record.cordoned);
  auto unknown = set_cordoned(MachineId(0x148e21dad76789), true);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("148e21dad76789"));
}

TEST_F(Restart, AnExitAfterTheRestartIsNoticed) {
  auto id = run_script("trap 'exit 5' USR1; echo up; while :; do sleep 0.02; done");
  ASSERT_TRUE(wait_for_log(id, "up"));
  restart_agent();
  ASSERT_EQ(kill(*local(id).pid, SIGUSR1), 0);
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  EXPECT_EQ(local(id).exit->code, 5);
  EXPECT_THAT(calls, ElementsAre("publish started", "publish stopped"));
}

TEST_F(Restart, AnExitDuringTheAbsenceIsFoundOut) {
  auto id = run_script("trap 'exit 6' USR1; echo up; while :; do sleep 0.02; done; : 5002");
  ASSERT_TRUE(wait_for_log(id, "up"));
  auto pid = *local(id).pid;
  auto shims = find_shims(id);
  end_agent();
  kill(pid, SIGUSR1);
  ASSERT_TRUE(wait_until([&] { return has_ended(shims.at(0)); }));
  calls.clear();
  start_agent();
  EXPECT_EQ(loaded.front().record.state, MachineState::kStopped);
  EXPECT_EQ(loaded.front().exit->code, 6);
  EXPECT_THAT(calls, ElementsAre("publish stopped"));
  // It ended by itself: not even a reboot starts it again.
  end_agent();
  options.boot_id = "another";
  start_agent();
  EXPECT_EQ(local(id).record.state, MachineState::kStopped);
}

TEST_F(Restart, AShimKilledDuringTheAbsenceIsFoundOut) {
  auto id = run_script("exec sleep 5003");
  auto shims = find_shims(id);
  ASSERT_EQ(shims.size(), 1u);
  end_agent();
  kill(shims.front(), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return has_ended(shims.front()); }));
  EXPECT_TRUE(find_sleepers("5003").empty());
  start_agent();
  EXPECT_EQ(local(id).record.state, MachineState::kStopped);
  EXPECT_THAT(local(id).reason, HasSubstr("killed while no agent ran"));
}

TEST_F(Restart, AStartThatTheAgentDidNotFinishLeavesNoProcess) {
  hold_publish = true;
  RunRequest request;
  request.placement.app = "web";
  request.placement.network = NetworkId(0x20003);
  request.process.command = {"sleep", "5004"};
  service->run(request, [](Result<MachineRecord>) {});
  ASSERT_TRUE(wait_for([&] { return calls.size() == 3; }));
  auto id = service->list().front().record.id;
  EXPECT_EQ(find_shims(id).size(), 2u);  // init, and what waits at the gate
  hold_publish = false;
  restart_agent();
  EXPECT_TRUE(wait_for([&] { return find_shims(id).empty(); }));
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  EXPECT_TRUE(find_sleepers("5004").empty());
  ASSERT_TRUE(start(id));
}

TEST_F(Restart, AnInterruptedStopIsFinished) {
  auto id = run_script("trap '' INT; echo up; while :; do sleep 0.02; done", [](RunRequest& r) {
    r.process.kill_timeout = std::chrono::milliseconds(50);
  });
  ASSERT_TRUE(wait_for_log(id, "up"));
  hold_publish = true;  // never gets past withdrawing
  service->stop(id, {}, {}, [](Result<void>) {});
  hold_publish = false;
  restart_agent();
  EXPECT_EQ(calls.front(), "withdraw stopping");
  EXPECT_TRUE(wait_for_state(id, MachineState::kStopped));
}

TEST_F(Restart, AnInterruptedDestroyIsFinished) {
  auto id = run_script("exec sleep 5005");
  hold_publish = true;
  service->destroy(id, true, [](Result<void>) {});
  hold_publish = false;
  restart_agent();
  EXPECT_TRUE(wait_for([&] { return service->list().empty(); }));
  EXPECT_FALSE(exists(folder(id)));
  EXPECT_TRUE(find_sleepers("5005").empty());
}

// A reboot, as far as the files tell: processes and namespaces are gone, the boot id is another.
TEST_F(Restart, ARebootStartsWhatWasWanted) {
  auto wanted = run_script("echo up; exec sleep 5006");
  auto unwanted = run_script("exec sleep 5007");
  ASSERT_TRUE(stop(unwanted));
  auto address = local(wanted).record.address;
  auto shims = find_shims(wanted);
  end_agent();
  kill(shims.at(0), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return has_ended(shims.at(0)); }));
  for (auto id : {wanted, unwanted}) shell("ip netns delete " + to_string(id));
  calls.clear();
  options.boot_id = "another";
  start_agent();
  EXPECT_EQ(loaded.size(), 2u);
  EXPECT_TRUE(wait_for_log(wanted, "up\nup"));
  EXPECT_EQ(local(wanted).record.state, MachineState::kStarted);
  EXPECT_EQ(local(wanted).record.address, address);
  EXPECT_TRUE(exists("/run/netns/" + to_string(wanted)));
  EXPECT_EQ(local(unwanted).record.state, MachineState::kStopped);
  EXPECT_TRUE(find_sleepers("5007").empty());
  ASSERT_TRUE(start(unwanted));  // its namespace is made anew
  EXPECT_TRUE(exists("/run/netns/" + to_string(unwanted)));
}

TEST_F(Restart, ALostNamespaceNameIsRestored) {
  auto id = run_script("readlink /proc/self/ns/net; exec sleep 5008");
  ASSERT_TRUE(wait_for_log(id, "net:"));
  end_agent();
  shell("ip netns delete " + to_string(id));
  start_agent();
  EXPECT_EQ(shell("ip netns exec " + to_string(id) + " readlink /proc/self/ns/net"), log_of(id));
}

TEST_F(Restart, GarbageIsSetAsideAndTheOthersGoOn) {
  auto good = run_script("exec sleep 5009");
  auto bad = run_script("exec sleep 5010");
  end_agent();
  std::ofstream(folder(bad) + "/machine.json") << "{\"format\":1,\"id\":";
  calls.clear();
  ::testing::internal::CaptureStderr();
  start_agent();
  auto log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("machine " + to_string(bad) + " is given up"));
  EXPECT_THAT(log, HasSubstr("machine.json: not JSON"));
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded.front().record.id, good);
  EXPECT_THAT(calls, ElementsAre("erase", "publish started"));
  EXPECT_TRUE(exists(folder(bad) + ".broken/machine.json"));
  EXPECT_TRUE(
      wait_for([] { return find_sleepers("5010").empty(); }));  // no process that no record names
  EXPECT_FALSE(exists("/run/netns/" + to_string(bad)));
}

TEST_F(Restart, EveryDamageToTheFilesIsSurvived) {
  auto id = run_script("exit 0");
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  for (const char* file : {"shim.json", "exit.json"}) {
    for (const char* text : {"", "null", "{}", "{\"pid\":\"x\"}", "\xff\xfe"}) {
      end_agent();
      std::ofstream(folder(id) + "/" + file) << text;
      start_agent();
      EXPECT_EQ(local(id).record.state, MachineState::kStopped) << file << " " << text;
    }
  }
  EXPECT_TRUE(start(id));
}

TEST_F(Restart, ACreationThatWasCutOffIsTakenAway) {
  end_agent();
  MachineId id(0x1234567);
  shell("mkdir -p " + folder(id) + "/etc");
  calls.clear();
  start_agent();
  EXPECT_FALSE(exists(folder(id)));
  EXPECT_THAT(loaded, IsEmpty());
}

}  // namespace
}  // namespace sixpn::machine
