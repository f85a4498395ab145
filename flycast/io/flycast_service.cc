#include "flycast/io/flycast_service.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/duration_text.h"
#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/io/departure.h"
#include "flycast/io/hop_session.h"
#include "flycast/io/host_questions.h"
#include "flycast/io/inheritance.h"
#include "flycast/io/listener.h"
#include "flycast/io/proxy_loops.h"
#include "flycast/io/proxy_state.h"
#include "flycast/io/session_start.h"
#include "flycast/io/silence_listener.h"
#include "flycast/io/silence_teller.h"
#include "flycast/io/sockets.h"
#include "flycast/io/status.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

// How often a departing proxy looks whether all has ended, and tells its successor how much has.
constexpr Duration kDepartureLook = std::chrono::milliseconds(20);

constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

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
  Impl(EventLoop& first, FlycastOptions given, FlycastCallbacks callbacks)
      : loop(first),
        proxies(first, std::move(given), std::move(callbacks.start_machine)),
        commons(proxies.commons()),
        options(commons.options),
        silence_teller(first),
        silence_listener(first, host_address(options.self), options.hop_port,
                         [this](HostId from, const Silence& silence) {
                           proxies.first().note_silence(from, silence);
                           proxies.post_each([from, silence](ProxyState& state) {
                             state.silence_watches.tell({from, silence.stream});
                           });
                         }),
        host_questions(first, host_address(options.self), options.hop_port,
                       {[this](HostId host) { return deals_with(host); },
                        [this](HostId host) { on_host_dead(host); }}),
        autostopper(proxies.first(), std::move(callbacks.stop_machine)),
        departure(first, commons.admissions),
        inheritance(first, commons.admissions),
        limit_log(std::chrono::seconds(5)),
        departure_look(first, [this] { look_at_departure(); }) {
    serve_loops();
  }

  // What the other loops ask of the first one.
  void serve_loops() {
    FirstLoop& serves = commons.first;
    serves.tell_silence = [this](const MachineEnd& machine) {
      at_home([this, machine] { silence_teller.tell(machine, monotonic_now()); });
    };
    serves.add_listener = [this](HostId host, Fd line) {
      carry(std::move(line), [this, host](Fd carried) {
        if (!commons.departing) silence_teller.add(host, std::move(carried));
      });
    };
    serves.evict = [this](SessionId id) {
      at_home([this, id] {
        proxies.post_each([id](ProxyState& state) {
          if (state.number == ProxyState::loop_of(id)) state.evict(id);
        });
      });
    };
    serves.listen_to = [this](HostId host) {
      at_home([this, host] { silence_listener.listen_to(host); });
    };
    serves.pass_client = [this](Fd client) {
      carry(std::move(client), [this](Fd carried) { departure.pass_client(std::move(carried)); });
    };
    serves.pass_hop = [this](Fd hop) {
      carry(std::move(hop), [this](Fd carried) { departure.pass_hop(std::move(carried)); });
    };
  }

  // On the first loop, at once if that is this one.
  template <class Task>
  void at_home(Task task) {
    if (loop.on_loop_thread()) return task();
    loop.post([weak = std::weak_ptr(alive), task = std::move(task)]() mutable {
      if (weak.lock()) task();
    });
  }

  // Until it has arrived, it counts as open there: nobody takes this proxy for empty.
  template <class Receive>
  void carry(Fd stream, Receive receive) {
    if (loop.on_loop_thread()) return receive(std::move(stream));
    commons.openings.add(0, 1);
    at_home([this, receive, carried = std::make_shared<Fd>(std::move(stream))] {
      receive(std::move(*carried));
      commons.openings.remove(0, 1);
    });
  }

  [[nodiscard]] IpEndpoint clients_at() const { return {kLoopback, options.tproxy_port}; }
  [[nodiscard]] IpEndpoint hops_at() const {
    return {host_address(options.self), options.hop_port};
  }

  bool meet_predecessor() {
    return inheritance.meet(options.handover_path, clients_at(), hops_at());
  }

  Result<void> start() {
    if (!inheritance.has_predecessor()) meet_predecessor();
    auto inherited = inheritance.take();
    Result<Fd> transparent = std::move(inherited.clients);
    if (!*transparent) transparent = listen_transparent(clients_at());
    if (!transparent) return std::move(transparent).error().within("Flycast clients");
    Result<Fd> hop = std::move(inherited.hops);
    if (!*hop) hop = listen_on(hops_at());
    if (!hop) return std::move(hop).error().within("Flycast hops");
    options.max_sessions = carried_sessions(options.max_sessions);
    if (auto started = proxies.start(); !started)
      return std::move(started).error().within("Flycast");
    // Before anybody who has waited in the queue is let in: what it has open may have changed.
    inheritance.follow({[this](Fd stream) { on_client(std::move(stream)); },
                        [this](Fd stream) { on_hop(std::move(stream)); }});
    clients.emplace(
        loop, std::move(*transparent), [this](Fd stream) { on_client(std::move(stream)); },
        [this](int error) { on_accept_failure(error); });
    hops.emplace(
        loop, std::move(*hop), [this](Fd stream) { on_hop(std::move(stream)); },
        [this](int error) { on_accept_failure(error); });
    return {};
  }

  void set_snapshot(const SnapshotPtr& snapshot) {
    proxies.post_each([snapshot](ProxyState& state) { state.set_snapshot(snapshot); });
    host_questions.on_snapshot(snapshot);
    autostopper.on_snapshot();
  }

  [[nodiscard]] bool deals_with(HostId host) {
    auto said = proxies.gather([host](ProxyState& state) { return state.deals_with(host); });
    return std::find(said.begin(), said.end(), true) != said.end();
  }

  void on_host_dead(HostId host) {
    ++stats.dead_hosts;
    log::warn("flycast", "host {} is dead: what is open to it, or from it, ends", to_string(host));
    commons.links.forget({host_address(host), options.hop_port});
    silence_listener.forget(host);
    silence_teller.forget(host);
    proxies.post_each([host](ProxyState& state) { state.on_host_dead(host); });
  }

  // Once gather() returns, nobody is admitted here any more: a successor that is greeted after that
  // knows all that counts.
  void depart(DepartureCallbacks callbacks) {
    if (commons.departing || !clients || !hops) return;
    departing = std::move(callbacks);
    autostopper.stop();
    commons.departing = true;
    auto on_successor = [this] { departing.on_successor(); };
    auto begun =
        departure.begin(options.handover_path, clients->release(), hops->release(), on_successor);
    if (!begun) log::warn("flycast", "nobody can take over here: {}", begun.error().message);
    clients.reset();
    hops.reset();
    proxies.gather([](ProxyState& state) { state.depart(); });
    // Who listens hears from the one that takes this one's place, once that has answered.
    silence_teller.stop();
    log::info("flycast", "{} connections go on here, for {} at most", open(),
              sixpn::to_string(options.drain));
    departed_at = monotonic_now();
    look_at_departure();
  }

  void look_at_departure() {
    departure.tell_counts();
    Duration gone = monotonic_now() - departed_at;
    if (gone >= kSuccessorPatience) departure.stop_waiting();
    bool empty = open() == 0 && !inheritance.has_predecessor() && !departure.is_waiting();
    if (!empty && gone < options.drain) return departure_look.arm_after(kDepartureLook);
    if (open() > 0) log::info("flycast", "{} connections did not end in time: reset", open());
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
    proxies.stop();
    commons.links.stop();
    silence_listener.stop();
    host_questions.stop();
    silence_teller.stop();
  }

  // Not taken further, the stream is reset as it is destroyed.
  void on_client(Fd stream) {
    if (commons.departing) return departure.pass_client(std::move(stream));
    ++stats.accepted;
    auto from = remote_endpoint(stream.get());
    auto dialled = local_endpoint(stream.get());
    if (!from || !dialled || !is_flycast_call(*from, *dialled)) {
      ++stats.unknown_destination;
      return;
    }
    if (!has_room()) return;
    auto ticket = commons.clients.admit(
        from->ip, static_cast<std::uint32_t>(options.max_sessions_per_client));
    if (!ticket) {
      on_limit(stats.over_client_limit, "too many open connections of " + to_string(from->ip));
      return;
    }
    struct Given {
      Fd stream;
      ClientTicket ticket;
    };
    auto given = std::make_shared<Given>(Given{std::move(stream), std::move(*ticket)});
    proxies.give([given, from = *from, dialled = *dialled](ProxyState& state) {
      start_session(state, std::move(given->stream), from, dialled, std::move(given->ticket));
    });
  }

  void on_hop(Fd stream) {
    if (commons.departing) return departure.pass_hop(std::move(stream));
    auto from = remote_endpoint(stream.get());
    auto host = from ? host_from_address(from->ip) : std::nullopt;
    if (!host || !proxies.first().table.trusts(*host)) {
      ++stats.hops_foreign;
      return;
    }
    if (!has_room()) return;
    ++stats.hops_accepted;
    auto given = std::make_shared<Fd>(std::move(stream));
    proxies.give([given, host = *host](ProxyState& state) {
      start_hop_session(state, std::move(*given), host);
    });
  }

  [[nodiscard]] std::size_t open() const { return commons.openings.total(); }

  bool has_room() {
    if (open() < options.max_sessions) return true;
    on_limit(stats.over_session_limit,
             "too many open connections on this host: " + std::to_string(open()));
    return false;
  }

  void on_limit(std::uint64_t& counter, const std::string& why) {
    ++counter;
    if (auto held_back = limit_log.pass(monotonic_now()))
      log::warn("flycast", "reset a connection: {} ({} more such lines were held back)", why,
                *held_back);
  }

  void on_accept_failure(int error) {
    ++stats.accept_failures;
    if (limit_log.pass(monotonic_now()))
      log::warn("flycast", "accepting connections rests for a moment: {}",
                Error::errno_text(error));
  }

  FlycastStats read_stats() {
    FlycastStats all = stats;
    for (const FlycastStats& one :
         proxies.gather([](ProxyState& state) { return state.read_stats(); }))
      all += one;
    all.spare_links = commons.links.spare();
    all.tls_leaves = commons.tls.with([](TlsCertificates& tls) { return tls.made(); });
    all.waits = commons.admissions.joined();
    all.waits_refused = commons.admissions.refused();
    return all;
  }

  EventLoop& loop;
  ProxyLoops proxies;
  Commons& commons;
  FlycastOptions& options;
  SilenceTeller silence_teller;
  SilenceListener silence_listener;
  HostQuestions host_questions;
  Autostopper autostopper;
  Departure departure;
  Inheritance inheritance;
  std::optional<Listener> clients;
  std::optional<Listener> hops;
  FlycastStats stats;  // of what the first loop does for all
  LogGate limit_log;
  LoopTimer departure_look;
  DepartureCallbacks departing;
  Instant departed_at{};
  std::shared_ptr<const bool> alive = std::make_shared<const bool>(true);
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
  impl_->set_snapshot(snapshot);
}

