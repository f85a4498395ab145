#include "tools/cli/machine_entry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/fd.h"

namespace sixpn::cli {

namespace {

// What the command inherits from the machine's own process.
struct ProcessSurroundings {
  std::vector<std::string> environment;
  std::string cwd;
};

Fd open_pidfd(pid_t pid) {
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

// A pidfd is readable once its process has ended.
bool has_ended(const Fd& pidfd) {
  pollfd poll_entry{pidfd.get(), POLLIN, 0};
  return ::poll(&poll_entry, 1, 0) > 0;
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::string read_link(const std::string& path) {
  char target[PATH_MAX];
  ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  return n < 0 ? std::string() : std::string(target, static_cast<std::size_t>(n));
}

// The terminal stays the caller's.
void replace_environment(const std::vector<std::string>& environment) {
  const char* terminal = std::getenv("TERM");
  const std::string term = terminal == nullptr ? "" : terminal;
  clearenv();
  for (const std::string& entry : environment) {
    std::size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
  }
  if (!term.empty()) setenv("TERM", term.c_str(), 0);
}

volatile std::sig_atomic_t child_to_signal = 0;

// The signals that end a program, held back until it is known to whom they go.
sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) sigaddset(&set, signal);
  return set;
}

// Waits for a child. The terminal's signals reach the command by themselves, so they are not for
// us; those that are sent to us are passed on. Called with all of them blocked.
int supervise(pid_t child, const sigset_t& unblocked) {
  child_to_signal = child;
  struct sigaction pass_on {};
  pass_on.sa_handler = [](int signal) { ::kill(child_to_signal, signal); };
  pass_on.sa_flags = SA_RESTART;
  for (int signal : {SIGTERM, SIGHUP}) ::sigaction(signal, &pass_on, nullptr);
  for (int signal : {SIGINT, SIGQUIT}) ::signal(signal, SIG_IGN);
  ::sigprocmask(SIG_SETMASK, &unblocked, nullptr);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Tells the parent why the command was not run. A reader that is gone needs no answer.
[[noreturn]] void give_up(const Error& error, const Fd& failure) {
  [[maybe_unused]] ssize_t written =
      ::write(failure.get(), error.message.data(), error.message.size());
  ::_exit(1);
}

[[noreturn]] void execute(const std::vector<std::string>& command, const Fd& failure) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  give_up(Error::from_errno(command.front()), failure);
}

// In a child: enters, and runs the command in a child of its own, because only a child is born into
// the process id namespace that was entered.
[[noreturn]] void run_inside(const std::function<Result<void>()>& enter,
                             const std::vector<std::string>& command, Fd failure,
                             const sigset_t& unblocked) {
  if (auto entered = enter(); !entered) give_up(entered.error(), failure);
  pid_t child = ::fork();
  if (child < 0) give_up(Error::from_errno("fork"), failure);
  if (child == 0) {
    ::sigprocmask(SIG_SETMASK, &unblocked, nullptr);
    execute(command, failure);
  }
  failure.close();
  ::_exit(supervise(child, unblocked));
}

// All that a pipe brings until every other end of it is closed.
std::string read_to_end(const Fd& pipe) {
  std::string text;
  char buffer[512];
  ssize_t n;
  while ((n = ::read(pipe.get(), buffer, sizeof buffer)) != 0) {
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) break;
  }
  return text;
}

// Runs the command where `enter` leads. This process stays where it is.
Result<int> run_entered(const std::function<Result<void>()>& enter,
                        const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno("pipe");
  Fd read_end(ends[0]);
  Fd failure(ends[1]);
  const sigset_t blocked = ending_signals();
  sigset_t unblocked;
  ::sigprocmask(SIG_BLOCK, &blocked, &unblocked);
  pid_t child = ::fork();
  if (child == 0) run_inside(enter, command, std::move(failure), unblocked);
  if (child < 0) return Error::from_errno("fork");
  failure.close();
  // Empty once the command runs: executing it closes the last end.
  std::string trouble = read_to_end(read_end);
  int exit_code = supervise(child, unblocked);
  if (!trouble.empty()) return Error(trouble);
  return exit_code;
}

Error cannot_enter(int cause) {
  if (cause == EPERM) return Error("entering a machine needs root", cause);
  return Error::from_errno("entering the machine's namespaces", cause);
}

}  // namespace

std::vector<std::string> split_environment(const std::string& bytes) {
  std::vector<std::string> entries;
  std::size_t start = 0;
  while (start < bytes.size()) {
    std::size_t end = std::min(bytes.find('\0', start), bytes.size());
    if (end > start) entries.push_back(bytes.substr(start, end - start));
    start = end + 1;
  }
  return entries;
}

Result<int> run_beside_process(pid_t pid, const std::string& netns_path,
                               const std::vector<std::string>& command) {
  const std::string proc = fmt::format("/proc/{}", pid);
  const Error gone("the machine's process has just ended");
  Fd pidfd = open_pidfd(pid);
  if (!pidfd) return errno == ESRCH ? gone : Error::from_errno("the machine's process");
  if (!netns_path.empty() && !is_same_file(proc + "/ns/net", netns_path)) return gone;
  ProcessSurroundings surroundings{split_environment(read_whole(proc + "/environ")),
                                   read_link(proc + "/cwd")};
  // What was read by number was read of this process only if it still lives.
  if (has_ended(pidfd)) return gone;
  auto enter = [&]() -> Result<void> {
    constexpr int kSpaces = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID;
    if (::setns(pidfd.get(), kSpaces) != 0) return errno == ESRCH ? gone : cannot_enter(errno);
    if (::chdir(surroundings.cwd.c_str()) != 0 && ::chdir("/") != 0)
      return Error::from_errno("the machine's working directory");
    replace_environment(surroundings.environment);
    return {};
  };
  return run_entered(enter, command);
}

Result<int> run_in_namespace(const std::string& netns_path,
                             const std::vector<std::string>& command) {
  Fd netns(::open(netns_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) return Error::from_errno(netns_path);
  auto enter = [&]() -> Result<void> {
    if (::setns(netns.get(), CLONE_NEWNET) != 0) return cannot_enter(errno);
    return {};
  };
  return run_entered(enter, command);
}

}  // namespace sixpn::cli
