#include "machine/io/shim_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

extern "C" {  // glibc 2.36 forgot to
#include <sys/pidfd.h>
}

#include "base/fd.h"
#include "machine/io/atomic_file.h"
#include "machine/io/shim_spawn.h"

namespace sixpn::machine {

std::string read_boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 128);
  if (!text) return "";
  return text->substr(0, text->find('\n'));
}

namespace {

struct Message {
  enum class Kind { kNone, kText, kEnd, kReset } kind = Kind::kNone;
  std::string text;
  pid_t sender = 0;  // as the kernel says, in our pid namespace
};

Message receive(int socket) {
  char text[4096];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  iovec vector{text, sizeof text};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (got < 0) return {Message::Kind::kReset, {}, 0};
  if (got == 0) return {Message::Kind::kEnd, {}, 0};
  Message message{Message::Kind::kText, {text, static_cast<std::size_t>(got)}, 0};
  auto* credentials = CMSG_FIRSTHDR(&header);
  if (credentials != nullptr && credentials->cmsg_type == SCM_CREDENTIALS)
    message.sender = reinterpret_cast<const ucred*>(CMSG_DATA(credentials))->pid;
  return message;
}

// Field 22 of /proc/PID/stat: fields are counted after the command name, which may contain
// anything.
std::uint64_t read_start_time(pid_t pid) {
  auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return 0;
  std::istringstream fields(stat->substr(std::min(stat->rfind(')') + 1, stat->size())));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  std::uint64_t start_time = 0;
  fields >> start_time;
  return start_time;
}

bool has_ended(const Fd& pidfd) {
  pollfd waiting{pidfd.get(), POLLIN, 0};
  return poll(&waiting, 1, 0) != 0;
}

// Checked after opening: the descriptor can no longer come to mean another process.
Result<Fd> open_shim(const ShimFile& file) {
  Fd pidfd(pidfd_open(file.pid, 0));
  if (!pidfd || has_ended(pidfd) || read_start_time(file.pid) != file.start_time)
    return Error("its process does not run any more");
  return pidfd;
}

}  // namespace

bool kill_stray_shim(const ShimFile& file) {
  auto pidfd = open_shim(file);
  return pidfd && pidfd_send_signal(pidfd->get(), SIGKILL, nullptr, 0) == 0;
}

struct ShimProcess::Impl {
  Impl(EventLoop& on_loop, Events of_shim) : loop(on_loop), events(std::move(of_shim)) {}
  ~Impl();

  void watch_launcher(pid_t pid);
  void reap_launcher(int flags);
  void watch_init(Fd fd);
  void on_control();
  void on_message(const Message& message);
  void on_control_end(bool reset);
  void fail(std::string why);
  void on_end();
  void tell_exit();

  EventLoop& loop;
  Events events;
  ShimFile identity;
  Fd control;
  Fd launcher_fd;
  pid_t launcher = 0;
  Fd pidfd;
  bool ready = false;
  bool gate_open = false;
  bool failed = false;
  bool ended = false;                    // init is gone, or never was
  bool exited = false;                   // and on_exited was called
  std::optional<FdWatch> control_watch;  // watches go before what they watch
  std::optional<FdWatch> launcher_watch;
  std::optional<FdWatch> pid_watch;
};

ShimProcess::Impl::~Impl() {
  control_watch.reset();
  launcher_watch.reset();
  pid_watch.reset();
  if (!gate_open && pidfd) pidfd_send_signal(pidfd.get(), SIGKILL, nullptr, 0);
  if (launcher == 0) return;
  pidfd_send_signal(launcher_fd.get(), SIGKILL, nullptr, 0);
  reap_launcher(0);
}

void ShimProcess::Impl::watch_launcher(pid_t pid) {
  launcher = pid;
  launcher_fd = Fd(pidfd_open(pid, 0));
  if (!launcher_fd) return;  // reaped when this is destroyed
  launcher_watch.emplace(loop, launcher_fd.get(), [this] { reap_launcher(WNOHANG); });
}

void ShimProcess::Impl::reap_launcher(int flags) {
  if (launcher == 0 || waitpid(launcher, nullptr, flags) == 0) return;
  launcher = 0;
  launcher_watch.reset();
}

