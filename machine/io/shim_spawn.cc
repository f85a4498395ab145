#include "machine/io/shim_spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "machine/io/shim_check.h"

namespace sixpn::machine {
namespace {

static_assert(kShimControlFd == kShimMachineFd, "one number for what the shim works by");

// Clear of the numbers that the shim expects, so that moving one never overwrites the other.
constexpr int kFirstFreeFd = 10;

Fd moved_up(int fd) {
  return Fd(fcntl(fd, F_DUPFD_CLOEXEC, kFirstFreeFd));
}

Result<Fd> make_spec_file(const ShimSpec& spec) {
  Fd file(memfd_create("sixpn-shim", MFD_CLOEXEC));
  auto bytes = encode(spec);
  if (!file ||
      pwrite(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return Error::from_errno("describing " + spec.hostname + " to the shim");
  return moved_up(file.get());
}

// What the program has open from its first instruction on.
class OpenFiles {
 public:
  OpenFiles() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  }
  ~OpenFiles() { posix_spawn_file_actions_destroy(&actions_); }
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

  void put(int fd, int number) { posix_spawn_file_actions_adddup2(&actions_, fd, number); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// A session of its own, no signal blocked or ignored.
class FreshAttributes {
 public:
  FreshAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~FreshAttributes() { posix_spawnattr_destroy(&attributes_); }
  FreshAttributes(const FreshAttributes&) = delete;
  FreshAttributes& operator=(const FreshAttributes&) = delete;

  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

}  // namespace

Result<pid_t> spawn_shim(const ShimStart& start, const ShimSpec& spec) {
  auto description = make_spec_file(spec);
  if (!description) return description.error();
  Fd working = moved_up(start.working_fd);
  Fd output = start.output >= 0 ? moved_up(start.output) : Fd();
  Fd cgroup = start.cgroup >= 0 ? moved_up(start.cgroup) : Fd();
  if (!*description || !working || (start.output >= 0 && !output) || (start.cgroup >= 0 && !cgroup))
    return Error::from_errno("starting " + start.program);
  OpenFiles files;
  files.put(output ? output.get() : STDIN_FILENO, STDOUT_FILENO);
  files.put(output ? output.get() : STDIN_FILENO, STDERR_FILENO);
  files.put(working.get(), kShimControlFd);
  files.put(description->get(), kShimSpecFd);
  if (cgroup) files.put(cgroup.get(), kShimCgroupFd);
  std::string name = "sixpn-shim";
  std::string id = spec.hostname;
  std::string mode = start.mode;
  char* arguments[] = {name.data(), id.data(), mode.empty() ? nullptr : mode.data(), nullptr};
  char* environment[] = {nullptr};
  pid_t pid = 0;
  int failed = posix_spawn(&pid, start.program.c_str(), files.get(), FreshAttributes().get(),
                           arguments, environment);
  if (failed != 0) return Error::from_errno("starting " + start.program, failed);
  return pid;
}

}  // namespace sixpn::machine
