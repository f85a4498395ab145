// The watchdog over real loops, one of which hangs in a task until the test lets it go.
#include "base/io/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <future>

#include "base/fd.h"

namespace sixpn {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// A round of 10 ms stands for a second: a limit of 30 s passes in 0.3 s.
Watchdog::Options fast() {
  Watchdog::Options options;
  options.limit = 300ms;
  options.round = 10ms;
  return options;
}

TEST(Watchdog, TheStalledLoopIsNamed) {
  EventLoop control("control");
  EventLoop dns("dns");
  control.start_thread();
  dns.start_thread();
  std::promise<std::string> named;
  std::atomic<bool> told = false;
  auto options = fast();
  options.on_fatal = [&](const std::string& loop, Duration) {
    if (!told.exchange(true)) named.set_value(loop);
  };
  ServiceNotify nobody = ServiceNotify::from_environment();
  std::promise<void> release;
  Watchdog watchdog({&control, &dns}, nobody, options);
  dns.post([&] { release.get_future().wait(); });
  auto answer = named.get_future();
  ASSERT_EQ(answer.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(answer.get(), "dns");
  release.set_value();
}

TEST(WatchdogDeathTest, AStallEndsTheProcessWithItsStack) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        EventLoop mesh("mesh");
        mesh.start_thread();
        ServiceNotify nobody = ServiceNotify::from_environment();
        Watchdog watchdog({&mesh}, nobody, fast());
        std::promise<void> never;
        LoopTimer hang(mesh, [&] { never.get_future().wait(); });
        mesh.post([&] { hang.arm_after(200ms); });  // after it has answered once
        mesh.join();
      },
      testing::KilledBySignal(SIGABRT), "loop mesh has not run for [0-9]+ s(.|\n)*libc");
}

// The process is stopped as a whole, for longer than the limit.
TEST(WatchdogDeathTest, AProcessThatWasStoppedGoesOn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        EventLoop mesh("mesh");
        mesh.start_thread();
        ServiceNotify nobody = ServiceNotify::from_environment();
        Watchdog::Options options;
        options.limit = 2s;
        options.round = 50ms;
        Watchdog watchdog({&mesh}, nobody, options);
        pid_t self = getpid();
        if (fork() == 0) {
          kill(self, SIGSTOP);
          usleep(5'000'000);
          kill(self, SIGCONT);
          _exit(0);
        }
        std::promise<void> later;
        auto future = later.get_future();
        LoopTimer timer(mesh, [&] { later.set_value(); });
        mesh.post([&] { timer.arm_after(6s); });
        future.wait();
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Watchdog, TheServiceManagerIsFedOnlyWhileAllRun) {
  std::string path = testing::TempDir() + "sixpn-notify-" + std::to_string(getpid());
  Fd manager(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
  ASSERT_EQ(bind(manager.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ServiceNotify notify = ServiceNotify::from_environment();
  EXPECT_EQ(getenv("NOTIFY_SOCKET"), nullptr);
  unlink(path.c_str());
  ASSERT_TRUE(notify.asked());
  notify.tell("READY=1");
  auto receive = [&](int patience_ms) {
    pollfd ready{manager.get(), POLLIN, 0};
    if (poll(&ready, 1, patience_ms) != 1) return std::string();
    char buffer[64];
    auto size = recv(manager.get(), buffer, sizeof buffer, 0);
    return std::string(buffer, static_cast<std::size_t>(size));
  };
  EXPECT_EQ(receive(1000), "READY=1");

  EventLoop dns("dns");
  dns.start_thread();
  auto options = fast();
  options.limit = Duration::zero();
  std::promise<void> release;
  {
    Watchdog watchdog({&dns}, notify, options);
    EXPECT_EQ(receive(5000), "WATCHDOG=1");
    dns.post([&] { release.get_future().wait(); });
    // It goes quiet: nothing for a while, after what had been sent before.
    int quiet = 0;
    for (int i = 0; i < 200 && quiet == 0; ++i) quiet = receive(500).empty() ? 1 : 0;
    EXPECT_EQ(quiet, 1);
    release.set_value();
    EXPECT_EQ(receive(5000), "WATCHDOG=1");
  }
}

}  // namespace
}  // namespace sixpn
