#include "dns/io/upstream_pool.h"

#include <ares.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/io/clock.h"
#include "base/log.h"
#include "dns/core/codes.h"
#include "dns/io/upstream_sockets.h"

namespace sixpn::dns {

namespace {

constexpr const char* kRoom = "dns";
// Sockets that are looked at in one turn; others come in the next.
constexpr int kReady = 64;

void init_library() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  static_cast<void>(status);
}

ares_addr_port_node to_node(const IpEndpoint& upstream) {
  ares_addr_port_node node{};
  node.udp_port = node.tcp_port = upstream.port;
  const auto& bytes = upstream.ip.bytes;
  node.family = upstream.ip.is_v4_mapped() ? AF_INET : AF_INET6;
  if (node.family == AF_INET)
    std::memcpy(&node.addr.addr4, bytes.data() + 12, 4);
  else
    std::memcpy(&node.addr.addr6, bytes.data(), bytes.size());
  return node;
}

// Datagrams of one socket, read with one system call: c-ares asks for one at a time, until there is
// none.
struct Datagrams {
  static constexpr auto kBatch = UpstreamDatagrams::kBatch;

  Datagrams() {
    for (std::size_t i = 0; i < kBatch; ++i) batch.messages[i].msg_hdr.msg_name = &from[i];
  }

  // Of the socket that is looked at next.
  void begin() {
    count = next = 0;
    left = UpstreamSockets::kReadsPerTurn;
    drained = false;
  }

  // False: there is none, or it is others' turn; errno says so.
  bool fill(int fd) {
    if (drained || left <= 0) {
      errno = EAGAIN;
      return false;
    }
    for (auto& message : batch.messages) message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    int got = recvmmsg(fd, batch.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (got <= 0) return false;
    next = 0;
    count = got;
    left -= got;
    drained = got < static_cast<int>(kBatch);
    return true;
  }

  ares_ssize_t take(int fd, void* out, std::size_t room, sockaddr* whence, ares_socklen_t* size) {
    if (next == count && !fill(fd)) return -1;
    auto place = static_cast<std::size_t>(next++);
    std::size_t taken = std::min<std::size_t>(batch.messages[place].msg_len, room);
    std::memcpy(out, batch.parts[place].iov_base, taken);
    ares_socklen_t named = std::min(*size, batch.messages[place].msg_hdr.msg_namelen);
    std::memcpy(whence, &from[place], named);
    *size = named;
    return static_cast<ares_ssize_t>(taken);
  }

  UpstreamDatagrams batch;
  std::array<sockaddr_storage, kBatch> from{};
  int count = 0, next = 0, left = 0;
  bool drained = false;
};

struct Channel;

// One query with c-ares, which holds a pointer to it until it calls back.
struct Attempt {
  Channel* channel = nullptr;
  std::uint64_t number = 0;
};

// What the channels of a pool share.
struct Shared {
  Fd epoll{epoll_create1(EPOLL_CLOEXEC)};  // all sockets: the loop watches this one descriptor
  std::map<int, Channel*> sockets;         // and whose they are
  Datagrams datagrams;
  std::vector<UpstreamPool::Ended> ended;
};

// One c-ares channel. Whatever happens inside a call of c-ares is only noted; the pool looks at it
// when the call is over, because a channel must not be destroyed, nor should anything else of ours
// run, while c-ares is on the stack.
struct Channel {
  Channel(const IpEndpoint& upstream, std::chrono::milliseconds timeout, UpstreamWay chosen_way,
          Shared& with)
      : way(chosen_way), shared(with), born(monotonic_now()) {
    init_library();
    ares_options options{};
    // With every option given c-ares reads no configuration file and no environment.
    in_addr placeholder{};
    char lookups[] = "b";
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
    if (way != UpstreamWay::kUdpWithoutEdns) options.flags |= ARES_FLAG_EDNS;
    options.flags |= way == UpstreamWay::kTcp ? ARES_FLAG_USEVC : ARES_FLAG_STAYOPEN;
    options.timeout = static_cast<int>(timeout.count());
    options.tries = 1;
    options.ndots = 1;
    options.ednspsz = static_cast<int>(kMaxUdpBytes);
    options.servers = &placeholder;  // replaced below
    options.nservers = 1;
    options.lookups = lookups;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
      static_cast<Channel*>(self)->on_state(fd, read != 0, write != 0);
    };
    options.sock_state_cb_data = this;
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
               ARES_OPT_EDNSPSZ | ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    auto node = to_node(upstream);
    int status = ares_init_options(&channel, &options, mask);
    if (status == ARES_SUCCESS) status = ares_set_servers_ports(channel, &node);
    if (status != ARES_SUCCESS) {
      log::warn(kRoom, "cannot set up forwarding to {}: {}", to_string(upstream),
                ares_strerror(status));
      channel = nullptr;
      return;
    }
    static const ares_socket_functions kFunctions = {open_socket, close_socket, connect_socket,
                                                     receive, send_parts};
    ares_set_socket_functions(channel, &kFunctions, this);
  }

