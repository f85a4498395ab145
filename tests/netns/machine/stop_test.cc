// Ending machines: withdrawn first, asked, insisted, killed; nothing of them stays.
#include <gmock/gmock.h>
#include <signal.h>

#include "base/io/clock.h"
#include "tests/netns/machine/machine_fixture.h"

namespace sixpn::machine {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Stop : public MachineFixture {};

TEST_F(Stop, WithdrawsBeforeItAsks) {
  auto id = run_script("trap 'echo asked; exit 7' INT; echo up; while :; do sleep 0.02; done");
  ASSERT_TRUE(wait_for_log(id, "up"));
  calls.clear();
  hold_publish = true;
  std::optional<Result<void>> outcome;
  service->stop(id, {}, {}, [&](Result<void> got) { outcome = std::move(got); });
  ASSERT_TRUE(wait_for([&] { return !held.empty(); }));
  EXPECT_THAT(calls, ElementsAre("withdraw stopping"));
  EXPECT_EQ(local(id).record.state, MachineState::kStopping);
  EXPECT_EQ(log_of(id), "up\n");
  hold_publish = false;
  for (auto& done : std::exchange(held, {})) loop->post(done);
  ASSERT_TRUE(wait_for([&] { return outcome.has_value(); }));
  EXPECT_TRUE(*outcome);
  EXPECT_EQ(log_of(id), "up\nasked\n");
  EXPECT_EQ(local(id).exit->code, 7);
  EXPECT_EQ(local(id).reason, "");
  EXPECT_THAT(calls, ElementsAre("withdraw stopping", "publish stopped"));
}

TEST_F(Stop, TakesSignalAndTimeoutOfTheRequest) {
  auto id = run_script("trap 'exit 9' USR1; echo up; while :; do sleep 0.02; done");
  ASSERT_TRUE(wait_for_log(id, "up"));
  EXPECT_FALSE(stop(id, "SIGNONE"));
  EXPECT_FALSE(stop(id, {}, std::chrono::seconds(301)));
  ASSERT_TRUE(stop(id, "USR1", milliseconds(5000)));
  EXPECT_EQ(local(id).exit->code, 9);
}

TEST_F(Stop, InsistsAndThenKills) {
  auto id =
      run_script("trap '' INT TERM; echo up; while :; do sleep 0.02; done",
                 [](RunRequest& request) { request.process.kill_timeout = milliseconds(100); });
  ASSERT_TRUE(wait_for_log(id, "up"));
  auto begin = monotonic_now();
  ASSERT_TRUE(stop(id));
  EXPECT_GE(monotonic_now() - begin,
            milliseconds(2100));  // kill_timeout, then the grace of SIGTERM
  EXPECT_EQ(local(id).exit->signal, SIGKILL);
  EXPECT_EQ(local(id).reason, "killed: it did not end within 2 s of SIGTERM");
  EXPECT_EQ(local(id).record.state, MachineState::kStopped);
}

TEST_F(Stop, GrandchildrenGoWithTheCommand) {
  // One in a session of its own, orphaned, deaf to all that can be ignored; one in the process
  // group.
  auto id = run_script(
      "(setsid sh -c 'trap \"\" INT TERM HUP; echo daemon; exec sleep 4242.1' &);"
      "sleep 4242.2 & echo up; wait");
  ASSERT_TRUE(wait_for_log(id, "up") && wait_for_log(id, "daemon"));
  ASSERT_TRUE(wait_for(
      [] { return find_sleepers("4242.1").size() == 1 && find_sleepers("4242.2").size() == 1; }));
  ASSERT_TRUE(stop(id));
  EXPECT_TRUE(find_sleepers("4242.1").empty());
  EXPECT_TRUE(find_sleepers("4242.2").empty());
}

TEST_F(Stop, GrandchildrenGoWhenTheCommandExits) {
  auto id = run_script("(setsid sleep 4243 &) ; sleep 0.1; exit 0");
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  EXPECT_TRUE(find_sleepers("4243").empty());
}

TEST_F(Stop, IsIdempotentAndStartsAgain) {
  auto id = run_script("echo up $FLY_PRIVATE_IP; exec sleep 1000");
  ASSERT_TRUE(wait_for_log(id, "up"));
  auto address = local(id).record.address;
  ASSERT_TRUE(stop(id));
  ASSERT_TRUE(stop(id));
  auto log = log_of(id);
  ASSERT_TRUE(start(id));
  ASSERT_TRUE(start(id));
  ASSERT_TRUE(wait_for([&] { return log_of(id) == log + log; }));  // appended; the same address
  EXPECT_EQ(local(id).record.address, address);
  EXPECT_EQ(local(id).record.state, MachineState::kStarted);
  EXPECT_FALSE(local(id).exit);
}

TEST_F(Stop, UnknownMachinesAreTold) {
  MachineId id(1);
  EXPECT_EQ(stop(id).error().message, "no machine 00000000000001 on this host");
  EXPECT_FALSE(start(id));
  EXPECT_FALSE(destroy(id));
}

TEST_F(Stop, DestroyWantsForceForARunningOne) {
  auto id = run_script("exec sleep 4244");
  EXPECT_EQ(destroy(id).error().message, "the machine is started: stop it first, or force");
  calls.clear();
  ASSERT_TRUE(destroy(id, true));
  EXPECT_THAT(calls, ElementsAre("withdraw stopping", "publish destroying", "detach", "erase"));
  EXPECT_TRUE(find_sleepers("4244").empty());
  EXPECT_TRUE(service->list().empty());
  EXPECT_FALSE(exists(folder(id)));
  EXPECT_FALSE(exists("/run/netns/" + to_string(id)));
  EXPECT_FALSE(exists("/etc/netns/" + to_string(id)));
}

// Every machine's mount namespace begins as a copy of the host's, names of other machines'
// namespaces included.
TEST_F(Stop, ADestroyedNamespaceIsNotPinnedByAnotherMachine) {
  auto first = run_script("exec sleep 1000");
  auto second = run_script("exec sleep 1000");
  auto mounts = "/proc/" + std::to_string(*local(second).pid) + "/mountinfo";
  EXPECT_THAT(shell("cat " + mounts), HasSubstr("netns/" + to_string(first)));
  ASSERT_TRUE(destroy(first, true));
  EXPECT_THAT(shell("cat " + mounts), Not(HasSubstr("netns/" + to_string(first))));
}

// The worst that can happen to a shim: all of its machine goes with it, and DNS is told.
TEST_F(Stop, AKilledShimTakesItsProcessesWithIt) {
  auto id = run_script("(setsid sleep 4245 &); sleep 4245; echo not reached");
  ASSERT_TRUE(wait_for([] { return find_sleepers("4245").size() == 2; }));
  auto shims = find_shims(id);
  ASSERT_EQ(shims.size(), 1u);
  ASSERT_EQ(kill(shims.front(), SIGKILL), 0);
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  EXPECT_TRUE(find_sleepers("4245").empty());
  EXPECT_EQ(calls.back(), "publish stopped");
  EXPECT_EQ(local(id).exit->signal, SIGKILL);
  EXPECT_THAT(local(id).reason, HasSubstr("its shim was killed"));
  ASSERT_TRUE(start(id));
}

}  // namespace
}  // namespace sixpn::machine
