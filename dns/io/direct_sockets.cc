#include "dns/io/direct_sockets.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/fd.h"
#include "base/io/clock.h"
#include "base/io/sockaddr.h"
#include "dns/core/codes.h"
#include "dns/core/forward.h"
#include "dns/io/random_words.h"
#include "dns/io/upstream_sockets.h"

namespace sixpn::dns {
namespace {

// Sockets that are looked at in one turn; others come in the next.
constexpr int kReady = 32;
// Of ids that are taken already on the socket at hand.
constexpr int kMostDraws = 64;

// Nothing when there is no way to it, or no descriptor.
Fd connect_to(const IpEndpoint& upstream) {
  Fd fd(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  constexpr int kNo = 0;
  setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &kNo, sizeof kNo);
  // As in bind_udp(): a label would be hashed for every query.
  setsockopt(fd.get(), IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, &kNo, sizeof kNo);
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &UpstreamSockets::kReceiveBuffer,
             sizeof UpstreamSockets::kReceiveBuffer);
  sockaddr_in6 address = to_sockaddr(upstream);
  int failed = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return failed == 0 ? std::move(fd) : Fd();
}

std::uint16_t id_of(std::string_view message) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(message[0]) << 8 |
                                    static_cast<unsigned char>(message[1]));
}

struct Socket {
  struct Waiting {
    std::uint16_t id = 0;
    DirectSockets::Token token = 0;
  };

  // Few wait at one socket, UpstreamSockets::kQueriesPerPort at most.
  auto find(std::uint16_t id) {
    return std::find_if(waiting.begin(), waiting.end(),
                        [id](const Waiting& one) { return one.id == id; });
  }
  void remove(std::vector<Waiting>::iterator one) {
    *one = waiting.back();
    waiting.pop_back();
  }

  Fd fd;
  std::uint64_t serial = 0;
  std::size_t upstream = 0;
  Instant born{};
  int sent = 0;
  int strays = 0;
  bool replaced = false;
  bool failed = false;
  std::vector<Waiting> waiting;
  // Ids of questions that were forgotten: a reply to one comes too late, and is no stray. As
  // waiting.
  std::vector<std::uint16_t> forgotten;
};

}  // namespace

struct DirectSockets::Impl {
  struct One {
    IpEndpoint endpoint;
    Instant paused_until{};
    std::array<Socket*, UpstreamSockets::kPorts> ports{};
  };

