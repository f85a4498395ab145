#include "mesh/io/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io/clock.h"

extern char** environ;

namespace sixpn::mesh {
namespace {

// Files in memory instead of pipes: no side can block the other.
Result<Fd> memory_file(std::string_view content) {
  Fd file(memfd_create("sixpn", MFD_CLOEXEC));
  if (!file) return Error::from_errno("memfd_create");
  while (!content.empty()) {
    ssize_t written = write(file.get(), content.data(), content.size());
    if (written < 0) return Error::from_errno("writing a program's input");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (lseek(file.get(), 0, SEEK_SET) < 0) return Error::from_errno("lseek");
  return file;
}

Result<std::string> read_whole(int file) {
  off_t size = lseek(file, 0, SEEK_END);
  if (size < 0) return Error::from_errno("lseek");
  if (static_cast<std::size_t>(size) > kMaxProgramOutput) return Error("its output is too long");
  std::string text(static_cast<std::size_t>(size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    ssize_t got = pread(file, text.data() + have, text.size() - have, static_cast<off_t>(have));
    if (got < 0) return Error::from_errno("reading a program's output");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

struct Streams {
  Fd in, out, err;
};

Result<Streams> make_streams(std::string_view input) {
  auto in = memory_file(input);
  if (!in) return std::move(in).error();
  auto out = memory_file({});
  if (!out) return std::move(out).error();
  auto err = memory_file({});
  if (!err) return std::move(err).error();
  return Streams{std::move(*in), std::move(*out), std::move(*err)};
}

class SpawnSettings {
 public:
  explicit SpawnSettings(const Streams& streams) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, streams.in.get(), 0);
    posix_spawn_file_actions_adddup2(&actions_, streams.out.get(), 1);
    posix_spawn_file_actions_adddup2(&actions_, streams.err.get(), 2);
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    posix_spawn_file_actions_addchdir_np(&actions_, "/");
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  Result<pid_t> spawn(const std::vector<std::string>& argv) {
    std::vector<char*> arguments;
    for (const auto& text : argv) arguments.push_back(const_cast<char*>(text.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = -1;
    int failed =
        posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
    if (failed != 0) return Error::from_errno("starting " + argv.front(), failed);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// True when the process ended before the deadline.
bool wait_for_exit(pid_t pid, Instant deadline) {
  Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return false;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - monotonic_now());
    pollfd waiting{process.get(), POLLIN, 0};
    int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Result<int> reap(pid_t pid, const std::string& name) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return Error::from_errno("waiting for " + name);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return Error(name + " was killed by signal " + std::to_string(WTERMSIG(status)));
}

}  // namespace

Result<ProgramOutput> run_program(const std::vector<std::string>& argv, std::string_view input,
                                  Duration limit) {
  auto streams = make_streams(input);
  if (!streams) return std::move(streams).error();
  auto pid = SpawnSettings(*streams).spawn(argv);
  if (!pid) return std::move(pid).error();
  bool in_time = wait_for_exit(*pid, monotonic_now() + limit);
  if (!in_time) kill(*pid, SIGKILL);
  auto exit_code = reap(*pid, argv.front());
  if (!in_time) return Error(argv.front() + " did not finish in time", ETIMEDOUT);
  if (!exit_code) return std::move(exit_code).error();
  auto out = read_whole(streams->out.get());
  if (!out) return std::move(out).error();
  auto err = read_whole(streams->err.get());
  if (!err) return std::move(err).error();
  return ProgramOutput{*exit_code, std::move(*out), std::move(*err)};
}

}  // namespace sixpn::mesh
