#include "tests/netns/mesh/netns.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include <sstream>
#include <stdexcept>
#include <thread>

#include "base/io/clock.h"
#include "mesh/io/child_process.h"

namespace sixpn::mesh {
namespace {

constexpr Duration kProgramLimit = std::chrono::seconds(60);

sockaddr_in6 to_sockaddr(const IpEndpoint& endpoint) {
  sockaddr_in6 out{.sin6_family = AF_INET6, .sin6_port = htons(endpoint.port)};
  memcpy(&out.sin6_addr, endpoint.ip.bytes.data(), endpoint.ip.bytes.size());
  return out;
}

IpEndpoint to_endpoint(const sockaddr_in6& in) {
  IpEndpoint out{{}, ntohs(in.sin6_port)};
  memcpy(out.ip.bytes.data(), &in.sin6_addr, out.ip.bytes.size());
  return out;
}

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + strerror(errno));
}

// Made inside the namespace; a failure is rethrown on the caller's thread.
Fd bound_socket(const NetNs& netns, int type, const IpEndpoint& local, Transparent how) {
  Fd socket;
  int failed = 0;
  netns.run([&] {
    socket = Fd(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
    int on = 1;
    setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (how == Transparent::kYes)
      setsockopt(socket.get(), IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof on);
    sockaddr_in6 address = to_sockaddr(local);
    if (bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
      failed = errno;
  });
  errno = failed;
  if (failed != 0) fail("binding " + to_string(local));
  return socket;
}

bool readable(const Fd& socket, Duration limit) {
  pollfd waiting{socket.get(), POLLIN, 0};
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return poll(&waiting, 1, static_cast<int>(ms)) == 1;
}

}  // namespace

NetNs::NetNs() {
  int failed = 0;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) < 0) {
      failed = errno;
      return;
    }
    fd_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  errno = failed;
  if (!fd_) fail("making a network namespace");
  must("ip link set lo up");
}

void NetNs::run(const std::function<void()>& body) const {
  std::thread([&] {
    enter();
    body();
  }).join();
}

void NetNs::enter() const {
  if (setns(fd_.get(), CLONE_NEWNET) < 0) std::abort();
}

std::string NetNs::path() const {
  return "/proc/self/fd/" + std::to_string(fd_.get());
}

int NetNs::exec(const std::vector<std::string>& argv, std::string* out) const {
  int code = -1;
  run([&] {
    auto output = run_program(argv, {}, kProgramLimit);
    if (!output) return;
    code = output->exit_code;
    if (out != nullptr) *out = output->out + output->err;
  });
  return code;
}

void NetNs::must(const std::string& words) const {
  std::istringstream in(words);
  std::vector<std::string> argv;
  for (std::string word; in >> word;) argv.push_back(word);
  std::string out;
  if (exec(argv, &out) != 0) throw std::runtime_error(words + ": " + out);
}

bool NetNs::can_ping(const Ip6& target) const {
  return exec({"ping", "-6", "-n", "-q", "-c", "1", "-W", "1", to_string(target)}) == 0;
}

Fd udp_socket(const NetNs& netns, const IpEndpoint& local, Transparent how) {
  return bound_socket(netns, SOCK_DGRAM, local, how);
}

void send_to(const Fd& socket, const IpEndpoint& target, const std::string& text) {
  sockaddr_in6 address = to_sockaddr(target);
  if (sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&address),
             sizeof address) < 0)
    fail("sending to " + to_string(target));
}

std::optional<Datagram> receive(const Fd& socket, Duration limit) {
  if (!readable(socket, limit)) return std::nullopt;
  char text[2048];
  sockaddr_in6 source{};
  socklen_t size = sizeof source;
  ssize_t got =
      recvfrom(socket.get(), text, sizeof text, 0, reinterpret_cast<sockaddr*>(&source), &size);
  if (got < 0) return std::nullopt;
  return Datagram{std::string(text, static_cast<std::size_t>(got)), to_endpoint(source)};
}

Fd tcp_listener(const NetNs& netns, const IpEndpoint& local, Transparent how) {
  Fd socket = bound_socket(netns, SOCK_STREAM, local, how);
  if (listen(socket.get(), 16) < 0) fail("listening on " + to_string(local));
  return socket;
}

Fd tcp_connect(const NetNs& netns, const IpEndpoint& local, const IpEndpoint& target, int& error,
               Transparent how) {
  Fd socket = bound_socket(netns, SOCK_STREAM | SOCK_NONBLOCK, local, how);
  sockaddr_in6 address = to_sockaddr(target);
  connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  pollfd waiting{socket.get(), POLLOUT, 0};
  error = ETIMEDOUT;
  socklen_t size = sizeof error;
  if (poll(&waiting, 1, 2000) == 1) getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return {};
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  return socket;
}

Fd accept_one(const Fd& listener) {
  if (!readable(listener, std::chrono::seconds(2))) return {};
  return Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

IpEndpoint local_of(const Fd& socket) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return to_endpoint(address);
}

IpEndpoint remote_of(const Fd& socket) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  getpeername(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return to_endpoint(address);
}

bool passes(const Fd& from, const Fd& to, const std::string& text) {
  if (!from || !to) return false;
  if (send(from.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return false;
  if (!readable(to, std::chrono::seconds(2))) return false;
  char got[256];
  ssize_t size = recv(to.get(), got, sizeof got, 0);
  return size >= 0 && std::string(got, static_cast<std::size_t>(size)) == text;
}

}  // namespace sixpn::mesh