  Impl(EventLoop& loop, const std::vector<IpEndpoint>& upstreams, Events handlers)
      : events(std::move(handlers)),
        all(upstreams.size()),
        epoll(epoll_create1(EPOLL_CLOEXEC)),
        watch(loop, epoll.get(), [this] { on_ready(); }) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i].endpoint = upstreams[i];
  }

  // ---- sending ----

  bool send(std::size_t upstream, std::string& query, Token token, Instant now, Ticket& ticket) {
    One& one = all[upstream];
    if (now < one.paused_until) return false;
    auto random = random_words.next();
    Socket* socket = port_of(one, upstream, random % UpstreamSockets::kPorts, now);
    if (socket == nullptr) return false;
    auto id = free_id(*socket, static_cast<std::uint16_t>(random >> 16));
    if (!id) return false;
    set_id(query, *id);
    if (::send(socket->fd.get(), query.data(), query.size(), MSG_NOSIGNAL) < 0) {
      // An error of an earlier query, as likely as not: those that wait are told at the next tick.
      socket->failed = errno != EAGAIN && errno != ENOBUFS;
      return false;
    }
    ++socket->sent;
    socket->waiting.push_back({*id, token});
    ticket = {socket->serial, *id};
    return true;
  }

  std::optional<std::uint16_t> free_id(Socket& socket, std::uint16_t drawn) {
    for (int left = kMostDraws; left > 0; --left) {
      bool waits = socket.find(drawn) != socket.waiting.end();
      if (!waits && std::count(socket.forgotten.begin(), socket.forgotten.end(), drawn) == 0)
        return drawn;
      drawn = static_cast<std::uint16_t>(random_words.next());
    }
    return std::nullopt;
  }

  // Null: there is no socket to be had.
  Socket* port_of(One& one, std::size_t upstream, std::size_t place, Instant now) {
    Socket*& port = one.ports[place];
    if (port != nullptr && is_worn(*port, now)) {
      port->replaced = true;
      std::exchange(port, nullptr);
    }
    if (port == nullptr) port = open(one.endpoint, upstream, now);
    return port;
  }

  static bool is_worn(const Socket& socket, Instant now) {
    return socket.failed || socket.sent >= UpstreamSockets::kQueriesPerPort ||
           now - socket.born >= UpstreamSockets::kPortAge;
  }

  Socket* open(const IpEndpoint& endpoint, std::size_t upstream, Instant now) {
    auto socket = std::make_unique<Socket>();
    socket->fd = connect_to(endpoint);
    if (!socket->fd) return nullptr;
    socket->serial = ++last_serial;
    socket->upstream = upstream;
    socket->born = now;
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u64 = socket->serial;
    if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket->fd.get(), &wanted) != 0) return nullptr;
    return (sockets[socket->serial] = std::move(socket)).get();
  }

  // ---- what comes ----

  void on_ready() {
    std::array<epoll_event, kReady> ready{};
    int count = epoll_wait(epoll.get(), ready.data(), kReady, 0);
    int left = UpstreamSockets::kReadsPerTurn;
    for (int i = 0; i < count && left > 0; ++i) {
      auto found = sockets.find(ready[static_cast<std::size_t>(i)].data.u64);
      if (found != sockets.end()) left -= read(*found->second, left);
    }
    events.after_turn();
  }

  // As many as may be answers, in one call; what else there is comes in another turn. How many
  // came.
  int read(Socket& socket, int left) {
    auto most = std::clamp<std::size_t>(socket.waiting.size(), 1, UpstreamDatagrams::kBatch);
    most = std::min(most, static_cast<std::size_t>(left));
    int got = recvmmsg(socket.fd.get(), datagrams.messages.data(), static_cast<unsigned>(most),
                       MSG_DONTWAIT, nullptr);
    if (got < 0) {
      bool failed = errno != EAGAIN && errno != EINTR;
      if (failed) lose(socket, Lost::kFailed);
      return 1;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      const iovec& part = datagrams.parts[i];
      if (take(socket, {static_cast<const char*>(part.iov_base), datagrams.messages[i].msg_len}))
        continue;
      ++stray_count;
      ++socket.strays;
    }
    if (socket.strays >= kMostStrays) {
      all[socket.upstream].paused_until = monotonic_now() + kFloodPause;
      lose(socket, Lost::kFlooded);
    } else if (socket.replaced && socket.waiting.empty()) {
      close(socket);
    }
    return got;
  }

  bool take(Socket& socket, std::string_view message) {
    if (message.size() < kHeaderBytes) return false;
    auto id = id_of(message);
    auto found = socket.find(id);
    if (found == socket.waiting.end()) return std::erase(socket.forgotten, id) > 0;
    if (!events.on_reply(found->token, message)) return false;
    socket.remove(socket.find(id));  // others may wait since
    return true;
  }

  // ---- ends ----

  void lose(Socket& socket, Lost why) {
    auto lost = std::exchange(socket.waiting, {});
    close(socket);
    for (const auto& one : lost) events.on_lost(one.token, why);
  }

  void close(Socket& socket) {
    for (auto& port : all[socket.upstream].ports)
      if (port == &socket) port = nullptr;
    sockets.erase(socket.serial);
  }

  void forget(const Ticket& ticket) {
    auto found = sockets.find(ticket.socket);
    if (found == sockets.end()) return;
    auto waiting = found->second->find(ticket.id);
    if (waiting == found->second->waiting.end()) return;
    found->second->remove(waiting);
    found->second->forgotten.push_back(ticket.id);
  }

  void on_tick() {
    std::vector<Socket*> over;
    for (const auto& [serial, socket] : sockets)
      if (socket->failed || (socket->replaced && socket->waiting.empty()))
        over.push_back(socket.get());
    for (Socket* socket : over) lose(*socket, Lost::kFailed);
  }

  Events events;
  std::vector<One> all;
  RandomWords random_words;
  UpstreamDatagrams datagrams;
  std::uint64_t last_serial = 0, stray_count = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Socket>> sockets;  // by serial
  Fd epoll;       // all sockets: the loop watches this one descriptor
  FdWatch watch;  // last: it calls into the rest
};

DirectSockets::DirectSockets(EventLoop& loop, const std::vector<IpEndpoint>& upstreams,
                             Events events)
    : impl_(std::make_unique<Impl>(loop, upstreams, std::move(events))) {}

DirectSockets::~DirectSockets() = default;

bool DirectSockets::send(std::size_t upstream, std::string& query, Token token, Instant now,
                         Ticket& ticket) {
  return impl_->send(upstream, query, token, now, ticket);
}

void DirectSockets::forget(const Ticket& ticket) {
  impl_->forget(ticket);
}

void DirectSockets::on_tick() {
  impl_->on_tick();
}

std::uint64_t DirectSockets::strays() const {
  return impl_->stray_count;
}

}  // namespace sixpn::dns