  ~Channel() {
    closing = true;
    if (channel != nullptr)
      ares_destroy(channel);  // calls back for every query, closes all sockets
  }

  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void send(std::uint64_t number, std::string_view query) {
    ++sent;
    ++in_flight;
    auto* attempt = new Attempt{this, number};
    if (channel == nullptr) return on_end(attempt, ARES_ENOTINITIALIZED, 0, nullptr, 0);
    ares_send(channel, reinterpret_cast<const unsigned char*>(query.data()),
              static_cast<int>(query.size()), on_end, attempt);
  }

  // Ends all that wait. c-ares is not on the stack.
  void fail() {
    failed = false;
    if (channel != nullptr) ares_cancel(channel);
  }

  void process(int read, int write) {
    shared.datagrams.begin();
    stream_reads_left = UpstreamSockets::kReadsPerTurn;
    ares_process_fd(channel, read, write);
  }

  static void on_end(void* argument, int status, int, unsigned char* bytes, int size) {
    std::unique_ptr<Attempt> attempt(static_cast<Attempt*>(argument));
    Channel& self = *attempt->channel;
    --self.in_flight;
    if (self.closing) return;
    UpstreamPool::Ended ended{attempt->number, status == ARES_SUCCESS && size > 0, {}};
    if (ended.answered)
      ended.reply.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    self.shared.ended.push_back(std::move(ended));
  }

  // ---- sockets ----

  static ares_socket_t open_socket(int family, int type, int, void* self) {
    Fd fd(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return ARES_SOCKET_BAD;
    if (type == SOCK_DGRAM)
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &UpstreamSockets::kReceiveBuffer,
                 sizeof UpstreamSockets::kReceiveBuffer);
    auto& channel = *static_cast<Channel*>(self);
    int number = fd.release();
    channel.shared.sockets[number] = &channel;
    epoll_event nothing{};
    nothing.data.fd = number;
    epoll_ctl(channel.shared.epoll.get(), EPOLL_CTL_ADD, number, &nothing);
    return number;
  }

  static int close_socket(ares_socket_t fd, void* self) {
    static_cast<Channel*>(self)->shared.sockets.erase(fd);
    return close(fd);  // and out of the epoll
  }

  static int connect_socket(ares_socket_t fd, const sockaddr* address, ares_socklen_t size, void*) {
    return connect(fd, address, size);
  }

  static ares_ssize_t receive(ares_socket_t fd, void* out, std::size_t room, int flags,
                              sockaddr* from, ares_socklen_t* size, void* self) {
    auto& channel = *static_cast<Channel*>(self);
    // Only of datagrams c-ares wants to know the sender.
    if (from != nullptr) return channel.shared.datagrams.take(fd, out, room, from, size);
    if (--channel.stream_reads_left < 0) {
      errno = EAGAIN;
      return -1;
    }
    return recv(fd, out, room, flags);
  }

  // A datagram's error is as likely as not that of an earlier one (ip(7): ECONNREFUSED), which
  // nobody will be told again: all that wait here have failed, and c-ares only ends this one.
  static ares_ssize_t send_parts(ares_socket_t fd, const iovec* parts, int count, void* self) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = static_cast<std::size_t>(count);
    auto sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    auto& channel = *static_cast<Channel*>(self);
    bool failed = sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS;
    if (failed && channel.way != UpstreamWay::kTcp) channel.failed = true;
    return sent;
  }

  void on_state(int fd, bool read, bool write) const {
    if (!shared.sockets.contains(fd)) return;
    epoll_event wanted{};
    wanted.events = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
    wanted.data.fd = fd;
    epoll_ctl(shared.epoll.get(), EPOLL_CTL_MOD, fd, &wanted);
  }

  UpstreamWay way;
  Shared& shared;
  Instant born;
  ares_channel channel = nullptr;
  int sent = 0;
  int in_flight = 0;
  int stream_reads_left = 0;
  bool closing = false;
  bool failed = false;  // what waits for an answer has lost it
};

}  // namespace

