#include "machine/core/lifecycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sixpn::machine {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> text(const Actions& actions) {
  std::vector<std::string> out;
  for (const auto& action : actions) out.push_back(to_string(action));
  return out;
}

Lifecycle run_machine() {
  return {MachineKind::kRun, {SIGINT, seconds(5)}};
}

Lifecycle started() {
  auto machine = run_machine();
  machine.start_requested();
  machine.prepared();
  machine.network_attached();
  machine.process_ready();
  machine.announced();
  machine.executed();
  return machine;
}

Lifecycle stopped() {
  return Lifecycle::restored(MachineKind::kRun, {SIGINT, seconds(5)}, Desired::kStopped,
                             Lifecycle::Found::kNothing, true);
}

TEST(Lifecycle, StartsInTheOrderThatKeepsNamesHonest) {
  auto m = run_machine();
  EXPECT_EQ(m.state(), MachineState::kCreated);
  EXPECT_THAT(text(m.start_requested()), ElementsAre("prepare"));
  EXPECT_EQ(m.state(), MachineState::kStarting);
  EXPECT_THAT(text(m.prepared()), ElementsAre("publish", "attach network"));
  EXPECT_THAT(text(m.network_attached()), ElementsAre("arm timer 10 s", "spawn"));
  EXPECT_THAT(text(m.process_ready()), ElementsAre("cancel timer", "announce"));
  EXPECT_EQ(m.state(), MachineState::kStarted);
  EXPECT_THAT(text(m.announced()), ElementsAre("arm timer 10 s", "open gate"));
  EXPECT_THAT(text(m.executed()), ElementsAre("cancel timer", "answer start"));
  EXPECT_THAT(text(m.start_requested()), ElementsAre("answer start"));
}

TEST(Lifecycle, AttachedMachinesHaveNoProcess) {
  Lifecycle m(MachineKind::kAttached, {});
  EXPECT_THAT(text(m.start_requested()), ElementsAre("prepare"));
  EXPECT_THAT(text(m.prepared()), ElementsAre("publish", "attach network"));
  EXPECT_THAT(text(m.network_attached()), ElementsAre("announce"));
  EXPECT_THAT(text(m.announced()), ElementsAre("answer start"));
  EXPECT_THAT(text(m.exited()), IsEmpty());
  EXPECT_THAT(text(m.stop_requested({})), ElementsAre("save desired", "withdraw"));
  EXPECT_THAT(text(m.withdrawn()), ElementsAre("detach network"));
  EXPECT_THAT(text(m.network_detached()), ElementsAre("cancel timer", "publish", "answer stop"));
  EXPECT_EQ(m.state(), MachineState::kStopped);
  EXPECT_FALSE(m.networked());
  EXPECT_THAT(text(m.destroy_requested(false)),
              ElementsAre("save desired", "erase", "answer stop", "answer destroy", "remove"));
}

TEST(Lifecycle, StopWithdrawsThenInsists) {
  auto m = started();
  EXPECT_THAT(text(m.stop_requested({})), ElementsAre("save desired", "withdraw"));
  EXPECT_EQ(m.state(), MachineState::kStopping);
  EXPECT_THAT(text(m.withdrawn()), ElementsAre("signal SIGINT", "arm timer 5 s"));
  EXPECT_THAT(text(m.timer_fired()), ElementsAre("signal SIGTERM", "arm timer 2 s"));
  EXPECT_THAT(text(m.timer_fired()), ElementsAre("cancel timer", "signal SIGKILL"));
  EXPECT_EQ(m.reason(), "killed: it did not end within 2 s of SIGTERM");
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "publish", "answer stop"));
  EXPECT_EQ(m.state(), MachineState::kStopped);
  EXPECT_EQ(m.desired(), Desired::kStopped);
}

TEST(Lifecycle, StopWithSigtermGoesStraightToSigkill) {
  auto m = started();
  m.stop_requested(StopPlan{SIGTERM, seconds(1)});
  EXPECT_THAT(text(m.withdrawn()), ElementsAre("signal SIGTERM", "arm timer 1 s"));
  EXPECT_THAT(text(m.timer_fired()), ElementsAre("cancel timer", "signal SIGKILL"));
}

TEST(Lifecycle, EndingInTimeLeavesNoReason) {
  auto m = started();
  m.stop_requested({});
  m.withdrawn();
  m.timer_fired();
  m.exited();
  EXPECT_EQ(m.reason(), "");
}

