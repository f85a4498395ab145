// Starts of machines, as wakers of several loops ask for them.
#include "flycast/io/machine_starts.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "base/io/clock.h"
#include "base/io/run_on.h"

namespace sixpn::flycast {
namespace {

constexpr MachineId kMachine{7};
constexpr auto kPatience = std::chrono::seconds(10);

struct MachineStartsTest : testing::Test {
  EventLoop home{"home"};
  EventLoop other{"other"};
  // The machine room's, on the home loop: they are done when the test says so.
  std::vector<std::function<void(Result<void>)>> asked;
  std::unique_ptr<MachineStarts> starts;

  MachineStartsTest() {
    home.start_thread();
    other.start_thread();
    starts = std::make_unique<MachineStarts>(
        home, [this](MachineId, std::function<void(Result<void>)> done) {
          EXPECT_TRUE(home.on_loop_thread());
          asked.push_back(std::move(done));
        });
  }
  ~MachineStartsTest() override {
    run_on(home, [this] { starts.reset(); });
  }

  struct Told {
    bool started = false;
    bool on_own_loop = false;
  };
  std::future<Told> start(EventLoop& loop) {
    auto told = std::make_shared<std::promise<Told>>();
    run_on(loop, [&] {
      starts->start(loop, kMachine, [told, &loop](const Result<void>& outcome) {
        told->set_value({static_cast<bool>(outcome), loop.on_loop_thread()});
      });
    });
    run_on(home, [] {});  // it has arrived there
    return told->get_future();
  }
  // The first of those asked for ends.
  void end(const Result<void>& outcome) {
    run_on(home, [&] {
      auto done = std::move(asked.front());
      asked.erase(asked.begin());
      done(outcome);
    });
  }
};

TEST_F(MachineStartsTest, OneForAllWhoAskMeanwhileEachToldOnItsLoop) {
  auto one = start(home), two = start(other), three = start(other);
  EXPECT_EQ(run_on(home, [this] { return asked.size(); }), 1u);
  end({});
  for (auto* told : {&one, &two, &three}) {
    ASSERT_EQ(told->wait_for(kPatience), std::future_status::ready);
    Told said = told->get();
    EXPECT_TRUE(said.started);
    EXPECT_TRUE(said.on_own_loop);
  }
  auto later = start(other);
  EXPECT_EQ(run_on(home, [this] { return asked.size(); }), 1u) << "another one";
  end(Error("no room"));
  ASSERT_EQ(later.wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(later.get().started);
}

TEST_F(MachineStartsTest, AFailureThatSeveralLoopsSawCountsOnce) {
  MachineRecord machine;
  machine.id = kMachine;
  machine.state = MachineState::kStopped;
  Now now = read_clocks();
  starts->on_failed(kMachine, now.mono);
  starts->on_failed(kMachine, now.mono + std::chrono::milliseconds(2));
  auto judge = [&](Duration later) {
    return starts->judge(machine, 80, true, {now.mono + later, now.wall});
  };
  EXPECT_EQ(judge(kFirstStartPenalty - std::chrono::milliseconds(1)), StartVerdict::kFailedLately);
  EXPECT_EQ(judge(kFirstStartPenalty), StartVerdict::kStart);
}

TEST_F(MachineStartsTest, SomebodyWaitsAsLongAsAnybodyDoes) {
  const ServiceKey key{kMachine, 80};
  EXPECT_FALSE(starts->is_waking(key));
  {
    MachineStarts::Wait one(*starts, key);
    {
      MachineStarts::Wait two(*starts, key);
      EXPECT_TRUE(starts->is_waking(key));
    }
    EXPECT_TRUE(starts->is_waking(key));
    EXPECT_FALSE(starts->is_waking({kMachine, 81}));
  }
  EXPECT_FALSE(starts->is_waking(key));
}

TEST_F(MachineStartsTest, WhoIsGoneStartsNothingAndHearsNothing) {
  auto told = start(other);
  run_on(home, [this] { starts.reset(); });
  end({});
  run_on(other, [] {});
  EXPECT_THROW(told.get(), std::future_error);
}

TEST(MachineStarts, AHostThatStartsNoneSaysSo) {
  EventLoop home("home");
  home.start_thread();
  MachineStarts starts(home, nullptr);
  std::promise<std::string> told;
  run_on(home, [&] {
    starts.start(home, kMachine, [&](const Result<void>& outcome) {
      told.set_value(outcome ? "" : outcome.error().message);
    });
  });
  EXPECT_EQ(told.get_future().get(), "this host starts no machines");
}

}  // namespace
}  // namespace sixpn::flycast