FlycastStats FlycastService::stats() const {
  return impl_->read_stats();
}

std::vector<EventLoop*> FlycastService::loops() const {
  return impl_->proxies.loops();
}

std::vector<RelayLoop*> FlycastService::relay_loops() const {
  return impl_->proxies.relay_loops();
}

MeterReadings FlycastService::read_meters() {
  auto said = impl_->proxies.gather([](ProxyState& state) { return readings_of(state); });
  MeterReadings all = std::move(said.front());
  for (std::size_t i = 1; i < said.size(); ++i) all.add(std::move(said[i]));
  add_hosted(all, impl_->proxies.first());
  return all;
}

FlycastStatus FlycastService::status() {
  FlycastStatus status = status_of(impl_->proxies.first());
  status.errors = newest(impl_->proxies.gather([](ProxyState& state) { return errors_of(state); }));
  status.stats = stats();
  return status;
}

std::variant<Explanation, LookupFailure> FlycastService::explain(NetworkId home,
                                                                 const std::string& app,
                                                                 std::uint16_t external_port) {
  return explain_in(impl_->proxies.first(), home, app, external_port);
}

void FlycastService::depart(DepartureCallbacks callbacks) {
  impl_->depart(std::move(callbacks));
}

void FlycastService::stop() {
  impl_->stop();
}

}  // namespace sixpn::flycast