void ShimProcess::Impl::watch_init(Fd fd) {
  pidfd = std::move(fd);
  pid_watch.emplace(loop, pidfd.get(), [this] { on_end(); });
}

void ShimProcess::Impl::on_control() {
  while (control) {
    auto message = receive(control.get());
    if (message.kind == Message::Kind::kNone) return;
    if (message.kind == Message::Kind::kText)
      on_message(message);
    else
      on_control_end(message.kind == Message::Kind::kReset);
  }
}

void ShimProcess::Impl::on_message(const Message& message) {
  if (message.text == kShimInit) {
    identity.pid = message.sender;
    identity.start_time = read_start_time(message.sender);
    Fd fd(pidfd_open(message.sender, 0));
    if (fd) return watch_init(std::move(fd));
    fail(Error::from_errno("watching the process").message);
    kill(message.sender, SIGKILL);
  } else if (message.text == kShimReady && !ready) {
    ready = true;
    identity.command_pid = message.sender;
    events.on_ready();
  } else if (message.text.starts_with(kShimError)) {
    fail(message.text.substr(kShimError.size()));
  }
}

// All ends of the other side are closed: executed, or dead. A reset says that kShimGo was never
// read.
void ShimProcess::Impl::on_control_end(bool reset) {
  control_watch.reset();
  control.close();
  if (!failed && gate_open && !reset)
    events.on_executed();
  else
    fail("its shim was killed before the command began");
  if (!pidfd) ended = true;
  tell_exit();
}

void ShimProcess::Impl::fail(std::string why) {
  if (std::exchange(failed, true)) return;
  events.on_failed(Error(std::move(why)));
}

void ShimProcess::Impl::on_end() {
  pid_watch.reset();
  ended = true;
  on_control();
  tell_exit();
}

// Last, after all that the shim had to say.
void ShimProcess::Impl::tell_exit() {
  if (!ended || control || std::exchange(exited, true)) return;
  events.on_exited();
}

ShimProcess::ShimProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ShimProcess::~ShimProcess() = default;

Result<std::unique_ptr<ShimProcess>> ShimProcess::spawn(EventLoop& loop, const std::string& program,
                                                        const ShimSpec& spec, int cgroup,
                                                        Events events) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return Error::from_errno("making a control socket");
  auto impl = std::make_unique<Impl>(loop, std::move(events));
  impl->control = Fd(ends[0]);
  int on = 1;
  setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  Fd theirs(ends[1]);
  auto pid = spawn_shim({program, "", theirs.get(), -1, cgroup}, spec);
  if (!pid) return pid.error();
  impl->watch_launcher(*pid);
  impl->control_watch.emplace(loop, ends[0], [raw = impl.get()] { raw->on_control(); });
  return std::unique_ptr<ShimProcess>(new ShimProcess(std::move(impl)));
}

Result<std::unique_ptr<ShimProcess>> ShimProcess::adopt(EventLoop& loop, const ShimFile& file,
                                                        Events events) {
  auto pidfd = open_shim(file);
  if (!pidfd) return pidfd.error();
  auto impl = std::make_unique<Impl>(loop, std::move(events));
  impl->identity = file;
  impl->ready = impl->gate_open = true;
  impl->watch_init(std::move(*pidfd));
  return std::unique_ptr<ShimProcess>(new ShimProcess(std::move(impl)));
}

void ShimProcess::open_gate() {
  impl_->gate_open = true;
  static_cast<void>(send(impl_->control.get(), kShimGo.data(), kShimGo.size(), MSG_NOSIGNAL));
}

void ShimProcess::signal(int number) {
  if (impl_->pidfd && !impl_->ended) pidfd_send_signal(impl_->pidfd.get(), number, nullptr, 0);
  if (impl_->launcher != 0 && number == SIGKILL)
    pidfd_send_signal(impl_->launcher_fd.get(), SIGKILL, nullptr, 0);
}

ShimFile ShimProcess::identity() const {
  return impl_->identity;
}
int ShimProcess::init_fd() const {
  return impl_->ready && !impl_->ended ? impl_->pidfd.get() : -1;
}
pid_t ShimProcess::command_pid() const {
  return impl_->identity.command_pid;
}

}  // namespace sixpn::machine
