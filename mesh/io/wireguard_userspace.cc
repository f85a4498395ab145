#include "mesh/io/wireguard_userspace.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "mesh/core/uapi.h"
#include "mesh/io/child_process.h"
#include "mesh/io/wireguard_backend.h"

namespace sixpn::mesh {
namespace {

constexpr const char* kProgram = "wireguard-go";
// 10,000 peers take the oldest build in use 2 s.
constexpr Duration kStartLimit = std::chrono::seconds(10);
constexpr timeval kSocketLimit{5, 0};

std::string socket_path(const std::string& interface) {
  return "/var/run/wireguard/" + interface + ".sock";
}

void wipe(std::string& text) {
  explicit_bzero(text.data(), text.size());
}

Result<Fd> connect_control(const std::string& interface) {
  sockaddr_un address{.sun_family = AF_UNIX};
  std::string path = socket_path(interface);
  if (path.size() >= sizeof address.sun_path) return Error("interface name too long: " + interface);
  path.copy(address.sun_path, path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno("opening a unix socket");
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kSocketLimit, sizeof kSocketLimit);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kSocketLimit, sizeof kSocketLimit);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return Error::from_errno("wireguard-go's control socket " + path);
  return socket;
}

Result<void> send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    ssize_t sent = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Error::from_errno("asking wireguard-go");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> receive_reply(int socket) {
  std::string reply;
  char chunk[16 * 1024];
  while (!is_complete_uapi_reply(reply)) {
    ssize_t got = recv(socket, chunk, sizeof chunk, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("waiting for wireguard-go's answer");
    if (got == 0) return Error("wireguard-go closed its control socket");
    reply.append(chunk, static_cast<std::size_t>(got));
    explicit_bzero(chunk, static_cast<std::size_t>(got));
    if (reply.size() > kMaxUapiReply) return Error("wireguard-go's answer is too long");
  }
  return reply;
}

Result<std::string> ask(const std::string& interface, std::string_view request) {
  auto socket = connect_control(interface);
  if (!socket) return std::move(socket).error();
  if (auto sent = send_all(socket->get(), request); !sent) return std::move(sent).error();
  return receive_reply(socket->get());
}

// Its last line of standard error is the reason; a banner comes before it.
std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  auto newline = text.rfind('\n');
  return newline == std::string::npos ? text : text.substr(newline + 1);
}

Error not_installed() {
  return Error(
      "wireguard-go is not installed (Debian package wireguard-go), and this kernel has no "
      "WireGuard",
      ENOENT);
}

bool is_in_path(const std::string& program) {
  const char* path = getenv("PATH");
  std::string_view folders = path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin";
  while (!folders.empty()) {
    auto colon = folders.find(':');
    std::string folder(folders.substr(0, colon));
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
    folders.remove_prefix(colon == std::string_view::npos ? folders.size() : colon + 1);
  }
  return false;
}

Result<void> check_tun() {
  Fd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (tun) return {};
  if (errno == ENOENT || errno == ENODEV)
    return Error(
        "there is no /dev/net/tun, which userspace WireGuard needs: load the tun module, or "
        "give the device to this container",
        errno);
  return Error::from_errno("/dev/net/tun, which userspace WireGuard needs");
}

class UserspaceBackend : public WireguardBackend {
 public:
  explicit UserspaceBackend(std::string interface) : interface_(std::move(interface)) {}

  [[nodiscard]] std::string_view name() const override { return "userspace"; }

  [[nodiscard]] std::unique_ptr<WireguardBackend> for_interface(
      const std::string& interface) const override {
    return make_userspace_backend(interface);
  }

  Result<void> create_device() override {
    if (auto usable = check_userspace(interface_); !usable) return usable;
    // The first process makes device and socket, starts the daemon and ends.
    auto started = run_program({kProgram, interface_}, {}, kStartLimit);
    if (!started && started.error().code == ENOENT) return not_installed();
    if (!started) return std::move(started).error();
    if (started->exit_code != 0)
      return Error("wireguard-go did not start: " + last_line(started->err));
    return {};
  }

  Result<WireguardState> get() override {
    auto reply = ask(interface_, kUapiGet);
    if (!reply) return std::move(reply).error();
    auto state = parse_uapi_get(*reply);
    wipe(*reply);
    return state;
  }

  Result<void> configure(const ConfigureDevice& change) override {
    std::string request = encode_uapi(change);
    auto done = set(request);
    wipe(request);
    return done;
  }

  Result<void> apply(std::span<const PeerStep> steps) override { return set(encode_uapi(steps)); }

 private:
  Result<void> set(const std::string& request) {
    auto reply = ask(interface_, request);
    if (!reply) return std::move(reply).error();
    return parse_uapi_set(*reply);
  }

  std::string interface_;
};

}  // namespace

bool userspace_answers(const std::string& interface) {
  return connect_control(interface).has_value();
}

Result<void> check_userspace(const std::string& interface) {
  if (auto usable = check_tun(); !usable) return usable;
  if (!is_in_path(kProgram)) return not_installed();
  if (userspace_answers(interface))
    return Error("a wireguard-go named " + interface +
                 " runs in another network namespace: choose another name (wireguard.interface)");
  return {};
}

std::unique_ptr<WireguardBackend> make_userspace_backend(const std::string& interface) {
  return std::make_unique<UserspaceBackend>(interface);
}

}  // namespace sixpn::mesh
