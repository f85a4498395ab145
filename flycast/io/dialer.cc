#include "flycast/io/dialer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/io/clock.h"
#include "flycast/core/admission.h"
#include "flycast/core/balancer.h"
#include "flycast/core/retry.h"
#include "flycast/io/background_start.h"
#include "flycast/io/hop_call.h"
#include "flycast/io/stream_connector.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

DialError dial_error(LookupError error) {
  switch (error) {
    case LookupError::kNotReady:
      return DialError::kNotReady;
    case LookupError::kNoSuchAddress:
      return DialError::kNoSuchAddress;
    case LookupError::kNoServiceOnPort:
      return DialError::kNoServiceOnPort;
    case LookupError::kUnsupportedHandler:
      break;
  }
  return DialError::kUnsupportedHandler;
}

bool is_asked_for(const DialRequest& request, const Candidate& candidate) {
  return tier_of(request.wish, candidate.machine, candidate.region).has_value();
}

RetryOptions limits_of(const DialRequest& request, RetryOptions options, Instant now) {
  if (request.until) options.deadline = std::min(options.deadline, *request.until - now);
  return options;
}

}  // namespace

std::string_view to_string(DialError error) {
  switch (error) {
    case DialError::kAbandoned:
      return "nobody waits for it any more";
    case DialError::kNoSuchAddress:
      return to_string(LookupError::kNoSuchAddress);
    case DialError::kNoServiceOnPort:
      return to_string(LookupError::kNoServiceOnPort);
    case DialError::kUnsupportedHandler:
      return to_string(LookupError::kUnsupportedHandler);
    case DialError::kNotReady:
      return to_string(LookupError::kNotReady);
    case DialError::kNoCandidate:
      return to_string(NoPick::kNoCandidate);
    case DialError::kAllAtLimit:
      return to_string(NoPick::kAllAtLimit);
    case DialError::kExhausted:
      return to_string(NoPick::kAllExcluded);
  }
  return "unknown";
}

struct Dialer::Impl : std::enable_shared_from_this<Dialer::Impl> {
  Impl(ProxyState& proxy, DialRequest asked, Done on_done)
      : state(proxy),
        request(std::move(asked)),
        done(std::move(on_done)),
        retry(limits_of(request, proxy.options.retry, monotonic_now()), monotonic_now()),
        again(proxy.loop, [this] { guarded_try(); }) {}

  void guarded_try() {
    auto self = shared_from_this();  // the callback may destroy the dialer
    try_next();
  }

  void try_next() {
    bool first = retry.attempts() == 0 && last_failure.empty();
    if (!first && request.is_wanted && !request.is_wanted()) return fail(DialError::kAbandoned);
    auto routed = find_route();
    if (const auto* failure = std::get_if<LookupFailure>(&routed)) return on_no_route(*failure);
    const Route& route = std::get<Route>(routed);
    app = route.app->app.name;
    if (!has_wished(request.wish, *route.app)) return on_nobody_wished();
    Instant now = monotonic_now();
    std::vector<Contender> contenders = contend(route, now);
    Choice choice = choose_wished(request.wish, contenders, state.options.region,
                                  route.service->soft_limit, state.rng);
    if (const auto* none = std::get_if<NoPick>(&choice)) return on_no_pick(route, *none, now);
    if (!retry.begin_attempt(now)) return fail(last_error);
    const Contender& picked = contenders[std::get<std::size_t>(choice)];
    if (request.wish.is_plain() && wants_another(contenders, picked, *route.service))
      start_in_background(state, route, picked.candidate.region, request.client, request.dialled);
    attempt(route, picked.candidate, now);
  }

  // Every machine of the region is over the soft limit.
  static bool wants_another(const std::vector<Contender>& contenders, const Contender& picked,
                            const Service& service) {
    if (!service.auto_start || service.soft_limit == 0) return false;
    return std::all_of(contenders.begin(), contenders.end(), [&](const Contender& one) {
      return one.candidate.region != picked.candidate.region || one.load >= service.soft_limit;
    });
  }

  std::variant<Route, LookupFailure> find_route() const {
    const auto& app_wished = request.wish.app;
    if (!app_wished) return state.table.route(network_of(request.client.ip), request.dialled);
    return state.table.route_app(app_wished->network, app_wished->app, request.dialled.port);
  }

  void on_nobody_wished() {
    last_failure = "no machine is what the request wishes for";
    fail(DialError::kNoCandidate);
  }

  void on_no_route(const LookupFailure& failure) {
    app = failure.app;
    last_failure = to_string(failure.error);
    last_error = dial_error(failure.error);
    if (failure.error == LookupError::kNotReady) return next_round();
    fail(last_error);
  }

