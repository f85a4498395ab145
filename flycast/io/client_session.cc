#include "flycast/io/client_session.h"

#include <fmt/format.h>

#include <cerrno>
#include <string>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/admission.h"
#include "flycast/core/balancer.h"
#include "flycast/core/retry.h"
#include "flycast/io/hop_call.h"
#include "flycast/io/relay_session.h"
#include "flycast/io/sockets.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

class ClientSession : public Session, public std::enable_shared_from_this<ClientSession> {
 public:
  ClientSession(ProxyState& state, SessionId id, Fd client, const IpEndpoint& from,
                const IpEndpoint& dialled, ClientCounts::Ticket ticket)
      : state_(state),
        id_(id),
        client_(std::move(client)),
        from_(from),
        dialled_(dialled),
        retry_(state.options.retry, monotonic_now()),
        again_(state.loop, [this] { guarded_try(); }) {
    tickets_.client = std::move(ticket);
  }

  void guarded_try() {
    auto self = shared_from_this();  // an attempt may end the session
    try_next();
  }

 private:
  void try_next() {
    if (is_reset(client_.get())) return state_.end(id_);
    auto routed = state_.table.route(network_of(from_.ip), dialled_);
    if (const auto* failure = std::get_if<LookupFailure>(&routed)) return on_no_route(*failure);
    const Route& route = std::get<Route>(routed);
    app_ = route.app->app.name;
    Instant now = monotonic_now();
    std::vector<Contender> contenders = contend(route, now);
    Choice choice =
        choose(contenders, state_.options.region, route.service->soft_limit, state_.rng);
    if (const auto* none = std::get_if<NoPick>(&choice)) {
      if (last_failure_.empty() || *none == NoPick::kNoCandidate) last_failure_ = to_string(*none);
      return next_round();
    }
    if (!retry_.begin_attempt(now)) return give_up();
    attempt(route, contenders[std::get<std::size_t>(choice)].candidate, now);
  }

  void on_no_route(const LookupFailure& failure) {
    app_ = failure.app;
    last_failure_ = to_string(failure.error);
    if (failure.error == LookupError::kNotReady) return next_round();
    ++state_.stats.unknown_destination;
    log_reset();
    state_.end(id_);
  }

  // The candidates with what is known of their load: exact for machines of this host.
  std::vector<Contender> contend(const Route& route, Instant now) const {
    std::vector<Contender> contenders;
    std::uint32_t hard_limit = route.service->hard_limit;
    for (Candidate& candidate : state_.table.candidates(route)) {
      ServiceKey key{candidate.machine, route.service->internal_port};
      std::uint32_t here = state_.admissions.open(key);
      Contender contender;
      contender.load = candidate.here ? here : state_.loads.estimate(key, now);
      contender.at_limit = candidate.here ? hard_limit != 0 && here >= hard_limit
                                          : state_.loads.at_limit(key, hard_limit, now);
      contender.failing = state_.loads.failing(candidate.machine, now);
      contender.excluded = retry_.is_excluded(candidate);
      contender.candidate = std::move(candidate);
      contenders.push_back(std::move(contender));
    }
    return contenders;
  }

  void attempt(const Route& route, const Candidate& candidate, Instant now) {
    ++state_.stats.attempts;
    machine_ = candidate.machine;
    host_ = candidate.host;
    key_ = {candidate.machine, route.service->internal_port};
    Preamble preamble{route.app->app.network, candidate.machine, from_, dialled_,
                      route.service->internal_port};
    Duration timeout = retry_.attempt_timeout(candidate, now);
    if (candidate.here) {
      attempt_here(preamble, timeout);
    } else {
      attempt_elsewhere(preamble, timeout);
    }
  }

  void attempt_here(const Preamble& preamble, Duration timeout) {
    Admission admission = admit(state_.table, state_.options.self, preamble);
    if (const auto* refusal = std::get_if<HopStatus>(&admission)) return on_refused(*refusal);
    const Admitted& admitted = std::get<Admitted>(admission);
    auto ticket = state_.admissions.admit(admitted.key, admitted.hard_limit);
    if (!ticket) return on_refused(HopStatus::kLimit);
    tickets_.admission = std::move(*ticket);
    ConnectRequest request{admitted.source, SourceKind::kTransparent, admitted.machine, timeout};
    connector_ = std::make_unique<StreamConnector>(
        state_.loop, request, [weak = weak_from_this()](ConnectOutcome outcome) {
          if (auto self = weak.lock()) self->on_machine_connected(std::move(outcome));
        });
  }