struct UpstreamPool::Impl {
  Impl(EventLoop& on, IpEndpoint whom, std::chrono::milliseconds one_try, OnEnd handler)
      : loop(on),
        upstream(whom),
        timeout(one_try),
        on_end(std::move(handler)),
        watch(on, shared.epoll.get(), [this] { on_ready(); }) {}

  void send(std::uint64_t attempt, std::string_view query, UpstreamWay way, std::size_t draw) {
    channel_for(way, draw).send(attempt, query);
    // An error may have ended it at once: told later, the caller is on the stack.
    if (!shared.ended.empty() && !std::exchange(settling, true))
      loop.post([this, weak = std::weak_ptr(alive)] {
        if (weak.expired()) return;
        settling = false;
        settle();
      });
  }

  Channel& channel_for(UpstreamWay way, std::size_t draw) {
    auto& ports = channels[static_cast<std::size_t>(way)];
    std::size_t count = way == UpstreamWay::kTcp ? 1 : UpstreamSockets::kPorts;
    if (ports.empty()) ports.resize(count);
    auto& chosen = ports[draw % count];
    if (chosen && chosen->way != UpstreamWay::kTcp && is_worn(*chosen))
      retired.push_back(std::move(chosen));
    if (!chosen) chosen = std::make_unique<Channel>(upstream, timeout, way, shared);
    return *chosen;
  }

  void renew(UpstreamWay way) {
    for (auto& channel : channels[static_cast<std::size_t>(way)])
      if (channel) retired.push_back(std::move(channel));
  }

  static bool is_worn(const Channel& channel) {
    return channel.sent >= UpstreamSockets::kQueriesPerPort ||
           monotonic_now() - channel.born >= UpstreamSockets::kPortAge;
  }

  void on_ready() {
    std::array<epoll_event, kReady> ready{};
    int count = epoll_wait(shared.epoll.get(), ready.data(), kReady, 0);
    for (int i = 0; i < count; ++i) {
      const auto& event = ready[static_cast<std::size_t>(i)];
      auto found = shared.sockets.find(event.data.fd);  // an earlier one may have closed it
      if (found == shared.sockets.end()) continue;
      bool write = (event.events & EPOLLOUT) != 0;
      bool read = (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
      found->second->process(read ? event.data.fd : ARES_SOCKET_BAD,
                             write ? event.data.fd : ARES_SOCKET_BAD);
    }
    settle();
  }

  // c-ares is not on the stack.
  void settle() {
    for_each_channel([](Channel& channel) {
      if (channel.failed) channel.fail();
    });
    while (!shared.ended.empty()) {
      auto ended = std::exchange(shared.ended, {});
      for (auto& each : ended) on_end(std::move(each));
    }
  }

  template <class F>
  void for_each_channel(F visit) const {
    for (const auto& ports : channels)
      for (const auto& channel : ports)
        if (channel) visit(*channel);
    for (const auto& channel : retired) visit(*channel);
  }

  void on_tick() {
    for_each_channel([](Channel& channel) {
      if (channel.in_flight > 0) channel.process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    });
    settle();
    std::erase_if(retired, [](const auto& channel) { return channel->in_flight == 0; });
  }

  EventLoop& loop;
  IpEndpoint upstream;
  std::chrono::milliseconds timeout;
  OnEnd on_end;
  Shared shared;
  bool settling = false;
  std::array<std::vector<std::unique_ptr<Channel>>, 3> channels;  // by way
  std::vector<std::unique_ptr<Channel>> retired;                  // with queries in flight
  std::shared_ptr<int> alive = std::make_shared<int>(0);
  FdWatch watch;  // last: it calls into the rest
};

UpstreamPool::UpstreamPool(EventLoop& loop, IpEndpoint upstream, std::chrono::milliseconds timeout,
                           OnEnd on_end)
    : impl_(std::make_unique<Impl>(loop, upstream, timeout, std::move(on_end))) {}

UpstreamPool::~UpstreamPool() = default;

void UpstreamPool::send(std::uint64_t attempt, std::string_view query, UpstreamWay way,
                        std::size_t draw) {
  impl_->send(attempt, query, way, draw);
}

void UpstreamPool::renew(UpstreamWay way) {
  impl_->renew(way);
}

void UpstreamPool::on_tick() {
  impl_->on_tick();
}

std::size_t UpstreamPool::in_flight() const {
  std::size_t count = 0;
  impl_->for_each_channel(
      [&](const Channel& channel) { count += static_cast<std::size_t>(channel.in_flight); });
  return count;
}

std::size_t UpstreamPool::open_sockets() const {
  return impl_->shared.sockets.size();
}

}  // namespace sixpn::dns
