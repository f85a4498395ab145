#include "machine/core/lifecycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"

namespace sixpn::machine {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using K = ActionKind;

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
  return Lifecycle::restored(MachineKind::kRun, {SIGINT, seconds(5)}, Desired::kStopped, false,
                             true);
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

  auto foreign = Lifecycle::restored(MachineKind::kAttached, {}, Desired::kStopped, false, true);
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
    auto m = Lifecycle::restored(c.kind, {SIGINT, seconds(5)}, c.desired, c.running, true);
    EXPECT_EQ(text(m.resumed(c.rebooted)), c.expected)
        << to_string(c.desired) << " running " << c.running << " rebooted " << c.rebooted;
    EXPECT_EQ(m.check_invariants(), std::nullopt);
  }
}

// A world that performs actions in any order, fails any of them, and asks for anything at any time.
class World {
 public:
  World(std::uint64_t seed, MachineKind kind) : rng_(seed), machine_(kind, {SIGINT, seconds(5)}) {
    ask(Request::kStart);
  }

  [[nodiscard]] bool gone() const { return removed_; }
  [[nodiscard]] const std::string& log() const { return log_; }

  void step() {
    switch (rng_.below(8)) {
      case 0:
        return ask(static_cast<Request>(rng_.below(3)));
      case 1:
        return stray();
      case 2:
        return process_ ? exit() : fire();
      case 3:
        return fire();
      default:
        return settle(rng_.chance(0.8));
    }
  }

  // Everything goes well from here: all that was asked for must be answered.
  void drain() {
    for (int i = 0; i < 100 && !gone(); ++i) {
      if (killed_ && process_)
        exit();
      else if (awaited_)
        settle(true);
      else if (armed_)
        fire();
      else
        break;
    }
    EXPECT_FALSE(awaited_) << log_;
    if (!gone()) {
      EXPECT_THAT(waiting_, IsEmpty()) << log_;
    }
  }

 private:
  void ask(Request request) {
    waiting_.insert(request);
    note("? " + std::to_string(static_cast<int>(request)));
    if (request == Request::kStart) return perform(machine_.start_requested());
    if (request == Request::kDestroy) return perform(machine_.destroy_requested(rng_.chance(0.5)));
    std::optional<StopPlan> plan;
    if (rng_.chance(0.5)) plan = StopPlan{rng_.chance(0.5) ? SIGKILL : SIGUSR1, seconds(1)};
    perform(machine_.stop_requested(plan));
  }

  // An event that nothing asked for changes nothing.
  void stray() {
    if (awaited_ != K::kPrepare) {
      EXPECT_THAT(text(machine_.prepared()), IsEmpty()) << log_;
    }
    if (awaited_ != K::kAttachNetwork) {
      EXPECT_THAT(text(machine_.network_attached()), IsEmpty());
    }
    if (awaited_ != K::kSpawn) {
      EXPECT_THAT(text(machine_.process_ready()), IsEmpty()) << log_;
    }
    if (awaited_ != K::kAnnounce) {
      EXPECT_THAT(text(machine_.announced()), IsEmpty()) << log_;
    }
    if (awaited_ != K::kOpenGate) {
      EXPECT_THAT(text(machine_.executed()), IsEmpty()) << log_;
    }
    if (awaited_ != K::kWithdraw) {
      EXPECT_THAT(text(machine_.withdrawn()), IsEmpty()) << log_;
    }
    if (!awaited_) {
      EXPECT_THAT(text(machine_.step_failed("stray")), IsEmpty()) << log_;
    }
  }

  void fire() {
    if (!std::exchange(armed_, false)) return;
    note("timer");
    perform(machine_.timer_fired());
  }

  void exit() {
    process_ = killed_ = false;
    if (awaited_ == K::kSpawn || awaited_ == K::kOpenGate) awaited_.reset();
    note("exit");
    perform(machine_.exited());
  }

  void settle(bool well) {
    if (!awaited_) return;
    auto kind = *std::exchange(awaited_, std::nullopt);
    note((well ? "ok " : "failed ") + to_string(Action{.kind = kind}));
    switch (kind) {
      case K::kPrepare:
        return perform(well ? machine_.prepared() : machine_.step_failed("x"));
      case K::kAttachNetwork:
        attached_ = well;
        return perform(well ? machine_.network_attached() : machine_.step_failed("x"));
      case K::kSpawn:
        return perform(well ? machine_.process_ready() : machine_.step_failed("x"));
      case K::kAnnounce:
        announced_ = true;
        return perform(machine_.announced());
      case K::kOpenGate:
        return perform(well ? machine_.executed() : machine_.step_failed("x"));
      case K::kWithdraw:
        announced_ = false;
        return perform(machine_.withdrawn());
      default:
        if (well) attached_ = false;
        return perform(well ? machine_.network_detached() : machine_.step_failed("x"));
    }
  }

  void perform(const Actions& actions) {
    for (const auto& action : actions) {
      note("  " + to_string(action));
      ASSERT_FALSE(removed_) << "after the end: " << log_;
      perform(action);
    }
    auto broken = machine_.check_invariants();
    if (!removed_) {
      EXPECT_EQ(broken, std::nullopt) << log_;
    }
  }

  void perform(const Action& action) {
    switch (action.kind) {
      case K::kSpawn:
        EXPECT_TRUE(attached_ && !process_) << log_;
        process_ = true;
        break;
      case K::kOpenGate:
        EXPECT_TRUE(announced_ && process_) << log_;
        break;
      case K::kSignal:
        if (action.signal == SIGKILL)
          killed_ = true;
        else
          EXPECT_FALSE(announced_) << "signalled before withdrawn: " << log_;
        return;
      case K::kArmTimer:
        armed_ = true;
        return;
      case K::kCancelTimer:
        armed_ = false;
        return;
      case K::kPublish:
        if (machine_.state() != MachineState::kStarted) announced_ = false;
        return;
      case K::kAnswer:
        waiting_.erase(action.request);
        return;
      case K::kRemove:
        EXPECT_FALSE(process_) << log_;
        EXPECT_EQ(machine_.state(), MachineState::kDestroyed);
        EXPECT_THAT(waiting_, IsEmpty()) << log_;
        removed_ = true;
        return;
      case K::kErase:
      case K::kSaveDesired:
        return;
      default:
        break;
    }
    awaited_ = action.kind;
  }

  void note(const std::string& line) { log_ += line + "\n"; }

  Rng rng_;
  Lifecycle machine_;
  std::optional<ActionKind> awaited_;
  std::set<Request> waiting_;
  bool process_ = false;
  bool killed_ = false;
  bool attached_ = false;
  bool announced_ = false;
  bool armed_ = false;
  bool removed_ = false;
  std::string log_;
};

TEST(Lifecycle, HoldsItsPromisesInEveryOrderOfEvents) {
  int removed = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, seed % 3 == 0 ? MachineKind::kAttached : MachineKind::kRun);
    for (int i = 0; i < 60 && !world.gone(); ++i) world.step();
    world.drain();
    removed += world.gone() ? 1 : 0;
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(removed, 1000);  // the walk does reach the end of many lives
}

}  // namespace
}  // namespace sixpn::machine
