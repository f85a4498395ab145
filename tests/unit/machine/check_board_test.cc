#include "machine/core/check_board.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "machine/core/check_summary.h"

namespace sixpn::machine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MachineId kWeb{1};
constexpr Instant kStart{seconds(1000)};
constexpr WallTime kWall{seconds(1'800'000'000)};

Now at(Duration since) {
  return {kStart + since, kWall + std::chrono::duration_cast<milliseconds>(since)};
}

PlannedCheck tcp(std::uint16_t port = 8080, Duration interval = seconds(15),
                 Duration grace = Duration::zero()) {
  ServiceCheck check;
  check.interval = interval;
  check.grace = grace;
  return {"servicecheck-00-tcp-" + std::to_string(port), port, CheckScope::kService, check};
}

// The one run that is due.
CheckRun take_one(CheckBoard& board, Duration since) {
  auto runs = board.take_due(at(since).mono);
  EXPECT_EQ(runs.size(), 1u);
  return runs.empty() ? CheckRun{} : runs[0];
}
Health health(const CheckBoard& board) {
  return summarise(board.results(kWeb), {}).health;
}
Duration until_next(const CheckBoard& board, Duration since) {
  return board.next_due() - at(since).mono;
}

TEST(CheckBoard, AMachineThatStartsIsAWarningUntilItsFirstPass) {
  CheckBoard board(1);
  board.set(kWeb, {tcp()}, CheckBegin::kStarting, at({}));
  EXPECT_EQ(health(board), Health::kWarning);
  EXPECT_EQ(until_next(board, {}), Duration::zero()) << "tried at once";
  CheckRun run = take_one(board, {});
  EXPECT_EQ(board.on_verdict(run.number, {false, "connection refused"}, at(milliseconds(1))),
            std::nullopt)
      << "a warning before";
  EXPECT_EQ(board.results(kWeb)[0].output, "connection refused");
  run = take_one(board, milliseconds(20));
  EXPECT_EQ(board.on_verdict(run.number, {true, ""}, at(milliseconds(21))), kWeb);
  EXPECT_EQ(health(board), Health::kPassing);
  EXPECT_EQ(board.results(kWeb)[0].changed, at(milliseconds(21)).wall);
}

TEST(CheckBoard, TriesOfOneThatStartsComeQuicklyAndNeverSlowerThanOneASecond) {
  CheckBoard board(1);
  board.set(kWeb, {tcp()}, CheckBegin::kStarting, at({}));
  Duration now{};
  Duration last{};
  for (int i = 0; i < 20; ++i) {
    CheckRun run = take_one(board, now);
    board.on_verdict(run.number, {false, "no"}, at(now));
    Duration pause = until_next(board, now);
    EXPECT_GT(pause, Duration::zero());
    EXPECT_LE(pause, kFailureRetry * 11 / 10);
    EXPECT_GE(pause * 2, last) << "growing, but for jitter";
    EXPECT_TRUE(i != 0 || pause <= kFirstRetry * 2);
    last = pause;
    now += pause;
  }
  EXPECT_GE(last, kFailureRetry * 9 / 10);
}

TEST(CheckBoard, AFailureInTheGracePeriodIsNoVerdict) {
  CheckBoard board(1);
  board.set(kWeb, {tcp(8080, seconds(15), seconds(5))}, CheckBegin::kStarting, at({}));
  CheckRun run = take_one(board, {});
  board.on_verdict(run.number, {false, "connection refused"}, at(seconds(4)));
  EXPECT_EQ(board.results(kWeb)[0].output, "the machine has just started");
  run = take_one(board, seconds(5));
  board.on_verdict(run.number, {false, "connection refused"}, at(seconds(5)));
  EXPECT_EQ(board.results(kWeb)[0].output, "connection refused");
  EXPECT_EQ(health(board), Health::kWarning);
}

TEST(CheckBoard, AStartThatTakesTooLongIsCritical) {
  for (Duration grace : {Duration(seconds(1)), Duration(seconds(60))}) {
    CheckBoard board(1);
    board.set(kWeb, {tcp(8080, seconds(15), grace)}, CheckBegin::kStarting, at({}));
    Duration late = std::max<Duration>(grace, kStartAllowance);
    CheckRun run = take_one(board, {});
    EXPECT_EQ(board.on_verdict(run.number, {false, "no"}, at(late - milliseconds(1))),
              std::nullopt);
    run = take_one(board, late + seconds(2));
    EXPECT_EQ(board.on_verdict(run.number, {false, "no"}, at(late + seconds(2))), kWeb);
    EXPECT_EQ(health(board), Health::kCritical);
  }
}

TEST(CheckBoard, APassEndsTheGracePeriod) {
  CheckBoard board(1);
  board.set(kWeb, {tcp(8080, seconds(1), seconds(60))}, CheckBegin::kStarting, at({}));
  CheckRun run = take_one(board, {});
  EXPECT_EQ(board.on_verdict(run.number, {true, ""}, at({})), kWeb);
  run = take_one(board, seconds(2));
  EXPECT_EQ(board.on_verdict(run.number, {false, "gone"}, at(seconds(2))), kWeb);
  EXPECT_EQ(health(board), Health::kCritical);
}

TEST(CheckBoard, OneThatRunsAlreadyIsUnknownUntilItIsLookedAt) {
  CheckBoard board(7);
  board.set(kWeb, {tcp()}, CheckBegin::kRunning, at({}));
  EXPECT_EQ(health(board), Health::kUnknown);
  EXPECT_LT(until_next(board, {}), kTakeOverSpread);
  CheckRun run = take_one(board, kTakeOverSpread);
  EXPECT_EQ(board.on_verdict(run.number, {false, "refused"}, at(kTakeOverSpread)), kWeb);
  EXPECT_EQ(health(board), Health::kCritical);
}

TEST(CheckBoard, OnlyAChangeIsTold) {
  CheckBoard board(1);
  board.set(kWeb, {tcp()}, CheckBegin::kStarting, at({}));
  Duration now{};
  const bool verdicts[] = {true, true, false, false, true};
  const bool told[] = {true, false, true, false, true};
  WallTime changed{};
  for (std::size_t i = 0; i < std::size(verdicts); ++i) {
    CheckRun run = take_one(board, now);
    bool change = board.on_verdict(run.number, {verdicts[i], "x"}, at(now)).has_value();
    EXPECT_EQ(change, told[i]) << i;
    if (change) changed = at(now).wall;
    EXPECT_EQ(board.results(kWeb)[0].changed, changed) << "of the change, not of the run";
    now += seconds(20);
  }
}

TEST(CheckBoard, ThePassingAreRunOncePerIntervalTheFailedSooner) {
  CheckBoard board(3);
  board.set(kWeb, {tcp(8080, seconds(10))}, CheckBegin::kStarting, at({}));
  CheckRun run = take_one(board, {});
  board.on_verdict(run.number, {true, ""}, at(seconds(1)));
  Duration pause = until_next(board, {});
  EXPECT_GE(pause, milliseconds(9500));
  EXPECT_LE(pause, milliseconds(10500)) << "from its beginning, not from its end";
  Duration now = pause;
  Duration expected = seconds(1);
  for (int i = 0; i < 6; ++i) {
    run = take_one(board, now);
    board.on_verdict(run.number, {false, "no"}, at(now));
    pause = until_next(board, now);
    EXPECT_GE(pause, expected * 9 / 10);
    EXPECT_LE(pause, expected * 11 / 10);
    expected = std::min<Duration>(expected * 2, seconds(10));
    now += pause;
  }
}

TEST(CheckBoard, NoRunFollowsAnotherThatIsInFlight) {
  CheckBoard board(1);
  board.set(kWeb, {tcp(8080, seconds(1))}, CheckBegin::kStarting, at({}));
  CheckRun run = take_one(board, {});
  EXPECT_TRUE(board.take_due(at(seconds(30)).mono).empty());
  EXPECT_EQ(board.next_due(), kNever);
  board.on_verdict(run.number, {true, ""}, at(seconds(30)));
  EXPECT_EQ(board.next_due(), at(seconds(30)).mono) << "late already";
}

TEST(CheckBoard, AtMostSoManyRunAtOnceAndNoneIsForgotten) {
  constexpr std::uint64_t kMachines = 500;
  CheckBoard board(1, 8);
  for (std::uint64_t i = 1; i <= kMachines; ++i)
    board.set(MachineId{i}, {tcp()}, CheckBegin::kStarting, at({}));
  std::set<MachineId> seen;
  while (seen.size() < kMachines) {
    auto runs = board.take_due(at({}).mono);
    ASSERT_FALSE(runs.empty());
    ASSERT_LE(runs.size(), 8u);
    EXPECT_LE(board.in_flight(), 8u);
    EXPECT_TRUE(board.in_flight() < 8 || board.next_due() == kNever);
    for (const auto& run : runs) {
      seen.insert(run.machine);
      board.on_verdict(run.number, {true, ""}, at({}));
    }
  }
}

TEST(CheckBoard, AMachineThatIsGoneHasNoResultsAndItsVerdictsComeTooLate) {
  CheckBoard board(1);
  board.set(kWeb, {tcp(), tcp(9090)}, CheckBegin::kStarting, at({}));
  auto runs = board.take_due(at({}).mono);
  ASSERT_EQ(runs.size(), 2u);
  board.remove(kWeb);
  EXPECT_EQ(board.on_verdict(runs[0].number, {true, ""}, at({})), std::nullopt);
  EXPECT_EQ(health(board), Health::kUnknown);
  EXPECT_TRUE(board.results(kWeb).empty());
  EXPECT_EQ(board.in_flight(), 0u);
  EXPECT_EQ(board.next_due(), kNever);
}

TEST(CheckBoard, AChangedPlanKeepsTheStandingOfWhatStayed) {
  CheckBoard board(1);
  board.set(kWeb, {tcp(8080), tcp(9090)}, CheckBegin::kStarting, at({}));
  for (const auto& run : board.take_due(at({}).mono))
    board.on_verdict(run.number, {true, ""}, at({}));
  board.set(kWeb, {tcp(9090), tcp(7070)}, CheckBegin::kRunning, at(seconds(1)));
  auto results = board.results(kWeb);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].status, Health::kPassing);
  EXPECT_EQ(results[0].port, 9090);
  EXPECT_EQ(results[1].status, Health::kUnknown) << "a new check takes nothing out of rotation";
  EXPECT_EQ(health(board), Health::kUnknown);
  board.set(kWeb, {}, CheckBegin::kRunning, at(seconds(2)));
  EXPECT_TRUE(board.results(kWeb).empty());
}