  // What an attempt said is worth more than that all of them were tried.
  void on_no_pick(const Route& route, NoPick none, Instant now) {
    if (none == NoPick::kNoCandidate) last_error = DialError::kNoCandidate;
    if (none == NoPick::kAllAtLimit) last_error = DialError::kAllAtLimit;
    if (last_failure.empty() || none == NoPick::kNoCandidate) last_failure = to_string(none);
    if (!wake(route, now)) next_round();
  }

  // Whether a machine is being woken for this connection, now that no running one takes it.
  bool wake(const Route& route, Instant now) {
    if (!route.service->auto_start) return false;
    std::vector<Sleeper> asleep = sleepers(state.table, route);
    std::erase_if(asleep, [&](const Sleeper& one) {
      return !is_asked_for(request, one.candidate) || retry.is_excluded(one.candidate);
    });
    keep_wished(request.wish, asleep);
    auto choice = choose_sleeper(asleep, state.options.region);
    if (!choice || !retry.begin_attempt(now)) return false;
    const Candidate& candidate = asleep[*choice].candidate;
    auto of_region = std::count_if(asleep.begin(), asleep.end(), [&](const Sleeper& one) {
      return one.candidate.region == candidate.region;
    });
    attempt(route, candidate, now, Wake::kJoin, of_region == 1);
    return true;
  }

  // The candidates with what is known of their load: exact for machines of this host.
  std::vector<Contender> contend(const Route& route, Instant now) const {
    std::vector<Contender> contenders;
    std::uint32_t hard_limit = route.service->hard_limit;
    for (Candidate& candidate : state.table.candidates(route)) {
      if (!is_asked_for(request, candidate)) continue;
      ServiceKey service{candidate.machine, route.service->internal_port};
      std::uint32_t here = state.admissions.open(service);
      Contender contender;
      contender.load = candidate.here ? here : state.loads.estimate(service, now);
      contender.at_limit = candidate.here ? hard_limit != 0 && here >= hard_limit
                                          : state.loads.at_limit(service, hard_limit, now);
      contender.failing = state.loads.failing(candidate.machine, now);
      contender.excluded = retry.is_excluded(candidate);
      contender.candidate = std::move(candidate);
      contenders.push_back(std::move(contender));
    }
    return contenders;
  }

  void attempt(const Route& route, const Candidate& candidate, Instant now, Wake wake = Wake::kNo,
               bool last = false) {
    ++state.stats.attempts;
    chosen = candidate;
    idle_timeout = route.port->http.idle_timeout;
    key = {candidate.machine, route.service->internal_port};
    Preamble preamble{route.app->app.network,
                      candidate.machine,
                      request.client,
                      request.dialled,
                      route.service->internal_port,
                      wake,
                      last};
    Duration timeout = retry.attempt_timeout(candidate, now);
    if (candidate.here) {
      attempt_here(preamble, timeout);
    } else {
      attempt_elsewhere(preamble, timeout);
    }
  }

  void attempt_here(const Preamble& preamble, Duration timeout) {
    Admission admission = admit(state.table, state.options.self, preamble, state.options.replay);
    if (const auto* refusal = std::get_if<HopStatus>(&admission)) return on_refused(*refusal);
    const Admitted& admitted = std::get<Admitted>(admission);
    auto ticket = state.admissions.admit(admitted.key, admitted.hard_limit);
    if (!ticket) return on_refused(HopStatus::kLimit);
    tickets.admission = std::move(*ticket);
    ConnectRequest connect{admitted.source, SourceKind::kTransparent, admitted.machine, timeout,
                           admitted.greeting};
    if (admitted.asleep || state.waker.is_waking(admitted.key))
      return wake_here(preamble, admitted, connect);
    connector = std::make_unique<StreamConnector>(
        state.loop, connect, [weak = weak_from_this()](ConnectOutcome outcome) {
          if (auto self = weak.lock()) self->on_machine_connected(std::move(outcome));
        });
  }

  void wake_here(const Preamble& preamble, const Admitted& admitted, ConnectRequest connect) {
    if (admitted.asleep) {
      if (auto refusal = state.waker.refusal(preamble, admitted.key)) return on_refused(*refusal);
      connect.timeout = retry.wake_timeout(monotonic_now());
    }
    ++state.stats.woken;
    waking = std::make_unique<WakeCall>(state.waker,
                                        WakeRequest{preamble.network, admitted.key, connect},
                                        [weak = weak_from_this()](WakeOutcome outcome) {
                                          if (auto self = weak.lock())
                                            self->on_woken(std::move(outcome));
                                        });
  }

