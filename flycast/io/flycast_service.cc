#include "flycast/io/flycast_service.h"

#include <sys/resource.h>

#include <algorithm>
#include <random>

#include "base/duration_text.h"
#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/io/client_session.h"
#include "flycast/io/hop_session.h"
#include "flycast/io/http_session.h"
#include "flycast/io/inheritance.h"
#include "flycast/io/listener.h"
#include "flycast/io/proxy_state.h"
#include "flycast/io/sockets.h"
#include "flycast/io/status.h"
#include "flycast/io/tls_session.h"
#include "registry/core/address.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

// How often a departing proxy looks whether all has ended, and tells its successor how much has.
constexpr Duration kDepartureLook = std::chrono::milliseconds(20);

constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

// A session takes two descriptors; a quarter is left to the other rooms of the process.
std::size_t sessions_for(std::size_t descriptors) {
  return descriptors / 4 * 3 / 2;
}

std::size_t carried_sessions(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  std::size_t carried = sessions_for(limit.rlim_cur);
  if (carried >= wanted) return wanted;
  log::warn("flycast", "only {} descriptors are allowed: at most {} connections at once, not {}",
            limit.rlim_cur, carried, wanted);
  return carried;
}

// Only machines and peers dial, and only addresses of their own network.
bool is_flycast_call(const IpEndpoint& from, const IpEndpoint& dialled) {
  AddressKind client = classify(from.ip);
  if (client != AddressKind::kMachine && client != AddressKind::kPeer) return false;
  return classify(dialled.ip) == AddressKind::kFlycast &&
         network_of(from.ip) == network_of(dialled.ip);
}

}  // namespace

struct FlycastService::Impl {
  Impl(EventLoop& loop, FlycastOptions options, FlycastCallbacks callbacks)
      : state(loop, std::move(options), random_seed(), std::move(callbacks.start_machine)),
        autostopper(state, std::move(callbacks.stop_machine)),
        inheritance(loop, state.admissions),
        departure_look(loop, [this] { look_at_departure(); }) {}

  [[nodiscard]] IpEndpoint clients_at() const { return {kLoopback, state.options.tproxy_port}; }
  [[nodiscard]] IpEndpoint hops_at() const {
    return {host_address(state.options.self), state.options.hop_port};
  }

  bool meet_predecessor() {
    return inheritance.meet(state.options.handover_path, clients_at(), hops_at());
  }

  Result<void> start() {
    const FlycastOptions& options = state.options;
    if (!inheritance.has_predecessor()) meet_predecessor();
    auto inherited = inheritance.take();
    Result<Fd> transparent = std::move(inherited.clients);
    if (!*transparent) transparent = listen_transparent(clients_at());
    if (!transparent) return std::move(transparent).error().within("Flycast clients");
    Result<Fd> hop = std::move(inherited.hops);
    if (!*hop) hop = listen_on(hops_at());
    if (!hop) return std::move(hop).error().within("Flycast hops");
    if (auto started = state.relays.start(options.relay_threads); !started)
      return std::move(started).error().within("Flycast");
    state.options.max_sessions = carried_sessions(options.max_sessions);
    // Before anybody who has waited in the queue is let in: what it has open may have changed.
    inheritance.follow({[this](Fd stream) { on_client(std::move(stream)); },
                        [this](Fd stream) { on_hop(std::move(stream)); }});
    clients.emplace(
        state.loop, std::move(*transparent), [this](Fd stream) { on_client(std::move(stream)); },
        [this](int error) { on_accept_failure(error); });
    hops.emplace(
        state.loop, std::move(*hop), [this](Fd stream) { on_hop(std::move(stream)); },
        [this](int error) { on_accept_failure(error); });
    return {};
  }

  void depart(DepartureCallbacks callbacks) {
    if (state.departure.begun() || !clients || !hops) return;
    departing = std::move(callbacks);
    autostopper.stop();
    auto on_successor = [this] { departing.on_successor(); };
    auto begun = state.departure.begin(state.options.handover_path, clients->release(),
                                       hops->release(), on_successor);
    if (!begun) log::warn("flycast", "nobody can take over here: {}", begun.error().message);
    clients.reset();
    hops.reset();
    // Copied: a session may end itself.
    auto sessions = state.sessions;
    for (auto& [id, session] : sessions) session->on_departure();
    state.kept_machines.clear();
    // Who listens hears from the one that takes this one's place, once that has answered.
    state.silence_teller.stop();
    log::info("flycast", "{} connections go on here, for {} at most", state.open(),
              sixpn::to_string(state.options.drain));
    departed_at = monotonic_now();
    look_at_departure();
  }

  void look_at_departure() {
    state.departure.tell_counts();
    Duration gone = monotonic_now() - departed_at;
    if (gone >= kSuccessorPatience) state.departure.stop_waiting();
    bool empty =
        state.open() == 0 && !inheritance.has_predecessor() && !state.departure.is_waiting();
    if (!empty && gone < state.options.drain) return departure_look.arm_after(kDepartureLook);
    if (state.open() > 0)
      log::info("flycast", "{} connections did not end in time: reset", state.open());
    departing.on_done();
  }

  void stop() {
    departure_look.cancel();
    inheritance.stop();
    // Closed unread, a hop that waits in the queue would be reset with a client's first bytes in
    // it.
    if (hops) hops->accept_some();
    clients.reset();
    hops.reset();
    for (const auto& [id, session] : state.sessions) session->on_stop();
    state.sessions.clear();
    state.kept_machines.clear();
    state.links.stop();
    state.silence_listener.stop();
    state.host_questions.stop();
    state.silence_teller.stop();
    state.relays.stop();
  }

