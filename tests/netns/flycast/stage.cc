#include "tests/netns/flycast/stage.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/io/run_on.h"
#include "base/io/sockaddr.h"

namespace sixpn::flycast {
namespace {

bool bind_to(int fd, const IpEndpoint& at) {
  sockaddr_in6 address = to_sockaddr(at);
  return bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

template <class Call>
IpEndpoint endpoint_by(Call call, int fd) {
  sockaddr_in6 address{};
  socklen_t length = sizeof address;
  call(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return to_endpoint(address);
}

}  // namespace

RunningHost::RunningHost(std::uint32_t n, const TestCluster& cluster, FlycastOptions limits,
                         FlycastCallbacks callbacks)
    : n_(n), loop_("flycast" + std::to_string(n)) {
  FlycastOptions options = std::move(limits);
  options.self = flycast::host(n);
  // As on a larger machine, so that what loops share is tested everywhere.
  if (options.loops == 0) options.loops = 2;
  options.region = cluster.hosts.at(flycast::host(n)).record.region;
  loop_.start_thread();
  on_loop([&] {
    Lab::instance().host(n).enter();
    service_ = std::make_unique<FlycastService>(loop_, options, std::move(callbacks));
    service_->set_snapshot(cluster.snapshot(n_));  // before the first connection, as the agent does
    auto started = service_->start();
    EXPECT_TRUE(started) << started.error().message;
  });
}

RunningHost::~RunningHost() {
  on_loop([this] { service_.reset(); });
  loop_.stop();
  loop_.join();
}

void RunningHost::set_snapshot(const TestCluster& cluster) {
  on_loop([&] { service_->set_snapshot(cluster.snapshot(n_)); });
}

FlycastStats RunningHost::stats() {
  FlycastStats stats;
  on_loop([&] { stats = service_->stats(); });
  return stats;
}

void RunningHost::stop() {
  on_loop([this] { service_->stop(); });
}

void RunningHost::on_loop(const std::function<void()>& body) {
  run_on(loop_, body);
}

Tcp::Tcp(Fd fd) : fd_(std::move(fd)) {
  timeval patience{kPatienceMs / 1000, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

Tcp Tcp::reset_at_once(Fd fd) {
  Tcp stream(std::move(fd));
  stream.reset_ = true;
  return stream;
}

std::string Tcp::read_exactly(std::size_t size) {
  if (reset_) return {};
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    auto got = recv(fd_.get(), bytes.data() + have, size - have, 0);
    ended_ = got == 0;
    reset_ = got < 0 && errno == ECONNRESET;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

std::string Tcp::read_some() {
  if (reset_) return {};
  std::string bytes(64 * 1024, '\0');
  auto got = recv(fd_.get(), bytes.data(), bytes.size(), 0);
  ended_ = got == 0;
  reset_ = got < 0 && errno == ECONNRESET;
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

std::string Tcp::read_to_end() {
  std::string bytes;
  while (!ended_ && !reset_) {
    std::string more = read_exactly(64 * 1024);
    if (more.empty() && !ended_ && !reset_) break;
    bytes += more;
  }
  return bytes;
}

bool Tcp::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Tcp::write_until_stuck(std::string_view block, std::size_t most) {
  std::string all;
  pollfd wait{fd_.get(), POLLOUT, 0};
  while (all.size() < most && poll(&wait, 1, 500) == 1) {
    auto sent = send(fd_.get(), block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent <= 0) break;
    all.append(block.substr(0, static_cast<std::size_t>(sent)));
  }
  return all;
}

bool Tcp::all_sent() const {
  return eventually([this] {
    int unsent = 0;
    return ioctl(fd_.get(), SIOCOUTQNSD, &unsent) == 0 && unsent == 0;
  });
}

void Tcp::send_fin() {
  shutdown(fd_.get(), SHUT_WR);
}

void Tcp::send_reset() {
  linger option{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &option, sizeof option);
  fd_.close();
}

bool Tcp::sees_fin() const {
  char byte = 0;
  return recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

IpEndpoint Tcp::remote() const {
  return endpoint_by(getpeername, fd_.get());
}

IpEndpoint Tcp::local() const {
  return endpoint_by(getsockname, fd_.get());
}

std::pair<Fd, Fd> make_stream() {
  std::pair<Fd, Fd> ends;
  Lab::instance().host(1).run([&] {
    Fd listener(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_addr = in6addr_loopback;
    auto* address = reinterpret_cast<sockaddr*>(&at);
    socklen_t length = sizeof at;
    ASSERT_EQ(bind(listener.get(), address, length), 0);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    ASSERT_EQ(getsockname(listener.get(), address, &length), 0);
    ends.first = Fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(ends.first.get(), address, length), 0);
    ends.second = Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  });
  return ends;
}

Server::Server(std::uint32_t machine, int backlog) : machine_(machine) {
  Lab& lab = Lab::instance();
  lab.machine(machine).run([&] {
    fd_ = Fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int one = 1;
    setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    EXPECT_TRUE(bind_to(fd_.get(), {lab.address(machine), 8080}));
    EXPECT_EQ(listen(fd_.get(), backlog), 0);
  });
}

Tcp Server::accept() {
  pollfd wait{fd_.get(), POLLIN, 0};
  if (poll(&wait, 1, kPatienceMs) != 1) return {};
  return Tcp(Fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

Tcp dial(const NetNs& from, const IpEndpoint& to, std::optional<Ip6> source) {
  Fd made;
  bool reset = false;
  from.run([&] {
    Fd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (source && !bind_to(fd.get(), {*source, 0})) return;
    sockaddr_in6 address = to_sockaddr(to);
    timeval patience{kPatienceMs / 1000, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      made = std::move(fd);
    else if (errno == ECONNRESET)  // a reset came before this thread ran again: it was connected
      made = std::move(fd), reset = true;
  });
  if (!made) return {};
  return reset ? Tcp::reset_at_once(std::move(made)) : Tcp(std::move(made));
}

Tcp dial_web() {
  return dial(Lab::instance().machine(9), kDialled);
}

std::uint32_t who_accepts(std::vector<Server*> servers, Tcp* accepted) {
  std::vector<pollfd> waits;
  for (Server* server : servers) waits.push_back({server->fd(), POLLIN, 0});
  if (poll(waits.data(), waits.size(), kPatienceMs) < 1) return 0;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (waits[i].revents == 0) continue;
    Tcp taken = servers[i]->accept();
    if (accepted != nullptr) *accepted = std::move(taken);
    return servers[i]->machine();
  }
  return 0;
}

bool eventually(const std::function<bool()>& holds) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // between two polls
  }
  return true;
}

}  // namespace sixpn::flycast