  void on_woken(WakeOutcome outcome) {
    if (outcome.status != HopStatus::kStartFailed)
      return on_machine_connected({std::move(outcome.stream), outcome.error});
    ++state.stats.starts_failed;
    on_refused(HopStatus::kStartFailed);
  }

  void on_machine_connected(ConnectOutcome outcome) {
    if (outcome.error == 0) return succeed(std::move(outcome.stream));
    state.loads.on_failure(chosen.machine, monotonic_now());
    on_refused(HopStatus::kConnectFailed, outcome.error);
  }

  void attempt_elsewhere(const Preamble& preamble, Duration timeout) {
    tickets.own_load = state.loads.open(key);
    ConnectRequest connect{host_address(state.options.self),
                           SourceKind::kOwn,
                           {host_address(chosen.host), state.options.hop_port},
                           timeout,
                           {}};
    HopRequest hop{connect, preamble, request.early_from, {}};
    if (preamble.wake != Wake::kNo) hop.reply_timeout = retry.wake_timeout(monotonic_now());
    call = std::make_unique<HopCall>(state.loop, state.links, hop,
                                     [weak = weak_from_this()](HopOutcome outcome) {
                                       if (auto self = weak.lock())
                                         self->on_hop_answered(std::move(outcome));
                                     });
    if (call->was_warm()) ++state.stats.warm_hops;
  }

  void on_hop_answered(HopOutcome outcome) {
    Instant now = monotonic_now();
    if (!outcome.reply) {
      state.loads.on_failure(chosen.machine, now);
      retry.exclude(chosen.host);
      last_error = DialError::kExhausted;
      return on_failed(fmt::format("host {} did not answer: {}", to_string(chosen.host),
                                   Error::errno_text(outcome.error)));
    }
    const HopReply& reply = *outcome.reply;
    bool counted = reply.status == HopStatus::kOk || reply.status == HopStatus::kLimit;
    if (counted) state.loads.on_report(key, reply.load, now);
    if (reply.status == HopStatus::kOk)
      return succeed(std::move(outcome.stream), outcome.early_bytes);
    if (reply.status == HopStatus::kConnectFailed) state.loads.on_failure(chosen.machine, now);
    bool whole_host = reply.status == HopStatus::kBusy || reply.status == HopStatus::kNotReady;
    if (whole_host) retry.exclude(chosen.host);
    on_refused(reply.status, reply.connect_errno);
  }

  void on_refused(HopStatus status, int connect_errno = 0) {
    last_error = status == HopStatus::kLimit ? DialError::kAllAtLimit : DialError::kExhausted;
    std::string why = fmt::format("machine {}: {}", to_string(chosen.machine), to_string(status));
    if (connect_errno != 0) why += ": " + Error::errno_text(connect_errno);
    on_failed(std::move(why));
  }

  void on_failed(std::string why) {
    ++state.stats.failed_attempts;
    last_failure = std::move(why);
    retry.exclude(chosen.machine);
    tickets = {};
    again.arm_after(Duration::zero());
  }

  void next_round() {
    auto wait = retry.next_round(monotonic_now(), state.rng);
    if (!wait) return fail(last_error);
    again.arm_after(*wait);
  }

  void succeed(Fd stream, std::size_t early_bytes = 0) {
    state.loads.on_success(chosen.machine);
    Dialled dialled{std::move(stream), std::move(tickets), app,         chosen.machine,
                    chosen.host,       chosen.region,      chosen.here, retry.attempts(),
                    idle_timeout,      early_bytes};
    finish(std::move(dialled));
  }

  void fail(DialError error) { finish(DialFailure{error, app, last_failure, retry.attempts()}); }

  // Last: the callback may destroy the dialer.
  void finish(DialOutcome outcome) {
    Done report = std::exchange(done, nullptr);
    if (report) report(std::move(outcome));
  }

  ProxyState& state;
  DialRequest request;
  Done done;
  Retry retry;
  LoopTimer again;
  // The attempt that is under way.
  Candidate chosen;
  ServiceKey key;
  Duration idle_timeout{};
  SessionTickets tickets;
  std::unique_ptr<StreamConnector> connector;
  std::unique_ptr<HopCall> call;
  std::unique_ptr<WakeCall> waking;
  // Of the last one that failed.
  std::string app;
  std::string last_failure;
  DialError last_error = DialError::kExhausted;
};

Dialer::Dialer(ProxyState& state, DialRequest request, Done done)
    : impl_(std::make_shared<Impl>(state, std::move(request), std::move(done))) {}

// Ends also what holds the call from inside for a moment.
Dialer::~Dialer() {
  impl_->done = nullptr;
  impl_->again.cancel();
}

void Dialer::start() {
  impl_->guarded_try();
}

}  // namespace sixpn::flycast
