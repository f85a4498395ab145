#include "dns/io/dns_worker.h"

#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <utility>

#include "base/io/clock.h"
#include "dns/core/responder.h"
#include "dns/io/forward_front.h"
#include "dns/io/tcp_server.h"
#include "dns/io/udp_server.h"
#include "registry/core/keys.h"

namespace sixpn::dns {

struct DnsWorker::Impl : std::enable_shared_from_this<DnsWorker::Impl> {
  explicit Impl(Options chosen)
      : loop(chosen.name),
        options(std::move(chosen)),
        responder(options.audience, random_u64(), options.rates),
        front(std::make_unique<ForwardFront>(loop, *options.forward_rules, *options.forward_shared,
                                             *options.forwarder, counts, callbacks())) {}

  DirectForward::Callbacks callbacks() {
    return {[this](const DirectWaiter& waiter, const ForwardReply& reply, Telling telling) {
              tell(waiter, reply, telling);
            },
            [this] { flush(); }, [this](const Asker& asker) { return come_back(asker); }};
  }

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
        [this](std::string_view message, TcpSession& session) { return on_tcp(message, session); },
        [this](const Ip6& source) {
          refresh();
          return responder.stream_hold(source);
        });
    for (auto& socket : tcp_sockets) tcp->add_listener(std::move(socket));
  }

  void close() {
    front.reset();
    tcp.reset();
    udp.clear();
  }

  void refresh() {
    responder.set_now(read_coarse_clocks());
    batch_began.reset();
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
    auto asked = foreign(message, path.source.ip, handled.network, Transport::kUdp);
    auto size = front->answer(asked, batch_time(), out);
    if (size == 0)
      size = front->forward(asked, {.server = server, .path = path}, batch_time(), out);
    hand_over_later();
    return size;
  }

  bool on_tcp(std::string_view message, TcpSession& session) {
    refresh();
    ++counts.tcp_queries;
    tcp_reply.resize(kMaxMessageBytes);
    auto handled = responder.respond(message, session.source(), Transport::kTcp, tcp_reply.data());
    counts.add(handled, responder.cookie());
    if (handled.hold > Duration::zero()) session.hold(handled.hold);
    if (handled.fate == Fate::kDrop) return false;  // nothing more can be made of this stream
    if (handled.fate == Fate::kReply) {
      session.reply({tcp_reply.data(), handled.size});
      return true;
    }
    auto asked = foreign(message, session.source(), handled.network, Transport::kTcp);
    auto size = front->answer(asked, batch_time(), tcp_reply.data());
    if (size == 0) {
      Asker asker{.over_tcp = true, .session = session.weak_from_this()};
      size = front->forward(asked, std::move(asker), batch_time(), tcp_reply.data());
    }
    hand_over_later();
    if (size > 0) session.reply({tcp_reply.data(), size});
    return true;
  }

  ForwardFront::Asked foreign(std::string_view message, const Ip6& source, NetworkId network,
                              Transport transport) {
    const NetworkRecord* record = front->has_rules() ? responder.network_record(network) : nullptr;
    return {message, source, network, record, transport, responder.reply_options()};
  }

  // One reading of the clock serves a batch: what is kept is counted in seconds.
  Instant batch_time() {
    if (!batch_began) batch_began = monotonic_now();
    return *batch_began;
  }

  // What was asked from here, on this loop. Replies wait for flush(): a stream that has one may ask
  // the next question at once, and whoever tells is in the middle of things.
  void tell(const DirectWaiter& waiter, const ForwardReply& reply, Telling telling) {
    telling.options = waiter.options;
    if (waiter.asker.over_tcp) {
      told.emplace_back(waiter.asker.session, make_reply(reply, waiter.query, telling));
      return;
    }
    UdpServer& server = *udp[waiter.asker.server];
    server.end_reply(
        write_reply(reply, waiter.query, telling, server.begin_reply(waiter.asker.path)));
  }

  void flush() {
    for (const auto& server : udp) server->flush();
    for (const auto& [asker, reply] : std::exchange(told, {}))
      if (auto session = asker.lock()) session->reply(reply);
  }

  // For the forwarder: the reply is sent from this loop, unless the worker is gone by then.
  std::function<void(std::string)> come_back(const Asker& asker) {
    return [weak = weak_from_this(), asker](std::string reply) {
      if (auto self = weak.lock()) self->receive(asker, std::move(reply));
    };
  }

  // At the end of the batch, however many there are.
  void hand_over_later() {
    if (!front->has_outgoing() || std::exchange(handing_over, true)) return;
    loop.post([weak = weak_from_this()] {
      auto self = weak.lock();
      if (!self) return;
      self->handing_over = false;
      if (self->front) self->front->hand_over();
    });
  }

  // On the forward loop. The first reply wakes this loop, the others wait with it.
  void receive(const Asker& asker, std::string reply) {
    std::lock_guard hold(replies_lock);
    replies.emplace_back(asker, std::move(reply));
    if (replies.size() > 1) return;
    loop.post([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->send_received();
    });
  }

  void send_received() {
    std::vector<std::pair<Asker, std::string>> received;
    {
      std::lock_guard hold(replies_lock);
      received.swap(replies);
    }
    for (const auto& [asker, reply] : received) {
      if (!asker.over_tcp)
        send(asker, reply);
      else if (auto session = asker.session.lock())
        session->reply(reply);
    }
  }

  void send(const Asker& asker, const std::string& reply) {
    if (asker.server < udp.size() && !udp[asker.server]->send(asker.path, reply))
      ++counts.send_failed;
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
    now.tcp_displaced = counters.displaced;
    now.tcp_open = counters.open;
    return now;
  }

  EventLoop loop;
  Options options;
  Responder responder;
  Stats counts;
  std::optional<Instant> batch_began;  // once it was asked for
  bool handing_over = false;
  // Of the forwarder, not sent yet: at most what it had queued and in flight.
  std::mutex replies_lock;
  std::vector<std::pair<Asker, std::string>> replies;
  std::uint64_t seen = 0;
  std::vector<char> tcp_reply;
  std::vector<std::pair<std::weak_ptr<TcpSession>, std::string>> told;  // not sent yet
  std::vector<std::unique_ptr<UdpServer>> udp;
  std::unique_ptr<TcpServer> tcp;
  std::unique_ptr<ForwardFront> front;  // last: it calls into the rest
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
