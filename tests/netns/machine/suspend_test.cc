// Suspended machines: withdrawn, frozen as a whole, and as they were when they go on; through an
// agent's restart, a reboot, a kill, a stop. Needs a writable cgroup v2 hierarchy, and says so.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/io/clock.h"
#include "tests/netns/machine/machine_fixture.h"

namespace sixpn::machine {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A command and two of its children, one in a session of its own: each says a line every 10 ms.
constexpr const char* kTicking =
    "tick() { n=0; while :; do n=$((n+1)); echo $1 $n; sleep 0.01; done; };"
    "trap 'echo asked; exit 3' INT; (setsid sh -c 'while :; do echo far; sleep 0.01; done' &);"
    "tick child & while :; do echo main; sleep 0.01; done";

class Suspend : public MachineFixture {
 protected:
  void TearDown() override {
    if (service) {
      for (const auto& machine : service->list()) EXPECT_TRUE(destroy(machine.record.id, true));
    }
    MachineFixture::TearDown();
  }
  MachineId run_ticking() {
    auto id = run_script(kTicking);
    EXPECT_TRUE(wait_for_log(id, "main") && wait_for_log(id, "child") && wait_for_log(id, "far"));
    calls.clear();
    return id;
  }
  Result<void> suspend(MachineId id) {
    auto outcome = std::make_shared<std::optional<Result<void>>>();
    service->suspend(id, [outcome](Result<void> got) { *outcome = std::move(got); });
    EXPECT_FALSE(*outcome) << "never from inside the call";
    if (!wait_for([&] { return outcome->has_value(); })) return Error("no answer");
    return **outcome;
  }
  MachineState state(MachineId id) { return local(id).record.state; }
  std::string cgroup(MachineId id) {
    auto shims = find_shims(id);
    if (shims.empty()) return "";
    std::ifstream in("/proc/" + std::to_string(shims.front()) + "/cgroup");
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("0::")) return line.substr(3);
    return "";
  }
  // Whether the machine says anything while another one says `lines` lines.
  bool says_something(MachineId id) {
    auto clock = run_script("while :; do echo tick; sleep 0.01; done");
    auto before = log_of(id).size();
    EXPECT_TRUE(wait_for([&] { return log_of(clock).size() > 20 * sizeof "tick"; }));
    bool said = log_of(id).size() != before;
    EXPECT_TRUE(destroy(clock, true));
    return said;
  }
};

TEST_F(Suspend, AllOfItStandsStillAndGoesOnWhereItWas) {
  auto id = run_ticking();
  EXPECT_THAT(cgroup(id), HasSubstr(to_string(id))) << "a cgroup of its own";
  auto before = local(id);
  auto suspended = suspend(id);
  ASSERT_TRUE(suspended) << suspended.error().message;
  EXPECT_THAT(calls, ElementsAre("withdraw suspending", "publish suspended"));
  EXPECT_EQ(state(id), MachineState::kSuspended);
  EXPECT_EQ(local(id).pid, before.pid) << "its process is there";
  EXPECT_FALSE(says_something(id));
  ASSERT_TRUE(suspend(id)) << "it is already";
  calls.clear();
  ASSERT_TRUE(start(id));
  EXPECT_THAT(calls, ElementsAre("publish started"));
  EXPECT_EQ(local(id).pid, before.pid) << "the same process";
  EXPECT_TRUE(says_something(id));
  EXPECT_GE(local(id).record.updated, before.record.updated);
}

TEST_F(Suspend, StopIsAskedForAndDestroyKills) {
  auto id = run_ticking();
  ASSERT_TRUE(suspend(id));
  ASSERT_TRUE(stop(id));
  EXPECT_THAT(log_of(id), HasSubstr("asked")) << "it could end in order";
  EXPECT_EQ(local(id).exit->code, 3);
  ASSERT_TRUE(start(id)) << "in a cgroup that is not frozen";
  EXPECT_TRUE(says_something(id));
  ASSERT_TRUE(suspend(id));
  ASSERT_TRUE(destroy(id)) << "without force";
  EXPECT_TRUE(find_shims(id).empty());
}

