#include "base/io/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <optional>

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
