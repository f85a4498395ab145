#include "dns/io/dns_service.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "base/log.h"
#include "base/rng.h"
#include "dns/core/resolv_conf.h"
#include "dns/core/resolve.h"
#include "dns/io/forwarder.h"
#include "dns/io/sockets.h"
#include "dns/io/tcp_server.h"
#include "dns/io/udp_server.h"
#include "registry/core/keys.h"

namespace sixpn::dns {
namespace {

constexpr const char* kRoom = "dns";
constexpr const char* kResolvConf = "/etc/resolv.conf";
// How often to try for a port that is free for both UDP and TCP, when the kernel chooses.
constexpr int kPortTries = 16;

struct BoundPair {
  Fd udp, tcp;
};

// Both transports on one port. A port of the kernel's choice may be taken for TCP: then choose
// again.
Result<BoundPair> bind_pair(const IpEndpoint& wanted) {
  for (int left = kPortTries;; --left) {
    auto udp = bind_udp(wanted);
    if (!udp) return std::move(udp).error();
    auto tcp = listen_tcp(local_endpoint(*udp));
    if (tcp) return BoundPair{std::move(*udp), std::move(*tcp)};
    bool again = wanted.port == 0 && tcp.error().code == EADDRINUSE && left > 0;
    if (!again) return std::move(tcp).error();
  }
}

std::vector<IpEndpoint> read_upstreams(const std::vector<IpEndpoint>& listen) {
  std::ifstream file(kResolvConf);
  std::stringstream text;
  text << file.rdbuf();
  return without_ourselves(parse_nameservers(text.str()), listen);
}

}  // namespace

struct DnsService::Impl {
  Impl(EventLoop& on, DnsOptions chosen)
      : loop(on),
        options(std::move(chosen)),
        audience{options.self, options.region, options.extra_views},
        rng(random_u64()) {}

  Result<void> start() {
    std::vector<BoundPair> pairs;
    for (const auto& endpoint : options.listen) {
      auto pair = bind_pair(endpoint);
      if (!pair) return std::move(pair).error();
      pairs.push_back(std::move(*pair));
    }
    for (const auto& pair : pairs) bound.push_back(local_endpoint(pair.udp));
    if (auto opened = open_forwarder(); !opened) {
      stop();
      return opened;
    }
    serve(std::move(pairs));
    return {};
  }

  Result<void> open_forwarder() {
    upstreams = options.upstreams.empty() ? read_upstreams(bound) : options.upstreams;
    if (without_ourselves(upstreams, bound) != upstreams)
      return Error("an upstream resolver is this resolver itself: queries would loop");
    if (upstreams.empty())
      log::warn(kRoom, "no upstream resolver in {}: only own names will be answered", kResolvConf);
    forwarder = std::make_unique<Forwarder>(loop, options.forward);
    return forwarder->open(upstreams);
  }

  void serve(std::vector<BoundPair> pairs) {
    tcp = std::make_unique<TcpServer>(
        loop, options.tcp,
        [this](std::string_view message, TcpSession& session) { return on_tcp(message, session); });
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      udp.push_back(std::make_shared<UdpServer>(
          loop, std::move(pairs[i].udp), [this, i](std::string_view message, const UdpPath& path) {
            return on_udp(message, path, udp[i]);
          }));
      tcp->add_listener(std::move(pairs[i].tcp));
      log::info(kRoom, "answering on {}", to_string(bound[i]));
    }
  }

  void stop() {
    tcp.reset();
    udp.clear();
    forwarder.reset();
    bound.clear();
  }

  // ---- one message
  // ---------------------------------------------------------------------------------

  std::optional<std::string> on_udp(std::string_view message, const UdpPath& path,
                                    const std::shared_ptr<UdpServer>& server) {
    ++stats.udp_queries;
    auto outcome = decide(message, path.source.ip, Transport::kUdp);
    if (outcome.fate == Fate::kReply) return std::move(outcome.reply);
    if (outcome.fate == Fate::kDrop) return std::nullopt;
    auto limit = reply_limit(outcome.query, Transport::kUdp);
    auto weak = std::weak_ptr(server);
    forwarder->forward(std::move(outcome.query), path.source.ip, limit,
                       [weak, path, this](const std::string& reply) {
                         // A server that is gone means a service that may be gone too.
                         auto alive = weak.lock();
                         if (alive && !alive->send(path, reply)) ++stats.send_failed;
                       });
    return std::nullopt;
  }