TEST(CheckBoard, WhatCannotBeRunIsUnknownAndSaysSo) {
  CheckBoard board(1);
  PlannedCheck script = tcp();
  script.check.kind = CheckKind::kScript;
  script.runnable = false;
  board.set(kWeb, {script, tcp(9090)}, CheckBegin::kStarting, at({}));
  CheckRun run = take_one(board, {});
  EXPECT_EQ(run.planned.port, 9090);
  board.on_verdict(run.number, {true, ""}, at({}));
  EXPECT_EQ(health(board), Health::kUnknown) << "routed to";
  EXPECT_NE(board.results(kWeb)[0].output.find("not run"), std::string::npos);
}

TEST(CheckBoard, TheWorstDecides) {
  CheckBoard board(1);
  board.set(kWeb, {tcp(8080), tcp(9090)}, CheckBegin::kStarting, at({}));
  auto runs = board.take_due(at({}).mono);
  board.on_verdict(runs[0].number, {true, ""}, at({}));
  EXPECT_EQ(health(board), Health::kWarning);
  board.on_verdict(runs[1].number, {true, ""}, at({}));
  EXPECT_EQ(health(board), Health::kPassing);
}

TEST(OneLine, CutsAndCleans) {
  EXPECT_EQ(one_line("", 10), "");
  EXPECT_EQ(one_line("a\r\n\tb\n", 10), "a b");
  EXPECT_EQ(one_line("\x1b[31mred", 20), "[31mred");
  EXPECT_EQ(one_line("gr\xc3\xbc\xc3\x9f"
                     "e",
                     20),
            "gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(one_line("bad \xff\xc3", 20), "bad ??");
  EXPECT_EQ(one_line("\xed\xa0\x80", 20), "???") << "a surrogate is no text";
  EXPECT_EQ(one_line("0123456789", 10), "0123456789");
  EXPECT_EQ(one_line("01234567890", 10), "0123456...");
  EXPECT_EQ(one_line("012345\xc3\xbc"
                     "89abc",
                     10),
            "012345...")
      << "no half of a letter";
  EXPECT_LE(one_line(std::string(100000, 'x'), 512).size(), 512u);
}

}  // namespace
}  // namespace sixpn::machine