TEST(Lifecycle, ASecondStopMayBeHarsher) {
  auto m = started();
  m.stop_requested(StopPlan{SIGINT, seconds(300)});
  m.withdrawn();
  EXPECT_THAT(text(m.stop_requested({})), IsEmpty());
  EXPECT_THAT(text(m.stop_requested(StopPlan{SIGKILL, {}})),
              ElementsAre("cancel timer", "signal SIGKILL"));
}

TEST(Lifecycle, AnExitUnaskedIsPublishedAndStaysStopped) {
  auto m = started();
  EXPECT_THAT(text(m.exited()), ElementsAre("save desired", "publish"));
  EXPECT_EQ(m.state(), MachineState::kStopped);
  EXPECT_EQ(m.desired(), Desired::kStopped);
}

TEST(Lifecycle, AnExitWhileWithdrawingEndsTheStop) {
  auto m = started();
  m.stop_requested({});
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "publish", "answer stop"));
  EXPECT_THAT(text(m.withdrawn()), IsEmpty());
}

TEST(Lifecycle, AFirstStartThatFailsLeavesNothing) {
  auto m = run_machine();
  m.start_requested();
  EXPECT_THAT(text(m.step_failed("disk full")),
              ElementsAre("cancel timer", "answer start: disk full", "answer stop",
                          "answer destroy", "remove"));

  m = run_machine();
  m.start_requested();
  m.prepared();
  m.network_attached();
  EXPECT_THAT(text(m.step_failed("command not found")),
              ElementsAre("cancel timer", "signal SIGKILL"));
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "detach network"));
  EXPECT_THAT(text(m.network_detached()), ElementsAre("erase", "answer start: command not found",
                                                      "answer stop", "answer destroy", "remove"));
  EXPECT_EQ(m.state(), MachineState::kDestroyed);
}

TEST(Lifecycle, ALaterStartThatFailsLeavesItStopped) {
  auto m = stopped();
  m.start_requested();
  m.prepared();
  m.network_attached();
  m.step_failed("command not found");
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "save desired", "publish",
                                            "answer start: command not found"));
  EXPECT_EQ(m.state(), MachineState::kStopped);
  EXPECT_EQ(m.reason(), "command not found");
}

TEST(Lifecycle, AStartThatHangsIsKilled) {
  auto m = stopped();
  m.start_requested();
  m.prepared();
  m.network_attached();
  EXPECT_THAT(text(m.timer_fired()), ElementsAre("cancel timer", "signal SIGKILL"));
  EXPECT_THAT(text(m.process_ready()), IsEmpty());
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "save desired", "publish",
                                            "answer start: the command did not start within 10 s"));
}

TEST(Lifecycle, AProcessKilledAtItsGateIsNoMachine) {
  auto m = stopped();
  m.start_requested();
  m.prepared();
  m.network_attached();
  m.process_ready();
  EXPECT_THAT(text(m.exited()),
              ElementsAre("cancel timer", "save desired", "publish",
                          "answer start: the process was killed before it began"));
  EXPECT_THAT(text(m.announced()), IsEmpty());  // the gate stays shut
}

TEST(Lifecycle, StopWhileStartingWaitsForTheStart) {
  auto m = stopped();
  m.start_requested();
  EXPECT_THAT(text(m.stop_requested({})), IsEmpty());
  m.prepared();
  m.network_attached();
  m.process_ready();
  m.announced();
  EXPECT_THAT(text(m.executed()),
              ElementsAre("cancel timer", "answer start", "save desired", "withdraw"));
}

TEST(Lifecycle, ALaterStartTakesTheWaitingStopsPlace) {
  auto m = stopped();
  m.start_requested();
  m.stop_requested({});
  EXPECT_THAT(text(m.start_requested()), ElementsAre("answer stop: a later start took its place"));
}

TEST(Lifecycle, DestroyWantsAStoppedMachineOrForce) {
  auto m = started();
  EXPECT_THAT(text(m.destroy_requested(false)),
              ElementsAre("answer destroy: the machine is started: stop it first, or force"));
  EXPECT_THAT(text(m.destroy_requested(true)), ElementsAre("save desired", "withdraw"));
  EXPECT_EQ(m.desired(), Desired::kDestroyed);
  EXPECT_THAT(text(m.withdrawn()), ElementsAre("cancel timer", "signal SIGKILL"));
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "publish", "answer stop",
                                            "save desired", "detach network"));
  EXPECT_THAT(text(m.start_requested()), ElementsAre("answer start: the machine is destroying"));
  EXPECT_THAT(text(m.network_detached()),
              ElementsAre("erase", "answer stop", "answer destroy", "remove"));
}

