#include "dns/io/dns_service.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "base/io/run_on.h"
#include "base/log.h"
#include "dns/core/resolv_conf.h"
#include "dns/io/dns_worker.h"
#include "dns/io/forwarder.h"
#include "dns/io/snapshot_box.h"
#include "dns/io/sockets.h"
#include "registry/core/keys.h"

namespace sixpn::dns {
namespace {

constexpr const char* kRoom = "dns";
constexpr const char* kResolvConf = "/etc/resolv.conf";
// How often to try for a port that is free for both UDP and TCP, when the kernel chooses.
constexpr int kPortTries = 16;

// The sockets of one listen address, for each worker.
struct Bound {
  std::vector<Fd> udp;
  std::vector<Fd> tcp;
};

Result<Bound> bind_once(const IpEndpoint& wanted, Receives receives, std::size_t workers,
                        bool shares) {
  Bound out;
  auto first = bind_udp(wanted, receives);
  if (!first) return std::move(first).error();
  auto endpoint = local_endpoint(*first);
  out.udp.push_back(std::move(*first));
  while (out.udp.size() < workers) {
    auto more = bind_udp(endpoint, receives);
    if (!more) return std::move(more).error();
    out.udp.push_back(std::move(*more));
  }
  if (!shares)
    if (auto free = check_tcp_free(endpoint); !free) return std::move(free).error();
  while (out.tcp.size() < workers) {
    auto tcp = listen_tcp(endpoint, receives);
    if (!tcp) return std::move(tcp).error();
    out.tcp.push_back(std::move(*tcp));
  }
  return out;
}

// Both transports on one port. A port of the kernel's choice may be taken for TCP: then choose
// again.
Result<Bound> bind_all(const IpEndpoint& wanted, Receives receives, std::size_t workers,
                       bool shares) {
  for (int left = kPortTries;; --left) {
    auto bound = bind_once(wanted, receives, workers, shares);
    bool again = !bound && wanted.port == 0 && bound.error().code == EADDRINUSE && left > 0;
    if (!again) return bound;
  }
}

std::size_t worker_count(std::size_t asked) {
  if (asked > 0) return std::min(asked, DnsOptions::kMostThreads);
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1,
                                 DnsOptions::kDefaultThreads);
}

std::vector<IpEndpoint> read_upstreams(const std::vector<IpEndpoint>& listen) {
  std::ifstream file(kResolvConf);
  std::stringstream text;
  text << file.rdbuf();
  return without_ourselves(parse_nameservers(text.str()), listen);
}

}  // namespace

struct DnsService::Impl {
  Impl(EventLoop& on, DnsOptions chosen) : loop(on), options(std::move(chosen)) {}

  Result<void> start(bool shares) {
    auto made = bind_each(shares);
    if (!made) return std::move(made).error();
    std::vector<Bound> sockets = std::move(*made);
    for (const auto& each : sockets) bound.push_back(local_endpoint(each.tcp.front()));
    if (auto opened = open_forwarder(); !opened) {
      stop();
      return opened;
    }
    serve(std::move(sockets));
    return {};
  }

  [[nodiscard]] Result<std::vector<Bound>> bind_each(bool shares) const {
    std::vector<std::pair<IpEndpoint, Receives>> wanted;
    for (const auto& endpoint : options.listen) wanted.emplace_back(endpoint, Receives::kOwn);
    if (options.diverted) wanted.emplace_back(*options.diverted, Receives::kDiverted);
    std::vector<Bound> sockets;
    for (const auto& [endpoint, receives] : wanted) {
      auto pair = bind_all(endpoint, receives, worker_count(options.threads), shares);
      if (!pair) return std::move(pair).error();
      sockets.push_back(std::move(*pair));
    }
    return sockets;
  }

