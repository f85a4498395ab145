#include "machine/io/shim_check.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/result.h"
#include "machine/io/shim_command.h"

namespace sixpn::machine {
namespace {

constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID;

[[noreturn]] void fail(const Error& error) {
  static_cast<void>(write(STDERR_FILENO, error.message.data(), error.message.size()));
  _exit(kCheckNotRun);
}

// From here on this process ends with its parent. `lifeline` is the reading end of a pipe that only
// the shim can write to: it tells a parent that was gone before.
void end_with_parent(int lifeline) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd alive{lifeline, POLLIN, 0};
  if (poll(&alive, 1, 0) != 0) _exit(kCheckNotRun);
}

int code_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return kCheckNotRun;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

[[noreturn]] void run_program(const ShimSpec& spec, int lifeline) {
  if (auto done = become_user(spec); !done) fail(done.error());
  end_with_parent(lifeline);  // another user forgets it
  const char* cwd = spec.cwd.empty() ? "/" : spec.cwd.c_str();
  if (chdir(cwd) != 0) fail(Error::from_errno("entering " + std::string(cwd)));
  restore_descriptor_limit();
  auto environment = pointers(spec.env);
  environ = environment.data();
  auto arguments = pointers(spec.command);
  execvp(arguments.front(), arguments.data());
  fail(Error::from_errno(spec.command.front()));
}

// Inside the machine's process id namespace: whose child can be init of one below it.
[[noreturn]] void run_inside(const ShimSpec& spec, int lifeline) {
  end_with_parent(lifeline);
  if (unshare(CLONE_NEWPID) != 0) fail(Error::from_errno("making a process id namespace"));
  pid_t program = fork();
  if (program < 0) fail(Error::from_errno("fork"));
  if (program == 0) run_program(spec, lifeline);
  _exit(code_of(program));
}

}  // namespace

void run_check(const ShimSpec& spec) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail(Error::from_errno("making a pipe"));
  if (setns(kShimMachineFd, kNamespaces) != 0) fail(Error::from_errno("entering the machine"));
  close(kShimMachineFd);
  pid_t inside = fork();
  if (inside < 0) fail(Error::from_errno("fork"));
  if (inside == 0) {
    close(ends[1]);
    run_inside(spec, ends[0]);
  }
  _exit(code_of(inside));
}

}  // namespace sixpn::machine
