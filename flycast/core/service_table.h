// ServiceTable: what a connection to a Flycast address means under one snapshot: which app and
// service it dials, and which machines may serve it. A cheap view (one shared pointer), nothing is
// built per snapshot: a lookup walks the app's services and machines. Pure; flycast loop.
//
// It is not the balancer: candidates come in the snapshot's order, with their distance.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

// A machine that may take the connection.
struct Candidate {
  MachineId machine;
  HostId host;
  std::string region;
  bool here = false;                   // on this host: no second hop
  std::optional<Duration> round_trip;  // to its host; nothing when not measured yet
  std::uint32_t soft_limit = 0;        // of the service; 0: none
  std::uint32_t hard_limit = 0;
};

enum class LookupError {
  kNotReady,            // no registry state yet, or not all machines of the app's network
  kNoSuchAddress,       // not allocated, or not for the client's network
  kNoServiceOnPort,     // the app has no TCP service on that external port
  kUnsupportedHandler,  // the port wants what this version of the proxy does not know
};
std::string_view to_string(LookupError error);  // "no service on that port"

// The app, service and range of ports behind an address and port. Points into the table's
// snapshot.
struct Route {
  const AppView* app = nullptr;
  const Service* service = nullptr;
  const ServicePort* port = nullptr;
};

// Whether the proxy reads the port's connections as HTTP.
bool speaks_http(const ServicePort& port);

struct LookupFailure {
  LookupError error{};
  std::string app;  // "" while the address is not known
};

class ServiceTable {
 public:
  ServiceTable() = default;  // knows nothing: every lookup is kNotReady
  explicit ServiceTable(SnapshotPtr snapshot) : snapshot_(std::move(snapshot)) {}

  // `client_network` may dial only the addresses allocated in it.
  [[nodiscard]] std::variant<Route, LookupFailure> route(NetworkId client_network,
                                                         const IpEndpoint& dialled) const;
  // Whether the proxy reads connections to there as HTTP. False too while nobody can know.
  [[nodiscard]] bool is_http(NetworkId client_network, const IpEndpoint& dialled) const;
  // Whether the proxy ends TLS there. False too while nobody can know.
  [[nodiscard]] bool is_tls(NetworkId client_network, const IpEndpoint& dialled) const;
  // The app behind an address; null when there is none for the client's network. Says nothing of
  // whether its machines are here.
  [[nodiscard]] const AppView* find_dialled(NetworkId client_network, const Ip6& address) const;
  // An app's service on an external port, whatever its address: what a request is replayed to. Port
  // 0: its first TCP service.
  [[nodiscard]] std::variant<Route, LookupFailure> route_app(NetworkId network,
                                                             const std::string& app,
                                                             std::uint16_t port) const;
  // The machines that may serve a route; empty when there are none. Where the checks of all of them
  // fail, those are the candidates: a check that is wrong takes no app down, and an app that is
  // down answers for itself.
  [[nodiscard]] std::vector<Candidate> candidates(const Route& route) const;

  // Whether its owner lets it serve: may_serve, or on duty while nobody may.
  [[nodiscard]] bool takes(const Route& route, const MachineRecord& machine) const;

  [[nodiscard]] bool ready() const { return snapshot_ != nullptr && snapshot_->synced; }
  // Whether all machines of a network are here.
  [[nodiscard]] bool holds(NetworkId network) const { return ready() && snapshot_->holds(network); }
  // Known to the registry and not revoked.
  [[nodiscard]] bool trusts(HostId host) const;
  // The client's address belongs to a machine that lives on `host`, or to a peer of its gateway. Of
  // a network that is not held, a machine is taken to live where its address was given out.
  [[nodiscard]] bool lives_on(const Ip6& client, HostId host) const;
  [[nodiscard]] const Snapshot* snapshot() const { return snapshot_.get(); }

 private:
  SnapshotPtr snapshot_;
};

// Started, not cordoned, and of a process group that serves `service`. Says nothing of its checks
// and its host.
bool is_on_duty(const MachineRecord& machine, const Service& service);
// On duty, and the service's checks do not fail, nor wait for their first pass since the start.
bool may_serve(const MachineRecord& machine, const Service& service);

}  // namespace sixpn::flycast
