#include "dns/io/dns_worker.h"

#include <future>
#include <utility>

#include "base/io/clock.h"
#include "dns/core/responder.h"
#include "dns/io/tcp_server.h"
#include "dns/io/udp_server.h"
#include "registry/core/keys.h"

namespace sixpn::dns {

struct DnsWorker::Impl : std::enable_shared_from_this<DnsWorker::Impl> {
  explicit Impl(Options chosen)
      : loop(chosen.name),
        options(std::move(chosen)),
        responder(options.audience, random_u64(), options.rates) {}

  void serve(std::vector<Fd> udp_sockets, std::vector<Fd> tcp_sockets) {
    for (std::size_t i = 0; i < udp_sockets.size(); ++i) {
      auto on_datagram = [this, i](std::string_view message, const UdpPath& path, char* out) {
        return on_udp(message, path, i, out);
      };
      udp.push_back(std::make_unique<UdpServer>(
          loop, std::move(udp_sockets[i]), [this] { refresh(); }, on_datagram));
    }
    tcp = std::make_unique<TcpServer>(
        loop, options.tcp, *options.tcp_quota,
        [this](std::string_view message, TcpSession& session) { return on_tcp(message, session); });
    for (auto& socket : tcp_sockets) tcp->add_listener(std::move(socket));
  }

  void close() {
    tcp.reset();
    udp.clear();
  }

  void refresh() {
    responder.set_now(read_coarse_clocks());
    auto version = options.snapshots->version();
    if (version == seen) return;
    seen = version;
    responder.set_snapshot(options.snapshots->get());
  }

  std::size_t on_udp(std::string_view message, const UdpPath& path, std::size_t server, char* out) {
    ++counts.udp_queries;
    auto handled = responder.respond(message, path.source.ip, Transport::kUdp, out);
    counts.add(handled, responder.cookie());
    if (handled.fate != Fate::kForward) return handled.size;
    auto query = parse_query(message).query;
    auto limit = reply_limit(query, Transport::kUdp);
    forward(std::move(query), path.source.ip, limit,
            [this, path, server](const std::string& reply) {
              if (server < udp.size() && !udp[server]->send(path, reply)) ++counts.send_failed;
            });
    return 0;
  }

  bool on_tcp(std::string_view message, TcpSession& session) {
    refresh();
    ++counts.tcp_queries;
    tcp_reply.resize(kMaxMessageBytes);
    auto handled = responder.respond(message, session.source(), Transport::kTcp, tcp_reply.data());
    counts.add(handled, responder.cookie());
    if (handled.fate == Fate::kDrop) return false;  // nothing more can be made of this stream
    if (handled.fate == Fate::kReply) {
      session.reply({tcp_reply.data(), handled.size});
      return true;
    }
    auto query = parse_query(message).query;
    auto limit = reply_limit(query, Transport::kTcp);
    forward(std::move(query), session.source(), limit,
            [weak = session.weak_from_this()](const std::string& reply) {
              if (auto alive = weak.lock()) alive->reply(reply);
            });
    return true;
  }

  // `done` runs on this loop, unless the worker is gone by then. The options of the reply are ours,
  // whoever answers: their room is kept free.
  template <class Done>
  void forward(Query query, const Ip6& client, std::size_t limit, Done done) {
    std::string opt(responder.reply_options());
    limit -= opt.size();
    auto come_back = [weak = weak_from_this(), done, opt = std::move(opt)](std::string reply) {
      if (!opt.empty()) append_options(reply, opt);
      auto self = weak.lock();
      if (!self) return;
      self->loop.post([weak, done, reply = std::move(reply)] {
        if (weak.lock()) done(reply);
      });
    };
    options.forward({std::move(query), client, limit, std::move(come_back)});
  }

  [[nodiscard]] Stats current() const {
    Stats now = counts;
    for (const auto& server : udp) now.send_failed += server->send_failures();
    if (!tcp) return now;
    auto counters = tcp->counters();
    now.tcp_accepted = counters.accepted;
    now.tcp_rejected = counters.rejected;
    now.tcp_rejected_source = counters.rejected_source;
    now.tcp_rejected_network = counters.rejected_network;
    now.tcp_timed_out = counters.timed_out;
    now.tcp_evicted = counters.evicted;
    now.tcp_open = counters.open;
    return now;
  }

  EventLoop loop;
  Options options;
  Responder responder;
  std::uint64_t seen = 0;
  Stats counts;
  std::vector<char> tcp_reply;
  std::vector<std::unique_ptr<UdpServer>> udp;
  std::unique_ptr<TcpServer> tcp;
};

DnsWorker::DnsWorker(Options options, std::vector<Fd> udp, std::vector<Fd> tcp)
    : impl_(std::make_shared<Impl>(std::move(options))) {
  impl_->serve(std::move(udp), std::move(tcp));
  impl_->loop.start_thread();
}

DnsWorker::~DnsWorker() {
  std::promise<void> closed;
  impl_->loop.post([this, &closed] {
    impl_->close();
    closed.set_value();
  });
  closed.get_future().wait();
  impl_->loop.stop();
  impl_->loop.join();
}

EventLoop& DnsWorker::loop() {
  return impl_->loop;
}

Stats DnsWorker::stats() {
  std::promise<Stats> now;
  impl_->loop.post([this, &now] { now.set_value(impl_->current()); });
  return now.get_future().get();
}

}  // namespace sixpn::dns