TEST_F(Suspend, ANewAgentFindsItSuspended) {
  auto id = run_ticking();
  ASSERT_TRUE(suspend(id));
  auto before = local(id);
  end_agent();
  calls.clear();
  start_agent();
  EXPECT_THAT(calls, ElementsAre("publish suspended"));
  EXPECT_EQ(local(id).record, before.record) << "nothing to gossip";
  ASSERT_TRUE(start(id));
  EXPECT_EQ(local(id).pid, before.pid);
  EXPECT_TRUE(says_something(id));
}

// Killed with SIGKILL while frozen, with and without an agent that sees it.
TEST_F(Suspend, OneThatIsKilledIsStopped) {
  auto id = run_ticking();
  ASSERT_TRUE(suspend(id));
  kill(find_shims(id).at(0), SIGKILL);
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  ASSERT_TRUE(start(id));
  ASSERT_TRUE(suspend(id));
  auto shims = find_shims(id);
  end_agent();
  kill(shims.at(0), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return has_ended(shims.at(0)); }));
  start_agent();
  EXPECT_EQ(state(id), MachineState::kStopped);
  ASSERT_TRUE(start(id));
  EXPECT_TRUE(says_something(id));
}

TEST_F(Suspend, ARebootMakesItStopped) {
  auto id = run_ticking();
  ASSERT_TRUE(suspend(id));
  auto shims = find_shims(id);
  end_agent();
  kill(shims.at(0), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return has_ended(shims.at(0)); }));
  options.boot_id = "another";
  start_agent();
  EXPECT_EQ(state(id), MachineState::kStopped) << "its memory is gone, and nobody asked for more";
}

TEST_F(Suspend, AStartWhileItIsWithdrawnTakesItBack) {
  auto id = run_ticking();
  hold_publish = true;
  std::optional<Result<void>> outcome;
  service->suspend(id, [&](Result<void> got) { outcome = std::move(got); });
  EXPECT_EQ(state(id), MachineState::kSuspending);
  hold_publish = false;
  ASSERT_TRUE(start(id));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->error().message, HasSubstr("a later start took its place"));
  for (auto& done : std::exchange(held, {})) loop->post(done);
  EXPECT_TRUE(says_something(id));
  EXPECT_EQ(state(id), MachineState::kStarted);
}

TEST_F(Suspend, WhatCannotBeSuspendedSaysWhy) {
  auto id = run_script("exec sleep 5201");
  ASSERT_TRUE(stop(id));
  EXPECT_THAT(suspend(id).error().message, HasSubstr("the machine is stopped"));
  EXPECT_THAT(suspend(MachineId{0x77}).error().message, HasSubstr("no machine"));
}

// For people: what resuming saves. The command is a shell that must first read what it needs.
TEST_F(Suspend, WhatResumingCosts) {
  auto id = run_script("exec python3 -c 'import http.server, json, time; time.sleep(5202)'");
  auto timed = [&](const char* what, const std::function<Result<void>()>& act) {
    auto begin = monotonic_now();
    auto outcome = act();
    EXPECT_TRUE(outcome) << what << ": " << outcome.error().message;
    return duration<double, std::milli>(monotonic_now() - begin).count();
  };
  std::vector<double> freezes, resumes, starts;
  for (int i = 0; i < 7; ++i) {
    freezes.push_back(timed("suspend", [&] { return suspend(id); }));
    resumes.push_back(timed("resume", [&] { return start(id); }));
  }
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(stop(id, "SIGKILL"));
    starts.push_back(timed("start", [&] { return start(id); }));
  }
  auto median = [](std::vector<double>& times) {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  };
  std::printf("suspend %.1f ms, resume %.1f ms, start %.1f ms\n", median(freezes), median(resumes),
              median(starts));
}

}  // namespace
}  // namespace sixpn::machine
