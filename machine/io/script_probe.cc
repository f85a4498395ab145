#include "machine/io/script_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

extern "C" {  // glibc 2.36 forgot to
#include <sys/pidfd.h>
}

#include "base/fd.h"
#include "machine/io/shim_check.h"
#include "machine/io/shim_spawn.h"

namespace sixpn::machine {
namespace {

struct Started {
  pid_t pid = 0;
  Fd output;
};

Result<Started> start_shim(const ScriptTarget& target, const ServiceCheck& check) {
  ShimSpec spec = target.spec;
  spec.command = check.command;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno("starting " + target.shim);
  Started started{0, Fd(ends[0])};
  Fd theirs(ends[1]);
  // Only ours: a program that writes expects to block.
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  auto pid = spawn_shim({target.shim, kShimCheckMode, target.machine, theirs.get()}, spec);
  if (!pid) return pid.error();
  started.pid = *pid;
  return started;
}

std::string describe(int code, const std::string& output) {
  std::string text = code == kCheckNotRun ? "not run" : fmt::format("exit code {}", code);
  if (code > 128) text = fmt::format("ended by signal {}", code - 128);
  return output.empty() ? text : text + ": " + output;
}

}  // namespace

struct ScriptProbe::Impl {
  Impl(EventLoop& event_loop, Duration time, Done on_done)
      : loop(event_loop),
        timeout(time),
        deadline(event_loop, [this] { on_deadline(); }),
        done(std::move(on_done)) {}
  ~Impl() { end(); }

  void start(const Result<ScriptTarget>& target, const ServiceCheck& check) {
    if (!target) return fail_soon(target.error().message);
    auto started = start_shim(*target, check);
    if (!started) return fail_soon(started.error().message);
    pid = started->pid;
    output = std::move(started->output);
    pidfd = Fd(pidfd_open(pid, 0));
    if (!pidfd) return fail_soon(Error::from_errno("watching the check").message);
    output_watch.emplace(loop, output.get(), [this] { read_output(); });
    exit_watch.emplace(loop, pidfd.get(), [this] { on_exit(); });
    deadline.arm_after(timeout);
  }

  // From the loop: the constructor calls nobody.
  void fail_soon(std::string why) {
    failure = std::move(why);
    deadline.arm_after(Duration::zero());
  }

  // What it prints beyond the bound is read, so that it can go on, and forgotten.
  void read_output() {
    char bytes[4096];
    ssize_t got = 0;
    while ((got = read(output.get(), bytes, sizeof bytes)) > 0) {
      auto room = kMaxScriptOutput - text.size();
      text.append(bytes, std::min(room, static_cast<std::size_t>(got)));
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) output_watch.reset();
  }

  void on_exit() {
    if (output_watch) read_output();
    int code = end();
    finish({code == 0, code == 0 ? text : describe(code, text)});
  }

  void on_deadline() {
    if (!failure.empty()) return finish({false, failure});
    end();
    finish({false, fmt::format("killed: no end within {} ms", timeout.count() / 1000)});
  }

  // Kills it, if it runs, and takes its exit code: 128 and the signal when one ended it.
  int end() {
    output_watch.reset();
    exit_watch.reset();
    if (pid == 0) return kCheckNotRun;
    kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    pid = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  // Last: the callback may destroy the probe.
  void finish(Verdict verdict) {
    deadline.cancel();
    if (auto report = std::exchange(done, nullptr)) report(std::move(verdict));
  }

  EventLoop& loop;
  Duration timeout;
  pid_t pid = 0;
  Fd pidfd;
  Fd output;
  std::string text;
  std::string failure;
  LoopTimer deadline;
  Done done;
  std::optional<FdWatch> output_watch;  // watches go before what they watch
  std::optional<FdWatch> exit_watch;
};

ScriptProbe::ScriptProbe(EventLoop& loop, const Result<ScriptTarget>& target,
                         const ServiceCheck& check, Done done)
    : impl_(std::make_unique<Impl>(loop, check.timeout, std::move(done))) {
  impl_->start(target, check);
}

ScriptProbe::~ScriptProbe() {
  impl_->done = nullptr;
}

}  // namespace sixpn::machine
