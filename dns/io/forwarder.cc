#include "dns/io/forwarder.h"

#include <ares.h>
#include <netinet/in.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/io/clock.h"
#include "dns/core/forward.h"
#include "dns/core/render.h"
#include "registry/core/keys.h"

namespace sixpn::dns {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// c-ares needs to be told that time passes; only while queries are in flight.
constexpr Duration kTick = std::chrono::milliseconds(50);

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

// The code for a client whose query failed without a usable reply.
Rcode rcode_of(int status) {
  switch (status) {
    case ARES_EREFUSED:
      return Rcode::kRefused;
    case ARES_ENOTIMP:
      return Rcode::kNotImp;
    default:
      return Rcode::kServFail;
  }
}

}  // namespace

// A descriptor of c-ares under asio's watch. c-ares closes it: asio must have released it before.
struct WatchedSocket : std::enable_shared_from_this<WatchedSocket> {
  WatchedSocket(EventLoop& loop, ares_channel to, int fd)
      : channel(to), descriptor(loop.context(), fd) {}

  void want(bool read, bool write) {
    want_read = read;
    want_write = write;
    arm();
  }

  void release() {
    released = true;
    static_cast<void>(descriptor.release());  // also cancels the waits
  }

  void arm() {
    using Wait = asio::posix::stream_descriptor;
    if (want_read && !waiting_read) {
      waiting_read = true;
      descriptor.async_wait(Wait::wait_read, [self = shared_from_this()](error_code failed) {
        self->waiting_read = false;
        if (failed || self->released) return;
        ares_process_fd(self->channel, self->descriptor.native_handle(), ARES_SOCKET_BAD);
        if (!self->released) self->arm();
      });
    }
    if (want_write && !waiting_write) {
      waiting_write = true;
      descriptor.async_wait(Wait::wait_write, [self = shared_from_this()](error_code failed) {
        self->waiting_write = false;
        if (failed || self->released) return;
        ares_process_fd(self->channel, ARES_SOCKET_BAD, self->descriptor.native_handle());
        if (!self->released) self->arm();
      });
    }
  }

  ares_channel channel;
  asio::posix::stream_descriptor descriptor;
  bool want_read = false, want_write = false;
  bool waiting_read = false, waiting_write = false;
  bool released = false;
};

struct Forwarder::Impl {
  // One query with c-ares, which holds a pointer to it until it calls back.
  struct Exchange {
    Impl* forwarder = nullptr;
    Query query;
    Ip6 client;
    std::size_t limit = 0;
    Done done;  // empty once the client has its reply
    std::uint16_t id = 0;
    UpstreamEdns edns = UpstreamEdns::kWith;
    Instant deadline{};
  };

  Impl(EventLoop& on, ForwardLimits bounds)
      : loop(on), limits(bounds), tick(on, [this] { on_tick(); }) {}

  ~Impl() {
    closing = true;
    if (channel != nullptr) ares_destroy(channel);  // calls back for every exchange
  }

