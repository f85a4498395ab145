// sixpn-shim: holds one machine's processes, so that the agent may end, crash or be replaced while
// they run.
//
// The agent starts it with a control socket and a description (core/shim_spec.h). It moves itself
// into the machine's namespaces and forks: the child is init (pid 1) of the machine's pid
// namespace, the parent ends. Init starts the command, which waits at a gate until the agent has
// published the machine; then init only forwards signals to the command's process group and reaps.
// When the command ends it writes exit.json and ends, and whenever init ends, however it ends, the
// kernel kills all that is left in the namespace: no process of a machine outlives it. Its other
// mode runs a check inside a machine (shim_check.h).
// Single-threaded, static, needs nothing of the agent once it runs.
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/fd.h"
#include "machine/core/shim_spec.h"
#include "machine/io/shim_check.h"
#include "machine/io/shim_command.h"
#include "machine/io/shim_mounts.h"

namespace sixpn::machine {
namespace {

constexpr int kFailed = 125;             // as `env`: the command was not executed
constexpr std::size_t kExitBytes = 256;  // reserved on disk for exit.json

void tell(std::string_view message) {
  static_cast<void>(send(kShimControlFd, message.data(), message.size(), MSG_NOSIGNAL));
}

[[noreturn]] void fail(const Error& error) {
  tell(std::string(kShimError) + error.message);
  _exit(kFailed);
}

void require(const Result<void>& outcome) {
  if (!outcome) fail(outcome.error());
}

ShimSpec read_spec() {
  std::string bytes;
  char buffer[16384];
  ssize_t got = 0;
  while ((got = read(kShimSpecFd, buffer, sizeof buffer)) > 0)
    bytes.append(buffer, static_cast<std::size_t>(got));
  close(kShimSpecFd);
  auto spec = decode_shim_spec(bytes);
  if (!spec) fail(spec.error());
  return std::move(*spec);
}

// ---- the process that becomes the command
// -----------------------------------------------------------

std::string search_path(const ShimSpec& spec) {
  for (const auto& variable : spec.env)
    if (variable.starts_with("PATH=")) return variable.substr(5);
  return "";
}

// Whether `path` could be executed: 0, or why not.
int check_program(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return errno;
  if (S_ISDIR(found.st_mode)) return EISDIR;
  return access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

// The file to execute, found before the machine is published: the usual mistakes never reach DNS.
std::string find_program(const ShimSpec& spec) {
  const auto& name = spec.command.front();
  if (name.find('/') != std::string::npos) {
    if (int why = check_program(name); why != 0) fail(Error::from_errno("command " + name, why));
    return name;
  }
  auto path = search_path(spec);
  int worst = ENOENT;
  for (std::size_t begin = 0; begin <= path.size();) {
    auto end = std::min(path.find(':', begin), path.size());
    auto folder = path.substr(begin, end - begin);
    auto candidate = (folder.empty() ? "." : folder) + "/" + name;
    int why = check_program(candidate);
    if (why == 0) return candidate;
    if (why == EACCES) worst = EACCES;
    begin = end + 1;
  }
  if (worst == EACCES) fail(Error::from_errno("command " + name, worst));
  fail(Error("command not found: " + name + " (PATH is " + path + ")"));
}

bool wait_at_gate() {
  char message[16];
  ssize_t got = 0;
  do got = recv(kShimControlFd, message, sizeof message, 0);
  while (got < 0 && errno == EINTR);
  return got > 0 && std::string_view(message, static_cast<std::size_t>(got)) == kShimGo;
}

void redirect_output(int log) {
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
    fail(Error::from_errno("redirecting output"));
  close(null);
}

// `executed` is memory shared with init: an exit is only recorded of a command that ran.
[[noreturn]] void run_command(const ShimSpec& spec, int log, volatile bool* executed) {
  setsid();
  redirect_output(log);
  require(become_user(spec));
  const char* cwd = spec.cwd.empty() ? "/" : spec.cwd.c_str();
  if (chdir(cwd) != 0) fail(Error::from_errno("entering " + std::string(cwd)));
  auto program = find_program(spec);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  tell(kShimReady);
  if (!wait_at_gate()) _exit(kFailed);
  *executed = true;
  restore_descriptor_limit();
  execve(program.c_str(), pointers(spec.command).data(), pointers(spec.env).data());
  *executed = false;
  fail(Error::from_errno("executing " + program));
}

// ---- init
// -------------------------------------------------------------------------------------------

// exit.json takes its place on the disk before the command starts, so that a disk that fills up
// meanwhile cannot lose it.
class ExitReport {
 public:
  explicit ExitReport(const ShimSpec& spec)
      : folder_(open(spec.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        file_(openat(folder_.get(), kDraft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    std::string blank(kExitBytes, ' ');
    if (!folder_ || !file_ ||
        pwrite(file_.get(), blank.data(), blank.size(), 0) != static_cast<ssize_t>(blank.size()))
      fail(Error::from_errno("reserving exit.json in " + spec.folder));
  }

  // `status` as of waitpid.
  void write(int status) const {
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    int code = signal != 0 ? 128 + signal : WEXITSTATUS(status);
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    char text[128];
    int length =
        snprintf(text, sizeof text, "{\"code\":%d,\"signal\":%d,\"at_ms\":%lld}\n", code, signal,
                 static_cast<long long>(now.tv_sec) * 1000 + now.tv_nsec / 1000000);
    if (pwrite(file_.get(), text, static_cast<std::size_t>(length), 0) == length)
      renameat(folder_.get(), kDraft, folder_.get(), std::string(kExitFileName).c_str());
  }

  void discard() const { unlinkat(folder_.get(), kDraft, 0); }

 private:
  static constexpr const char* kDraft = "exit.json.next";
  Fd folder_;
  Fd file_;
};

// The command's status once it has ended; nothing while it runs. Orphans are reaped on the way.
std::optional<int> reap(pid_t command) {
  int status = 0;
  pid_t pid = 0;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    if (pid == command) return status;
  return std::nullopt;
}

// Blocked signals reach init even as pid 1, which has no handlers: the kernel queues them for
// sigwaitinfo.
sigset_t block_signals() {
  sigset_t signals;
  sigfillset(&signals);
  for (int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigdelset(&signals, fault);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  return signals;
}

int wait_for_end(pid_t command, const sigset_t& signals) {
  for (;;) {
    siginfo_t info{};
    int signal = sigwaitinfo(&signals, &info);
    if (signal == SIGCHLD) {
      if (auto status = reap(command)) return *status;
    } else if (signal > 0) {
      kill(-command, signal);
    }
  }
}

Fd open_log(const ShimSpec& spec) {
  Fd log(open(spec.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log) fail(Error::from_errno("opening " + spec.log_path));
  return log;
}

volatile bool* shared_flag() {
  void* page =
      mmap(nullptr, sizeof(bool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) fail(Error::from_errno("sharing memory"));
  return static_cast<volatile bool*>(page);
}

[[noreturn]] void run_init(const ShimSpec& spec) {
  setsid();
  tell(kShimInit);
  auto signals = block_signals();
  ExitReport report(spec);
  auto log = open_log(spec);
  require(make_machine_view(spec));
  auto* executed = shared_flag();
  pid_t command = fork();
  if (command < 0) fail(Error::from_errno("fork"));
  if (command == 0) run_command(spec, log.get(), executed);
  close(kShimControlFd);
  log.close();
  int status = wait_for_end(command, signals);
  if (*executed)
    report.write(status);
  else
    report.discard();
  _exit(0);
}

// A fork whose child is born in the cgroup that a descriptor names, which costs nothing: moving a
// process later would wait for all processors, some 8 ms. Where there is none, an ordinary fork.
pid_t fork_into(int cgroup) {
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  auto pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  return pid < 0 ? fork() : static_cast<pid_t>(pid);
}

[[noreturn]] void run_shim(bool check) {
  close_range((check ? kShimSpecFd : kShimCgroupFd) + 1, ~0U, 0);
  umask(022);  // whatever the agent's is: the machine's /etc must be readable to all of its users
  fcntl(kShimControlFd, F_SETFD, FD_CLOEXEC);
  auto spec = read_spec();
  if (check) run_check(spec);
  require(enter_namespaces(spec));
  pid_t init = fork_into(kShimCgroupFd);
  if (init < 0) fail(Error::from_errno("fork"));
  close(kShimCgroupFd);
  if (init == 0) run_init(spec);
  _exit(0);
}

}  // namespace
}  // namespace sixpn::machine

// Arguments: the machine's id, for those who read process lists; then the mode, if it is not that
// of holding a machine.
int main(int count, char** arguments) {
  using namespace sixpn::machine;
  run_shim(count > 2 && std::string_view(arguments[2]) == kShimCheckMode);
}
