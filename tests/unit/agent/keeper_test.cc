// The keeper as a supervisor sees it: what it passes on, and when it ends.
#include "agent/keeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>

namespace sixpn::agent {
namespace {

constexpr int kPatienceMs = 20000;

// A pipe that the agent writes to, and whose end tells that the agent has ended.
struct Told {
  Fd in;
  Fd out;
  Told() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    in = Fd(ends[0]);
    out = Fd(ends[1]);
  }
  // "" at the end; "<nothing>" when nothing came in time.
  [[nodiscard]] std::string next() const {
    pollfd wait{in.get(), POLLIN, 0};
    if (poll(&wait, 1, kPatienceMs) != 1) return "<nothing>";
    std::array<char, 64> bytes{};
    auto got = read(in.get(), bytes.data(), bytes.size());
    return {bytes.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
  }
  void say(std::string_view word) const {
    static_cast<void>(write(out.get(), word.data(), word.size()) == 0);
  }
};

// The keeper of an agent, as a process of its own.
pid_t keep(Told& told, const std::function<int(const Kept&)>& agent) {
  pid_t keeper = fork();
  if (keeper == 0) _exit(run_kept(agent));
  told.out.close();
  return keeper;
}

int status_of(pid_t process) {
  int status = 0;
  EXPECT_EQ(waitpid(process, &status, 0), process);
  return status;
}

int wait_for_signal(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (int number : numbers) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  int came = 0;
  sigwait(&set, &came);
  return came;
}

TEST(Keeper, EndsAsTheAgentEnds) {
  Told told;
  pid_t keeper = keep(told, [](const Kept&) { return 3; });
  int status = status_of(keeper);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

TEST(Keeper, EndsByTheSignalThatEndedTheAgent) {
  Told told;
  pid_t keeper = keep(told, [](const Kept&) -> int {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return 0;
  });
  int status = status_of(keeper);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

TEST(Keeper, PassesSignalsOn) {
  Told told;
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, &before);  // or it comes before the agent waits for it
  pid_t keeper = keep(told, [&told](const Kept&) {
    told.say("ready");
    return wait_for_signal({SIGTERM}) == SIGTERM ? 11 : 12;
  });
  sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(told.next(), "ready");
  kill(keeper, SIGTERM);
  EXPECT_EQ(WEXITSTATUS(status_of(keeper)), 11);
}

TEST(Keeper, AReleasedAgentOutlivesIt) {
  Told told;
  Told go;
  pid_t keeper = keep(told, [&](const Kept& kept) {
    go.out.close();
    kept.release();
    told.say(go.next().empty() ? "alone" : "?");  // its end: the test says when
    return 9;
  });
  int status = status_of(keeper);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  go.out.close();
  EXPECT_EQ(told.next(), "alone");
  EXPECT_EQ(told.next(), "");
}

TEST(Keeper, AKilledKeeperTakesTheAgentWithIt) {
  Told told;
  pid_t keeper = keep(told, [&told](const Kept&) {
    told.say("ready");
    wait_for_signal({SIGUSR1});
    return 0;
  });
  EXPECT_EQ(told.next(), "ready");
  kill(keeper, SIGKILL);
  status_of(keeper);
  EXPECT_EQ(told.next(), "");
}

TEST(Keeper, PassesWordsToTheServiceManager) {
  std::string path = testing::TempDir() + "keeper." + std::to_string(getpid());
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
  Fd manager(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::filesystem::remove(path);
  ASSERT_EQ(bind(manager.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  Told told;
  pid_t keeper = keep(told, [](const Kept& kept) {
    kept.notify().tell("READY=1");
    return std::getenv("NOTIFY_SOCKET") == nullptr ? 0 : 1;  // it is not for machines
  });
  unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ(WEXITSTATUS(status_of(keeper)), 0);
  std::array<char, 64> bytes{};
  auto got = recv(manager.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  EXPECT_EQ(std::string(bytes.data(), static_cast<std::size_t>(got > 0 ? got : 0)), "READY=1");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sixpn::agent
