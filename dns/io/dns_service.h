// DnsService: the resolver that machines ask at fdaa::3, or at their network's fdaa:N:N::3. It
// binds the UDP and TCP sockets and gives them to its workers (dns_worker.h), which answer the own
// zones (.internal, .flycast, the reverse of fdaa::/16) from the current snapshot, every other name
// from the cache of what upstream said, and hand what is in neither to the forwarder, on a thread
// of its own. It decides nothing about names: dns/core does.
//
// Made by the agent; lives on the dns loop: construct before the loop runs or on it, call
// everything on it, destroy on it or after join(). The tenant is chosen by a query's source address
// alone. Limits: udp_server.h, tcp_server.h, forwarder.h. The dns loop itself only starts and
// stops.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "base/result.h"
#include "dns/core/forward_rules.h"
#include "dns/io/foreign_asking.h"
#include "dns/io/limits.h"
#include "dns/io/snapshot_box.h"
#include "dns/io/stats.h"
#include "registry/core/snapshot.h"

namespace sixpn::dns {

struct DnsOptions {
  // Each is bound for UDP and TCP, with IPV6_FREEBIND: the address may appear later. Port 0 lets
  // the kernel choose one (tests); both transports get the same.
  std::vector<IpEndpoint> listen;
  // Where the firewall hands over what is asked at fdaa:N:N::3, whatever the network: bound as
  // `listen` is, and answers leave from the address that was asked (sockets.h).
  std::optional<IpEndpoint> diverted;
  // Where other names go, in order of preference. Empty: the nameservers of /etc/resolv.conf, read
  // once at start(), without our own addresses.
  std::vector<IpEndpoint> upstreams;
  // Who is asked instead for names of some domains. Own zones are answered here whatever they say.
  std::vector<ForwardRule> forward_rules;
  HostId self;
  std::string region;
  // Sources that are no machine or peer, and whose view they get: a host's own stub resolver, or
  // loopback in tests. The first prefix that contains the source decides; consulted after machines.
  std::vector<std::pair<Prefix6, NetworkId>> extra_views;
  // Told to who asks for it: NSID, and TXT id.server in class CH. Empty: nothing is told.
  std::string server_id;
  RateLimits rates;
  // "org/network": the view of this host itself, which asks from its own address
  // (fdaa:0:0:H:H::1). "": it is refused.
  std::string host_network;
  TcpLimits tcp;
  ForwardLimits forward;
  // How many threads answer; 0: as many as there are processors, at most kDefaultThreads.
  std::size_t threads = 0;
  static constexpr std::size_t kDefaultThreads = 4;
  static constexpr std::size_t kMostThreads = 64;
};

class DnsService {
 public:
  DnsService(EventLoop& loop, DnsOptions options);
  ~DnsService();
  DnsService(const DnsService&) = delete;
  DnsService& operator=(const DnsService&) = delete;

  // Binds every listen address. Errors name the address and the reason (port in use, no
  // permission); then nothing stays open.
  // `shares`: another one of this host, which is about to end, may still answer there too.
  Result<void> start(bool shares = false);
  // Closes all sockets; forwarded queries in flight are forgotten. Idempotent.
  void stop();

  // Answers change with the next query. Before the first synced snapshot own zones get SERVFAIL.
  // Any thread.
  void set_snapshot(SnapshotPtr snapshot);
  // Where it puts them: for whom this service may end while it has more.
  [[nodiscard]] std::shared_ptr<SnapshotBox> snapshots() const;

  // A foreign name, as one of this host's machines or peers would ask it (foreign_asking.h). `done`
  // once, on this loop or the forwarder's; never when the service stops first, or does not run.
  void ask_foreign(const ForeignQuestion& question, ForeignAsking::Done done);

  // The workers' loops and the forwarder's, for the watchdog: they run between start() and stop().
  [[nodiscard]] std::vector<EventLoop*> loops() const;
  // What is really bound, in the order of DnsOptions::listen, `diverted` last; empty before
  // start().
  [[nodiscard]] std::vector<IpEndpoint> local_endpoints() const;
  [[nodiscard]] std::vector<IpEndpoint> upstreams() const;
  // Waits for each of those loops.
  [[nodiscard]] Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