TEST(Lifecycle, ANetworkThatWillNotDetachKeepsOnlyAForeignNamespace) {
  auto own = stopped();
  own.destroy_requested(false);
  EXPECT_THAT(text(own.step_failed("netlink")),
              ElementsAre("erase", "answer stop", "answer destroy", "remove"));

  auto foreign = Lifecycle::restored(MachineKind::kAttached, {}, Desired::kStopped,
                                     Lifecycle::Found::kNothing, true);
  foreign.destroy_requested(false);
  EXPECT_THAT(text(foreign.step_failed("netlink")),
              ElementsAre("save desired", "publish", "answer destroy: netlink"));
  EXPECT_EQ(foreign.state(), MachineState::kStopped);
  EXPECT_EQ(foreign.desired(), Desired::kStopped);
  EXPECT_THAT(text(foreign.destroy_requested(false)),
              ElementsAre("save desired", "detach network"));
}

TEST(Lifecycle, ResumesByWhatWasWanted) {
  struct Case {
    MachineKind kind;
    Desired desired;
    bool running;
    bool rebooted;
    std::vector<std::string> expected;
  };
  using D = Desired;
  constexpr auto kRun = MachineKind::kRun;
  constexpr auto kAttached = MachineKind::kAttached;
  const Case cases[] = {
      {kRun, D::kStarted, true, false, {"publish"}},
      {kRun, D::kStarted, false, false, {"save desired", "publish"}},
      {kRun, D::kStarted, false, true, {"prepare"}},
      {kRun, D::kStopped, false, true, {"publish"}},
      {kRun, D::kStopped, true, false, {"save desired", "withdraw"}},
      {kRun, D::kDestroyed, false, false, {"save desired", "detach network"}},
      {kRun, D::kDestroyed, true, false, {"save desired", "withdraw"}},
      {kAttached, D::kStarted, true, false, {"publish"}},
      {kAttached, D::kStarted, false, true, {"save desired", "publish"}},
      {kAttached, D::kStopped, false, false, {"publish"}},
  };
  for (const auto& c : cases) {
    auto m = Lifecycle::restored(
        c.kind, {SIGINT, seconds(5)}, c.desired,
        c.running ? Lifecycle::Found::kRunning : Lifecycle::Found::kNothing, true);
    EXPECT_EQ(text(m.resumed(c.rebooted)), c.expected)
        << to_string(c.desired) << " running " << c.running << " rebooted " << c.rebooted;
    EXPECT_EQ(m.check_invariants(), std::nullopt);
  }
}

Lifecycle suspended() {
  auto machine = started();
  machine.suspend_requested();
  machine.withdrawn();
  machine.frozen();
  return machine;
}

TEST(Lifecycle, SuspendWithdrawsThenFreezesAndResumeAnnouncesThenThaws) {
  auto m = started();
  EXPECT_THAT(text(m.suspend_requested()), ElementsAre("withdraw"));
  EXPECT_EQ(m.state(), MachineState::kSuspending);
  EXPECT_THAT(text(m.suspend_requested()), IsEmpty()) << "both wait";
  EXPECT_THAT(text(m.withdrawn()), ElementsAre("arm timer 10 s", "freeze"));
  EXPECT_THAT(text(m.frozen()),
              ElementsAre("cancel timer", "save desired", "publish", "answer suspend"));
  EXPECT_EQ(m.state(), MachineState::kSuspended);
  EXPECT_EQ(m.desired(), Desired::kStopped) << "what a reboot makes of it";
  EXPECT_THAT(text(m.suspend_requested()), ElementsAre("answer suspend"));
  EXPECT_THAT(text(m.start_requested()), ElementsAre("save desired", "announce"));
  EXPECT_EQ(m.state(), MachineState::kStarted);
  EXPECT_EQ(m.desired(), Desired::kStarted);
  EXPECT_THAT(text(m.start_requested()), IsEmpty()) << "one that resumes is resumed once";
  EXPECT_THAT(text(m.suspend_requested()), ElementsAre("answer suspend: the machine is starting"));
  EXPECT_THAT(text(m.announced()), ElementsAre("thaw", "answer start"));
}