  void on_machine_connected(ConnectOutcome outcome) {
    if (outcome.error == 0) return join(std::move(outcome.stream));
    state_.loads.on_failure(machine_, monotonic_now());
    on_refused(HopStatus::kConnectFailed, outcome.error);
  }

  void attempt_elsewhere(const Preamble& preamble, Duration timeout) {
    tickets_.own_load = state_.loads.open(key_);
    ConnectRequest request{host_address(state_.options.self),
                           SourceKind::kOwn,
                           {host_address(host_), state_.options.hop_port},
                           timeout};
    call_ = std::make_unique<HopCall>(state_.loop, request, preamble,
                                      [weak = weak_from_this()](HopOutcome outcome) {
                                        if (auto self = weak.lock())
                                          self->on_hop_answered(std::move(outcome));
                                      });
  }

  void on_hop_answered(HopOutcome outcome) {
    Instant now = monotonic_now();
    if (!outcome.reply) {
      state_.loads.on_failure(machine_, now);
      retry_.exclude(host_);
      return on_failed(fmt::format("host {} did not answer: {}", to_string(host_),
                                   Error::errno_text(outcome.error)));
    }
    const HopReply& reply = *outcome.reply;
    bool counted = reply.status == HopStatus::kOk || reply.status == HopStatus::kLimit;
    if (counted) state_.loads.on_report(key_, reply.load, now);
    if (reply.status == HopStatus::kOk) return join(std::move(outcome.stream));
    if (reply.status == HopStatus::kConnectFailed) state_.loads.on_failure(machine_, now);
    bool whole_host = reply.status == HopStatus::kBusy || reply.status == HopStatus::kNotReady;
    if (whole_host) retry_.exclude(host_);
    on_refused(reply.status, reply.connect_errno);
  }

  void on_refused(HopStatus status, int connect_errno = 0) {
    std::string why = fmt::format("machine {}: {}", to_string(machine_), to_string(status));
    if (connect_errno != 0) why += ": " + Error::errno_text(connect_errno);
    on_failed(std::move(why));
  }

  void on_failed(std::string why) {
    ++state_.stats.failed_attempts;
    last_failure_ = std::move(why);
    retry_.exclude(machine_);
    tickets_.own_load = {};
    tickets_.admission = {};
    again_.arm_after(Duration::zero());
  }

  void next_round() {
    auto wait = retry_.next_round(monotonic_now(), state_.rng);
    if (!wait) return give_up();
    again_.arm_after(*wait);
  }

  // Last: the relay takes this session's place.
  void join(Fd machine) {
    ++state_.stats.relayed;
    state_.loads.on_success(machine_);
    start_relay(state_, id_, std::move(client_), std::move(machine), std::move(tickets_));
  }

  void give_up() {
    ++state_.stats.gave_up;
    log_reset();
    state_.end(id_);
  }

  void log_reset() {
    auto held_back = state_.give_up_log.pass(monotonic_now());
    if (!held_back) return;
    log::warn(
        "flycast", "reset a connection of {} to {} ({}) after {} attempts: {}{}",
        to_string(from_.ip), to_string(dialled_), app_.empty() ? "unknown app" : app_,
        retry_.attempts(), last_failure_,
        *held_back == 0 ? "" : fmt::format(" ({} more such lines were held back)", *held_back));
  }

  ProxyState& state_;
  SessionId id_;
  Fd client_;
  IpEndpoint from_;
  IpEndpoint dialled_;
  SessionTickets tickets_;
  Retry retry_;
  LoopTimer again_;
  // The attempt that is under way.
  MachineId machine_;
  HostId host_;
  ServiceKey key_;
  std::unique_ptr<StreamConnector> connector_;
  std::unique_ptr<HopCall> call_;
  // For the log.
  std::string app_;
  std::string last_failure_;
};

}  // namespace

void start_client_session(ProxyState& state, Fd client, const IpEndpoint& from,
                          const IpEndpoint& dialled, ClientCounts::Ticket ticket) {
  SessionId id = state.next_id();
  auto session = std::make_shared<ClientSession>(state, id, std::move(client), from, dialled,
                                                 std::move(ticket));
  state.keep(id, session);
  session->guarded_try();
}

}  // namespace sixpn::flycast