  Result<void> open(const std::vector<IpEndpoint>& upstreams) {
    init_library();
    ares_options options{};
    // With every option given c-ares reads no configuration file and no environment.
    in_addr placeholder{};
    char lookups[] = "b";
    options.flags = ARES_FLAG_EDNS | ARES_FLAG_STAYOPEN | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    options.timeout = static_cast<int>(limits.timeout.count());
    options.tries = limits.tries;
    options.ndots = 1;
    options.ednspsz = static_cast<int>(kMaxUdpBytes);
    options.servers = &placeholder;  // replaced below
    options.nservers = 1;
    options.lookups = lookups;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
      static_cast<Impl*>(self)->on_socket(fd, read != 0, write != 0);
    };
    options.sock_state_cb_data = this;
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
               ARES_OPT_EDNSPSZ | ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&channel, &options, mask);
    if (status == ARES_SUCCESS) status = set_servers(upstreams);
    if (status == ARES_SUCCESS) return {};
    return Error(std::string("cannot set up forwarding: ") + ares_strerror(status));
  }

  int set_servers(const std::vector<IpEndpoint>& upstreams) {
    std::vector<ares_addr_port_node> nodes;
    nodes.reserve(upstreams.size());
    for (const auto& upstream : upstreams) nodes.push_back(to_node(upstream));
    for (std::size_t i = 1; i < nodes.size(); ++i) nodes[i - 1].next = &nodes[i];
    has_upstream = !nodes.empty();
    return has_upstream ? ares_set_servers_ports(channel, nodes.data()) : ARES_SUCCESS;
  }

  // ---- c-ares' sockets and time
  // --------------------------------------------------------------------

  void on_socket(int fd, bool read, bool write) {
    auto found = sockets.find(fd);
    if (!read && !write) {
      if (found == sockets.end()) return;
      found->second->release();
      sockets.erase(found);
      return;
    }
    if (found == sockets.end())
      found = sockets.emplace(fd, std::make_shared<WatchedSocket>(loop, channel, fd)).first;
    found->second->want(read, write);
  }

  void on_tick() {
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    auto now = monotonic_now();
    for (auto& [id, exchange] : exchanges)
      if (exchange->done && now >= exchange->deadline) fail(*exchange, Rcode::kServFail);
    if (!exchanges.empty()) tick.arm_after(kTick);
  }

  // ---- queries
  // -------------------------------------------------------------------------------------

  void forward(Query query, const Ip6& client, std::size_t limit, Done done) {
    auto exchange = std::make_unique<Exchange>();
    exchange->forwarder = this;
    exchange->query = std::move(query);
    exchange->client = client;
    exchange->limit = limit;
    exchange->done = std::move(done);
    auto of_client = per_client.find(client);
    bool over_budget =
        exchanges.size() >= limits.in_flight ||
        (of_client != per_client.end() && of_client->second >= limits.in_flight_per_client);
    if (!has_upstream)
      return fail(*exchange, Rcode::kServFail, "no upstream resolver is configured");
    if (over_budget) {
      ++counters.rejected;
      return reply_error(*exchange, Rcode::kServFail, "too many queries are being forwarded");
    }
    ++counters.forwarded;
    exchange->id = unused_id();
    exchange->deadline = monotonic_now() + limits.deadline;
    if (exchanges.empty()) tick.arm_after(kTick);
    ++per_client[client];
    auto& kept = *exchange;
    exchanges.emplace(kept.id, std::move(exchange));
    send(kept);
  }

  // Random, from the kernel's generator, and of no other query in flight: c-ares matches replies by
  // id and question.
  [[nodiscard]] std::uint16_t unused_id() const {
    for (;;) {
      auto id = static_cast<std::uint16_t>(random_u64());
      if (!exchanges.contains(id)) return id;
    }
  }

  // May call back, and so destroy the exchange, before it returns.
  void send(Exchange& exchange) {
    auto bytes = make_upstream_query(exchange.query, exchange.id, exchange.edns);
    ares_send(channel, reinterpret_cast<const unsigned char*>(bytes.data()),
              static_cast<int>(bytes.size()), on_reply, &exchange);
  }

  static void on_reply(void* argument, int status, int, unsigned char* bytes, int size) {
    auto& exchange = *static_cast<Exchange*>(argument);
    std::string_view reply;
    if (status == ARES_SUCCESS)
      reply = {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
    exchange.forwarder->settle(exchange, status, reply);
  }

  void settle(Exchange& exchange, int status, std::string_view reply) {
    if (closing) return;
    std::optional<UpstreamReply> adapted;
    if (!reply.empty()) adapted = adapt_upstream_reply(exchange.query, reply, exchange.limit);
    // An upstream from before EDNS (RFC 6891 section 7): ask again without.
    bool knows_no_edns = adapted && !adapted->had_edns &&
                         adapted->rcode == static_cast<std::uint8_t>(Rcode::kFormErr);
    if (knows_no_edns && exchange.done && exchange.edns == UpstreamEdns::kWith) {
      exchange.edns = UpstreamEdns::kWithout;
      return send(exchange);
    }
    if (exchange.done && adapted) {
      ++counters.answered;
      deliver(exchange, std::move(adapted->message));
    } else if (exchange.done) {
      fail(exchange, rcode_of(status));
    }
    forget(exchange);
  }

  void forget(Exchange& exchange) {
    auto of_client = per_client.find(exchange.client);
    if (--of_client->second == 0) per_client.erase(of_client);
    exchanges.erase(exchange.id);
  }

  void fail(Exchange& exchange, Rcode rcode, const char* why = "no upstream resolver answered") {
    ++counters.failed;
    reply_error(exchange, rcode, why);
  }

  void reply_error(Exchange& exchange, Rcode rcode, const char* why) {
    ExtendedError error{ExtendedErrorCode::kNoReachableAuthority, why};
    deliver(exchange, render_error(exchange.query, rcode, error));
  }

  // Posted: a client's session may ask the next thing from within, and c-ares is on the stack.
  void deliver(Exchange& exchange, std::string reply) {
    auto done = std::exchange(exchange.done, nullptr);
    loop.post([done = std::move(done), reply = std::move(reply)] { done(reply); });
  }

  EventLoop& loop;
  ForwardLimits limits;
  ForwardCounters counters;
  std::unordered_map<std::uint16_t, std::unique_ptr<Exchange>> exchanges;  // by upstream id
  std::map<Ip6, std::size_t> per_client;
  std::map<int, std::shared_ptr<WatchedSocket>> sockets;
  ares_channel channel = nullptr;
  bool has_upstream = false;
  bool closing = false;
  LoopTimer tick;
};

Forwarder::Forwarder(EventLoop& loop, ForwardLimits limits)
    : impl_(std::make_unique<Impl>(loop, limits)) {}

Forwarder::~Forwarder() = default;

Result<void> Forwarder::open(const std::vector<IpEndpoint>& upstreams) {
  return impl_->open(upstreams);
}

void Forwarder::forward(Query query, const Ip6& client, std::size_t limit, Done done) {
  impl_->forward(std::move(query), client, limit, std::move(done));
}

ForwardCounters Forwarder::counters() const {
  auto counters = impl_->counters;
  counters.in_flight = impl_->exchanges.size();
  return counters;
}

}  // namespace sixpn::dns
