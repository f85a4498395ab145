#include "agent/keeper.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/fd.h"

namespace sixpn::agent {
namespace {

constexpr std::string_view kReleased = "X_SIXPN_RELEASED=1";
constexpr std::size_t kMaxWords = 512;  // of one notification

// What supervisors and terminals send; SIGABRT is systemd's when the watchdog was not fed.
constexpr std::array kPassedOn = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : kPassedOn) sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  return set;
}

int fail(const char* what) {
  std::fprintf(stderr, "sixpnd: %s: %s\n", what, std::strerror(errno));
  return 1;
}

// The child has left its own core; one is enough.
[[noreturn]] void end_by(int signal) {
  rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  ::signal(signal, SIG_DFL);
  sigset_t open;
  sigemptyset(&open);
  sigprocmask(SIG_SETMASK, &open, nullptr);
  raise(signal);
  _exit(128 + signal);
}

int run_child(const std::function<int(const Kept&)>& agent, Fd words, pid_t keeper,
              const sigset_t& signals) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != keeper) return 1;  // it was killed before that
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  return agent(Kept(ServiceNotify::over(std::move(words))));
}

class Keeper {
 public:
  Keeper(pid_t child, Fd words, Fd signals, ServiceNotify manager)
      : child_(child),
        words_(std::move(words)),
        signals_(std::move(signals)),
        manager_(std::move(manager)) {}

  int run() {
    while (true) {
      std::array<pollfd, 2> wait = {{{words_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      if (poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return fail("poll");
      if (wait[0].revents != 0 && pass_words_on()) return 0;
      if (wait[1].revents != 0) pass_signals_on();
      int status = 0;
      if (waitpid(child_, &status, WNOHANG) == child_) return finish(status);
    }
  }

 private:
  // True when the child needs no keeper any more.
  bool pass_words_on() {
    std::array<char, kMaxWords> buffer;
    while (true) {
      auto got = recv(words_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) return false;
      std::string_view words(buffer.data(), static_cast<std::size_t>(got));
      if (words == kReleased) return true;
      manager_.tell(words);
    }
  }

  void pass_signals_on() {
    signalfd_siginfo came{};
    while (read(signals_.get(), &came, sizeof came) == sizeof came) {
      int number = static_cast<int>(came.ssi_signo);
      if (number != SIGCHLD) kill(child_, number);
    }
  }

  // Its last words may have come with its end.
  int finish(int status) {
    pass_words_on();
    if (WIFSIGNALED(status)) end_by(WTERMSIG(status));
    return WEXITSTATUS(status);
  }

  pid_t child_;
  Fd words_;
  Fd signals_;
  ServiceNotify manager_;
};

}  // namespace

void Kept::release() const {
  prctl(PR_SET_PDEATHSIG, 0);
  to_keeper_.tell(kReleased);
}

int run_kept(const std::function<int(const Kept&)>& agent) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0)
    return fail("a socket to the agent");
  Fd ours(pair[0]);
  Fd childs(pair[1]);
  sigset_t watched = watched_signals();
  sigset_t before;
  sigprocmask(SIG_BLOCK, &watched, &before);
  Fd signals(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return fail("signalfd");
  auto manager = ServiceNotify::from_environment();  // the child's are not to be told of it
  pid_t keeper = getpid();
  pid_t child = fork();
  if (child < 0) return fail("starting the agent");
  if (child == 0) {
    ours.close();
    signals.close();
    return run_child(agent, std::move(childs), keeper, before);
  }
  childs.close();
  return Keeper(child, std::move(ours), std::move(signals), std::move(manager)).run();
}

}  // namespace sixpn::agent
