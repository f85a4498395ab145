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

[[noreturn]] void execute(const std::vector<std::string>& command, const Fd& failure) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  int cause = errno;
  // When not even this can be written, the exit code still says it.
  [[maybe_unused]] ssize_t written = ::write(failure.get(), &cause, sizeof cause);
  ::_exit(127);
}

volatile std::sig_atomic_t child_to_signal = 0;

// The terminal's signals reach the command by themselves, so they are not for us; those that are
// sent to us are passed on.
void share_signals(pid_t child) {
  child_to_signal = child;
  struct sigaction pass_on {};
  pass_on.sa_handler = [](int signal) { ::kill(child_to_signal, signal); };
  pass_on.sa_flags = SA_RESTART;
  for (int signal : {SIGTERM, SIGHUP}) ::sigaction(signal, &pass_on, nullptr);
  for (int signal : {SIGINT, SIGQUIT}) ::signal(signal, SIG_IGN);
}

int exit_code_of_child(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// In a child: only a child is born into the process id namespace that was entered.
Result<int> run_child(const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno("pipe");
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  pid_t child = ::fork();
  if (child < 0) return Error::from_errno("fork");
  if (child == 0) execute(command, write_end);
  share_signals(child);
  write_end.close();
  int cause = 0;
  ssize_t n;
  while ((n = ::read(read_end.get(), &cause, sizeof cause)) < 0 && errno == EINTR) {
  }
  int exit_code = exit_code_of_child(child);
  if (n == sizeof cause) return Error::from_errno(command.front(), cause);
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
  constexpr int kSpaces = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID;
  if (::setns(pidfd.get(), kSpaces) != 0) return errno == ESRCH ? gone : cannot_enter(errno);
  if (::chdir(surroundings.cwd.c_str()) != 0 && ::chdir("/") != 0)
    return Error::from_errno("the machine's working directory");
  replace_environment(surroundings.environment);
  return run_child(command);
}

Result<int> run_in_namespace(const std::string& netns_path,
                             const std::vector<std::string>& command) {
  Fd netns(::open(netns_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) return Error::from_errno(netns_path);
  if (::setns(netns.get(), CLONE_NEWNET) != 0) return cannot_enter(errno);
  return run_child(command);
}

}  // namespace sixpn::cli