  bool on_tcp(std::string_view message, TcpSession& session) {
    ++stats.tcp_queries;
    auto outcome = decide(message, session.source(), Transport::kTcp);
    if (outcome.fate == Fate::kDrop) return false;  // nothing more can be made of this stream
    if (outcome.fate == Fate::kReply) {
      session.reply(outcome.reply);
      return true;
    }
    auto limit = reply_limit(outcome.query, Transport::kTcp);
    forwarder->forward(std::move(outcome.query), session.source(), limit,
                       [weak = session.weak_from_this()](const std::string& reply) {
                         if (auto alive = weak.lock()) alive->reply(reply);
                       });
    return true;
  }

  Outcome decide(std::string_view message, const Ip6& source, Transport transport) {
    auto outcome = resolve(snapshot.get(), audience, message, source, transport, rng);
    count(outcome);
    return outcome;
  }

  void count(const Outcome& outcome) {
    if (outcome.fate == Fate::kDrop) ++stats.dropped;
    if (outcome.fate != Fate::kReply) return;
    auto rcode = static_cast<std::size_t>(outcome.rcode);
    if (rcode < stats.by_rcode.size()) ++stats.by_rcode[rcode];
    if (outcome.refused_source) ++stats.refused_sources;
    if (outcome.truncated) ++stats.truncated;
    if (outcome.list_cut) ++stats.lists_cut;
    if (outcome.own_zone) count_type(outcome.query.question->type);
  }

  // The keys come from outside, so their number is bounded.
  void count_type(RrType type) {
    auto found = stats.by_type.find(type);
    if (found != stats.by_type.end())
      ++found->second;
    else if (stats.by_type.size() < Stats::kMaxTypes)
      stats.by_type.emplace(type, 1);
    else
      ++stats.other_types;
  }

  [[nodiscard]] Stats current_stats() const {
    Stats now = stats;
    for (const auto& server : udp) now.send_failed += server->send_failures();
    if (forwarder) {
      auto counters = forwarder->counters();
      now.forwarded = counters.forwarded;
      now.forward_answered = counters.answered;
      now.forward_failed = counters.failed;
      now.forward_rejected = counters.rejected;
      now.forward_in_flight = counters.in_flight;
    }
    if (tcp) {
      auto counters = tcp->counters();
      now.tcp_accepted = counters.accepted;
      now.tcp_rejected = counters.rejected;
      now.tcp_timed_out = counters.timed_out;
      now.tcp_open = counters.open;
    }
    return now;
  }

  EventLoop& loop;
  DnsOptions options;
  Audience audience;
  Rng rng;
  SnapshotPtr snapshot;
  Stats stats;
  std::vector<IpEndpoint> bound;
  std::vector<IpEndpoint> upstreams;
  std::unique_ptr<Forwarder> forwarder;
  std::vector<std::shared_ptr<UdpServer>> udp;
  std::unique_ptr<TcpServer> tcp;
};

DnsService::DnsService(EventLoop& loop, DnsOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(options))) {}

DnsService::~DnsService() {
  impl_->stop();
}

Result<void> DnsService::start() {
  return impl_->start();
}
void DnsService::stop() {
  impl_->stop();
}
void DnsService::set_snapshot(SnapshotPtr snapshot) {
  impl_->snapshot = std::move(snapshot);
}
std::vector<IpEndpoint> DnsService::local_endpoints() const {
  return impl_->bound;
}
std::vector<IpEndpoint> DnsService::upstreams() const {
  return impl_->upstreams;
}
Stats DnsService::stats() const {
  return impl_->current_stats();
}

}  // namespace sixpn::dns