TEST(Lifecycle, WhatCannotBeFrozenGoesOn) {
  for (bool late : {true, false}) {
    auto m = started();
    m.suspend_requested();
    m.withdrawn();
    std::string why = late ? "its processes could not be frozen within 10 s" : "no cgroup";
    EXPECT_THAT(text(late ? m.timer_fired() : m.step_failed(why)),
                ElementsAre("cancel timer", "answer suspend: " + why, "thaw", "announce"));
    EXPECT_EQ(m.state(), MachineState::kStarted);
    EXPECT_THAT(text(m.announced()), ElementsAre("answer start"));
    EXPECT_EQ(m.desired(), Desired::kStarted);
  }
}

TEST(Lifecycle, AStartTakesTheSuspendBack) {
  auto m = started();
  m.suspend_requested();
  EXPECT_THAT(
      text(m.start_requested()),
      ElementsAre("cancel timer", "answer suspend: a later start took its place", "announce"));
  EXPECT_THAT(text(m.withdrawn()), IsEmpty());
  EXPECT_THAT(text(m.announced()), ElementsAre("answer start"));
}

TEST(Lifecycle, ASuspendedMachineIsSignalledThenThawed) {
  auto m = suspended();
  EXPECT_THAT(text(m.stop_requested({})), ElementsAre("save desired", "withdraw"));
  EXPECT_THAT(text(m.withdrawn()), ElementsAre("signal SIGINT", "arm timer 5 s", "thaw"));
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "publish", "answer stop"));
}

TEST(Lifecycle, ASuspendedMachineIsDestroyedWithoutForce) {
  auto m = suspended();
  EXPECT_THAT(text(m.destroy_requested(false)), ElementsAre("save desired", "withdraw"));
  EXPECT_THAT(text(m.withdrawn()), ElementsAre("cancel timer", "signal SIGKILL", "thaw"));
  EXPECT_THAT(text(m.exited()), ElementsAre("cancel timer", "publish", "answer stop",
                                            "save desired", "detach network"));
}

TEST(Lifecycle, ASuspendedMachineThatIsKilledIsStopped) {
  auto m = suspended();
  EXPECT_THAT(text(m.exited()), ElementsAre("save desired", "publish"));
  EXPECT_EQ(m.state(), MachineState::kStopped);
  auto on_its_way = started();
  on_its_way.suspend_requested();
  on_its_way.withdrawn();
  EXPECT_THAT(
      text(on_its_way.exited()),
      ElementsAre("cancel timer", "answer suspend: its process ended", "save desired", "publish"));
}

TEST(Lifecycle, OnlyWhatRunsIsSuspended) {
  auto m = stopped();
  EXPECT_THAT(text(m.suspend_requested()), ElementsAre("answer suspend: the machine is stopped"));
  auto attached = Lifecycle::restored(MachineKind::kAttached, {}, Desired::kStarted,
                                      Lifecycle::Found::kRunning, true);
  EXPECT_THAT(text(attached.suspend_requested()),
              ElementsAre("answer suspend: an attached machine cannot be suspended: its processes "
                          "are not sixpn's"));
}

// The kernel tells what it is, whatever the disk was told last.
TEST(Lifecycle, ANewAgentFindsAFrozenMachineSuspended) {
  for (Desired desired : {Desired::kStopped, Desired::kStarted}) {
    auto m = Lifecycle::restored(MachineKind::kRun, {SIGINT, seconds(5)}, desired,
                                 Lifecycle::Found::kFrozen, true);
    if (desired == Desired::kStarted) {
      EXPECT_THAT(text(m.resumed(false)), ElementsAre("save desired", "publish"));
    } else {
      EXPECT_THAT(text(m.resumed(false)), ElementsAre("publish"));
    }
    EXPECT_EQ(m.state(), MachineState::kSuspended);
    EXPECT_EQ(m.desired(), Desired::kStopped);
    m.start_requested();
    EXPECT_THAT(text(m.announced()), ElementsAre("thaw", "answer start"));
  }
  auto doomed = Lifecycle::restored(MachineKind::kRun, {SIGINT, seconds(5)}, Desired::kDestroyed,
                                    Lifecycle::Found::kFrozen, true);
  EXPECT_THAT(text(doomed.resumed(false)), ElementsAre("save desired", "withdraw"));
}

}  // namespace
}  // namespace sixpn::machine
