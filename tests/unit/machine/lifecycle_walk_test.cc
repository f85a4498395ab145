// Property test of the lifecycle: whatever the order of events, its promises hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "base/rng.h"
#include "machine/core/lifecycle.h"

namespace sixpn::machine {
namespace {

using K = ActionKind;
using std::chrono::seconds;
using ::testing::IsEmpty;

std::vector<std::string> text(const Actions& actions) {
  std::vector<std::string> out;
  for (const auto& action : actions) out.push_back(to_string(action));
  return out;
}

// A world that performs actions in any order, fails any of them, and asks for anything at any time.
class World {
 public:
  World(std::uint64_t seed, MachineKind kind) : rng_(seed), machine_(kind, {SIGINT, seconds(5)}) {
    ask(Request::kStart);
  }

  [[nodiscard]] bool gone() const { return removed_; }
  [[nodiscard]] int frozen_times() const { return frozen_times_; }
  [[nodiscard]] const std::string& log() const { return log_; }

  void step() {
    switch (rng_.below(8)) {
      case 0:
        return ask(static_cast<Request>(rng_.below(kRequests)));
      case 1:
        if (machine_.state() == MachineState::kStarted && rng_.chance(0.7))
          return ask(Request::kSuspend);
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
    if (request == Request::kSuspend) return perform(machine_.suspend_requested());
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
    if (awaited_ != K::kFreeze) {
      EXPECT_THAT(text(machine_.frozen()), IsEmpty()) << log_;
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
    process_ = killed_ = frozen_ = false;
    if (awaited_ == K::kSpawn || awaited_ == K::kOpenGate || awaited_ == K::kFreeze)
      awaited_.reset();
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
      case K::kFreeze:
        ++frozen_times_;
        return perform(well ? machine_.frozen() : machine_.step_failed("x"));
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
      if (!awaited_ && process_ && !killed_) {
        EXPECT_EQ(frozen_, machine_.state() == MachineState::kSuspended) << log_;
      }
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
      case K::kFreeze:
        EXPECT_FALSE(announced_) << "frozen before withdrawn: " << log_;
        EXPECT_TRUE(process_) << log_;
        frozen_ = true;
        break;
      case K::kThaw:
        EXPECT_TRUE(frozen_ && process_) << log_;
        frozen_ = false;
        if (awaited_ == K::kFreeze) awaited_.reset();
        return;
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
  bool frozen_ = false;
  int frozen_times_ = 0;
  bool killed_ = false;
  bool attached_ = false;
  bool announced_ = false;
  bool armed_ = false;
  bool removed_ = false;
  std::string log_;
};

TEST(LifecycleWalk, HoldsItsPromisesInEveryOrderOfEvents) {
  int removed = 0;
  int frozen = 0;
  for (std::uint64_t seed = 0; seed < 30000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, seed % 3 == 0 ? MachineKind::kAttached : MachineKind::kRun);
    for (int i = 0; i < 60 && !world.gone(); ++i) world.step();
    world.drain();
    removed += world.gone() ? 1 : 0;
    frozen += world.frozen_times();
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(frozen, 300);
  EXPECT_GT(removed, 1000);  // the walk does reach the end of many lives
}

}  // namespace
}  // namespace sixpn::machine
