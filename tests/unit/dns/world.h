// A small world for DNS tests: three regions, two networks, and machines in every interesting
// state. Tests ask as machine kAsker, on host A (iad), unless they say otherwise.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dns/core/answer.h"
#include "dns/core/resolve.h"
#include "registry/core/address.h"

namespace sixpn::dns::testing {

inline constexpr NetworkId kAcme{0x00010203}, kGlobex{0x00990099}, kUnknownNetwork{0x55};
inline constexpr HostId kHostA{0x00a10001}, kHostB{0x00a10002}, kHostC{0x00a10003},
    kHostD{0x00a10004}, kHostE{0x00a10005};

struct MachineSpec {
  std::uint64_t id;
  std::string app;
  HostId host;
  MachineState state = MachineState::kStarted;
  std::string group = "app";
  TextMap metadata = {};
  bool skip_dns = false;
};

// Hosts: A iad (self), B fra 90 ms, C nrt 170 ms, D fra unmeasured, E nrt down.
// acme: web   a1 A started, a2 B started worker, a3 C started, a4 D started, a5 A stopped, a6 E
// started
//             (its host is down), a7 A started skip_dns, a8 B suspended, a9 C destroyed, aa A
//             starting
//       idle  b1 B stopped;  empty: no machines;  peers laptop, interactive-x;
//       flycast: web two addresses, api (an app of globex) one, k8s only a service
//       services: web http 80 (and 443 with TLS) to 8080 of group app; tcp 5432 to 5433 of worker;
//       udp 53 and 6000-6010 to 5353 of all. idle http 80
// globex: web c1 A started, secret c2 B started, peer spy, flycast web
class World {
 public:
  World();
  [[nodiscard]] SnapshotPtr snapshot() const { return std::make_shared<const Snapshot>(snapshot_); }
  Snapshot& edit() { return snapshot_; }

  void add_host(HostId id, const std::string& region, HostStatus status,
                std::optional<Duration> round_trip);
  NetworkView& network(NetworkId id);
  MachineRecord& add(NetworkId network, const MachineSpec& spec);

 private:
  Snapshot snapshot_;
};

// The world with `count` more machines, of app "big" in acme on host A.
SnapshotPtr big_world(std::uint64_t count);

Service service(ServiceProtocol protocol, std::uint16_t internal, std::vector<ServicePort> ports,
                std::vector<std::string> groups);
Ip6 address_of(NetworkId network, HostId host, std::uint64_t id);
const MachineRecord& machine(const Snapshot& snapshot, NetworkId network, std::uint64_t id);

inline Ip6 asker() {
  return address_of(kAcme, kHostA, 0xa1);
}
inline Viewer viewer(const Ip6& source = asker()) {
  return {{kHostA, "iad"}, source};
}
inline Audience audience() {
  return {{kHostA, "iad"}, {}};
}

Answer ask(const Snapshot& snapshot, const std::string& name, RrType type,
           const Ip6& source = asker(), NetworkId network = kAcme, std::uint64_t seed = 1);

// Short forms of an answer for tables: "NXDOMAIN", "NODATA", "forward", or the rdata in order,
// joined by a blank: the last two hex digits of a machine's id for its address, quoted text, or a
// name.
std::string brief(const Answer& answer);
// The same with addresses sorted.
std::string brief_sorted(const Answer& answer);

// The ip6.arpa name of an address, or of its first `nibbles` (RFC 3596 section 2.5).
std::string reverse_name(const Ip6& ip, std::size_t nibbles = 32);

// A query in wire form.
struct QueryBytes {
  std::string name = "web.internal";
  RrType type = kTypeAaaa;
  std::uint16_t id = 0x1234;
  std::uint16_t flags = 0x0100;  // RD
  std::uint16_t klass = kClassIn;
  int edns_size = -1;  // below zero: no OPT
  std::uint32_t edns_ttl = 0;
  std::string edns_options = {};
};
std::string encode(const QueryBytes& query);
std::string u16(std::size_t value);

}  // namespace sixpn::dns::testing