  // Not taken further, the stream is reset as it is destroyed.
  void on_client(Fd stream) {
    if (state.departure.begun()) return state.departure.pass_client(std::move(stream));
    ++state.stats.accepted;
    auto from = remote_endpoint(stream.get());
    auto dialled = local_endpoint(stream.get());
    if (!from || !dialled || !is_flycast_call(*from, *dialled)) {
      ++state.stats.unknown_destination;
      return;
    }
    if (!has_room()) return;
    auto ticket = state.clients.admit(
        from->ip, static_cast<std::uint32_t>(state.options.max_sessions_per_client));
    if (!ticket) {
      on_limit(state.stats.over_client_limit,
               "too many open connections of " + to_string(from->ip));
      return;
    }
    start_session(std::move(stream), *from, *dialled, std::move(*ticket));
  }

  void start_session(Fd stream, const IpEndpoint& from, const IpEndpoint& dialled,
                     ClientCounts::Ticket ticket) {
    auto routed = state.table.route(network_of(from.ip), dialled);
    const Route* route = std::get_if<Route>(&routed);
    ClientStream client{std::move(stream)};
    if (route != nullptr) {
      auto meter = state.meters.app(route->app->app.network, route->app->app.name);
      if (meter && !meter->bytes) meter->bytes = std::make_shared<ClientBytes>();
      if (meter) client.bytes = meter->bytes;
      ticket.keep(Meters::connection(std::move(meter)));
    }
    SessionId id = state.next_id();
    if (route != nullptr && ends_tls(*route->port))
      return start_tls_session(state, id, std::move(client), from, dialled, std::move(ticket));
    if (route != nullptr && speaks_http(*route->port))
      return start_http_session(state, id, std::move(client), from, dialled, std::move(ticket));
    start_client_session(state, id, std::move(client), from, dialled, std::move(ticket),
                         route != nullptr);
  }

  void on_hop(Fd stream) {
    if (state.departure.begun()) return state.departure.pass_hop(std::move(stream));
    auto from = remote_endpoint(stream.get());
    auto host = from ? host_from_address(from->ip) : std::nullopt;
    if (!host || !state.table.trusts(*host)) {
      ++state.stats.hops_foreign;
      return;
    }
    if (!has_room()) return;
    ++state.stats.hops_accepted;
    start_hop_session(state, std::move(stream), *host);
  }

  bool has_room() {
    if (state.open() < state.options.max_sessions) return true;
    on_limit(state.stats.over_session_limit,
             "too many open connections on this host: " + std::to_string(state.open()));
    return false;
  }

  void on_limit(std::uint64_t& counter, const std::string& why) {
    ++counter;
    if (auto held_back = state.limit_log.pass(monotonic_now()))
      log::warn("flycast", "reset a connection: {} ({} more such lines were held back)", why,
                *held_back);
  }

  void on_accept_failure(int error) {
    ++state.stats.accept_failures;
    if (state.limit_log.pass(monotonic_now()))
      log::warn("flycast", "accepting connections rests for a moment: {}",
                Error::errno_text(error));
  }

  ProxyState state;
  Autostopper autostopper;
  std::optional<Listener> clients;
  std::optional<Listener> hops;
  Inheritance inheritance;
  LoopTimer departure_look;
  DepartureCallbacks departing;
  Instant departed_at{};
};

FlycastService::FlycastService(EventLoop& loop, FlycastOptions options, FlycastCallbacks callbacks)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(callbacks))) {}

FlycastService::~FlycastService() {
  stop();
}

bool FlycastService::meet_predecessor() {
  return impl_->meet_predecessor();
}

Result<void> FlycastService::start() {
  return impl_->start();
}

void FlycastService::set_snapshot(SnapshotPtr snapshot) {
  impl_->state.table = ServiceTable(snapshot);
  impl_->state.host_questions.on_snapshot(snapshot);
  if (snapshot) impl_->state.begun_connects.on_snapshot(*snapshot);
  impl_->autostopper.on_snapshot();
}

FlycastStats FlycastService::stats() const {
  FlycastStats stats = impl_->state.stats;
  RelayCounts relayed = impl_->state.relays.counts();
  stats.bytes = impl_->state.http.bytes + relayed.bytes;
  stats.idle_timeouts += relayed.idle_timeouts;
  stats.silent_hops += relayed.silent_hops;
  stats.kept_machines = impl_->state.kept_machines.size();
  stats.spare_links = impl_->state.links.spare();
  stats.tls_leaves = impl_->state.tls.made();
  stats.sessions = impl_->state.open();
  stats.waits = impl_->state.line.joined();
  stats.waits_refused = impl_->state.line.refused();
  return stats;
}

std::vector<RelayLoop*> FlycastService::relay_loops() const {
  return impl_->state.relays.loops();
}

MeterReadings FlycastService::read_meters() {
  return readings_of(impl_->state);
}

FlycastStatus FlycastService::status() {
  FlycastStatus status = status_of(impl_->state);
  status.stats = stats();
  return status;
}

std::variant<Explanation, LookupFailure> FlycastService::explain(NetworkId home,
                                                                 const std::string& app,
                                                                 std::uint16_t external_port) {
  return explain_in(impl_->state, home, app, external_port);
}

void FlycastService::depart(DepartureCallbacks callbacks) {
  impl_->depart(std::move(callbacks));
}

void FlycastService::stop() {
  impl_->stop();
}

}  // namespace sixpn::flycast