  Result<void> open_forwarder() {
    upstreams = options.upstreams.empty() ? read_upstreams(bound) : options.upstreams;
    auto made = ForwardRules::make(upstreams, options.forward_rules);
    if (!made) return std::move(made).error();
    rules = std::move(*made);
    for (const auto& group : rules.groups())
      if (without_ourselves(group, bound) != group)
        return Error("an upstream resolver is this resolver itself: queries would loop");
    if (upstreams.empty())
      log::warn(kRoom, "no upstream resolver in {}: only own names will be answered", kResolvConf);
    shared = std::make_unique<ForwardShared>(options.forward, rules.groups());
    forward_loop = std::make_unique<EventLoop>("sixpn-forward");
    forward_loop->start_thread();
    run_on(*forward_loop,
           [this] { forwarder = std::make_unique<Forwarder>(*forward_loop, *shared); });
    asking = std::make_unique<ForeignAsking>(rules, *shared, *forwarder);
    return {};
  }

  void serve(std::vector<Bound> sockets) {
    for (std::size_t i = 0; i < worker_count(options.threads); ++i) {
      DnsWorker::Options worker;
      worker.name = "sixpn-dns-" + std::to_string(i);
      worker.audience = {{options.self, options.region},
                         options.extra_views,
                         identity(),
                         options.host_network,
                         &rules};
      worker.rates = options.rates;
      worker.tcp = options.tcp;
      worker.tcp_quota = &tcp_quota;
      worker.snapshots = snapshots.get();
      worker.forward_rules = &rules;
      worker.forward_shared = shared.get();
      worker.forwarder = forwarder.get();
      std::vector<Fd> udp, tcp;
      for (auto& each : sockets) {
        udp.push_back(std::move(each.udp[i]));
        tcp.push_back(std::move(each.tcp[i]));
      }
      workers.push_back(
          std::make_unique<DnsWorker>(std::move(worker), std::move(udp), std::move(tcp)));
    }
    for (const auto& endpoint : bound) log::info(kRoom, "answering on {}", to_string(endpoint));
  }

  [[nodiscard]] ServerIdentity identity() const {
    return {options.server_id, cookie_root, options.tcp.idle};
  }

  void stop() {
    workers.clear();
    asking.reset();
    if (forward_loop) run_on(*forward_loop, [this] { forwarder.reset(); });
    forward_loop.reset();
    shared.reset();
    bound.clear();
  }

  [[nodiscard]] Stats current_stats() const {
    Stats now;
    for (const auto& worker : workers) now.add(worker->stats());
    if (!forwarder) return now;
    asking->add_to(now);
    run_on(*forward_loop, [&] { forwarder->add_to(now); });
    auto kept = shared->cache.use();
    now.forward_cache_replies = kept.replies;
    now.forward_cache_bytes = kept.bytes;
    now.forward_cache_evicted = kept.evicted;
    return now;
  }

  EventLoop& loop;
  DnsOptions options;
  const std::shared_ptr<SnapshotBox> snapshots = std::make_shared<SnapshotBox>();
  TcpQuota tcp_quota{options.tcp};
  const SipKey cookie_root{random_u64(), random_u64()};
  std::vector<IpEndpoint> bound;
  std::vector<IpEndpoint> upstreams;
  ForwardRules rules;
  std::unique_ptr<ForwardShared> shared;
  std::unique_ptr<EventLoop> forward_loop;
  std::unique_ptr<Forwarder> forwarder;  // made and destroyed on forward_loop
  std::unique_ptr<ForeignAsking> asking;
  std::vector<std::unique_ptr<DnsWorker>> workers;
};

DnsService::DnsService(EventLoop& loop, DnsOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(options))) {}

DnsService::~DnsService() {
  impl_->stop();
}

Result<void> DnsService::start(bool shares) {
  return impl_->start(shares);
}
void DnsService::stop() {
  impl_->stop();
}
void DnsService::set_snapshot(SnapshotPtr snapshot) {
  impl_->snapshots->set(std::move(snapshot));
}
std::shared_ptr<SnapshotBox> DnsService::snapshots() const {
  return impl_->snapshots;
}
void DnsService::ask_foreign(const ForeignQuestion& question, ForeignAsking::Done done) {
  if (impl_->asking) impl_->asking->ask(question, std::move(done));
}
std::vector<EventLoop*> DnsService::loops() const {
  std::vector<EventLoop*> loops;
  for (const auto& worker : impl_->workers) loops.push_back(&worker->loop());
  if (impl_->forward_loop) loops.push_back(impl_->forward_loop.get());
  return loops;
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
