#include "base/io/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/io/clock.h"

namespace sixpn {
namespace {

TEST(EventLoop, RunsPostedTasksOnItsThread) {
  EventLoop loop("test");
  loop.start_thread();
  std::promise<bool> on_loop;
  loop.post([&] { on_loop.set_value(loop.on_loop_thread()); });
  EXPECT_TRUE(on_loop.get_future().get());
  EXPECT_FALSE(loop.on_loop_thread());
}

TEST(EventLoop, StopIsIdempotent) {
  EventLoop loop("test");
  loop.start_thread();
  loop.stop();
  loop.stop();
  loop.join();
  loop.join();
}

TEST(LoopTimer, RearmingReplacesTheEarlierTime) {
  EventLoop loop("test");
  int fired = 0;
  LoopTimer timer(loop, [&] {
    ++fired;
    loop.stop();
  });
  auto start = monotonic_now();
  timer.arm_after(std::chrono::milliseconds(1));
  timer.arm_after(std::chrono::milliseconds(20));
  loop.run();
  EXPECT_EQ(fired, 1);
  EXPECT_GE(monotonic_now() - start, std::chrono::milliseconds(20));
}

TEST(LoopTimer, AnEarlierTimeReplacesALaterOne) {
  EventLoop loop("test");
  LoopTimer timer(loop, [&] { loop.stop(); });
  auto start = monotonic_now();
  timer.arm_after(std::chrono::hours(1));
  timer.arm_after(std::chrono::milliseconds(1));
  loop.run();
  EXPECT_LT(monotonic_now() - start, std::chrono::minutes(1));
}

// While it is put off, the moment that it was armed for first comes and goes.
TEST(LoopTimer, PutOffAgainAndAgainItFiresOnceAndNotBefore) {
  EventLoop loop("test");
  int fired = 0;
  Instant due{};
  int left = 20;
  LoopTimer timer(loop, [&] {
    ++fired;
    EXPECT_EQ(left, 0);
    EXPECT_GE(monotonic_now(), due);
  });
  std::optional<LoopTimer> put_off;
  put_off.emplace(loop, [&] {
    timer.arm_at(due = monotonic_now() + std::chrono::milliseconds(20));
    if (--left > 0) put_off->arm_after(std::chrono::milliseconds(2));
  });
  LoopTimer end(loop, [&] { loop.stop(); });
  timer.arm_at(due = monotonic_now() + std::chrono::milliseconds(5));
  timer.arm_at(due = monotonic_now() + std::chrono::milliseconds(20));
  put_off->arm_after(Duration::zero());
  end.arm_after(std::chrono::milliseconds(200));
  loop.run();
  EXPECT_EQ(fired, 1);
}

TEST(LoopTimer, CancelledItDoesNotFireAndMayBeArmedAgain) {
  EventLoop loop("test");
  std::vector<Instant> fired;
  LoopTimer timer(loop, [&] { fired.push_back(monotonic_now()); });
  LoopTimer again(loop, [&] { timer.arm_after(std::chrono::milliseconds(10)); });
  LoopTimer end(loop, [&] { loop.stop(); });
  auto start = monotonic_now();
  timer.arm_after(std::chrono::milliseconds(1));
  timer.cancel();
  again.arm_after(std::chrono::milliseconds(20));
  end.arm_after(std::chrono::milliseconds(100));
  loop.run();
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_GE(fired[0] - start, std::chrono::milliseconds(30));
}

TEST(LoopTimer, ItMayBeArmedOrDestroyedByWhatItCalls) {
  EventLoop loop("test");
  int fired = 0;
  std::optional<LoopTimer> timer;
  timer.emplace(loop, [&] {
    if (++fired < 3) return timer->arm_after(Duration::zero());
    timer.reset();
    loop.stop();
  });
  timer->arm_after(Duration::zero());
  loop.run();
  EXPECT_EQ(fired, 3);
}

TEST(FdWatch, CallsUntilDestroyed) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  EventLoop loop("test");
  std::optional<FdWatch> watch;
  std::string got;
  watch.emplace(loop, reader.get(), [&] {
    char c = 0;
    ASSERT_EQ(read(reader.get(), &c, 1), 1);
    got += c;
    if (got == "ab") {
      watch.reset();
      loop.stop();
    }
  });
  ASSERT_EQ(write(writer.get(), "abc", 3), 3);
  loop.run();
  EXPECT_EQ(got, "ab");
}

}  // namespace
}  // namespace sixpn
