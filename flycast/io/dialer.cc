#include "flycast/io/dialer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/io/clock.h"
#include "flycast/core/balancer.h"
#include "flycast/core/exchange_frame.h"
#include "flycast/core/retry.h"
#include "flycast/io/background_start.h"
#include "flycast/io/failure_code.h"
#include "flycast/io/hop_call.h"
#include "flycast/io/machine_call.h"
#include "registry/core/address.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

// Another host's agent that has a client's first bytes is waited for so long: it may be one that
// starts, whose listening socket took them, on a busy machine. One whose host died is given up
// sooner (on_host_dead()). What may be asked of another as well is not worth the wait.
constexpr Duration kAnswerGrace = std::chrono::seconds(5);
constexpr Duration kRepeatableGrace = std::chrono::milliseconds(500);

bool is_asked_for(const DialRequest& request, const Candidate& candidate) {
  return tier_of(request.wish, candidate.machine, candidate.region).has_value();
}

RetryOptions limits_of(const DialRequest& request, RetryOptions options, Instant now) {
  if (request.until) options.deadline = std::min(options.deadline, *request.until - now);
  return options;
}

}  // namespace

struct Dialer::Impl : std::enable_shared_from_this<Dialer::Impl> {
  Impl(ProxyState& proxy, DialRequest asked, Done on_done)
      : state(proxy),
        request(std::move(asked)),
        done(std::move(on_done)),
        retry(limits_of(request, proxy.options.retry, monotonic_now()), monotonic_now()) {
    if (request.avoid) retry.exclude(*request.avoid);
  }

  void guarded_try() {
    auto self = shared_from_this();  // the callback may destroy the dialer
    try_next();
  }

  void try_next() {
    bool first = retry.attempts() == 0 && last_failure.empty();
    if (!first && request.is_wanted && !request.is_wanted()) return fail(DialError::kAbandoned);
    auto routed = route_wished(state.table, request.wish, request.client.ip, request.dialled);
    if (const auto* failure = std::get_if<LookupFailure>(&routed)) return on_no_route(*failure);
    const Route& route = std::get<Route>(routed);
    app = route.app->app.name;
    if (!has_wished(request.wish, *route.app)) return on_nobody_wished();
    Instant now = monotonic_now();
    auto choice = state.with_pool(
        route, now, [&](ServiceView&, ServicePool& pool) { return choose(route, pool, now); });
    if (const auto* none = std::get_if<NoPick>(&choice)) return on_no_pick(route, *none, now);
    const Goal& goal = std::get<Goal>(choice);
    if (goal.known_full && wake(route, now)) return;
    if (!retry.begin_attempt(goal.home, now)) return fail(last_error);
    if (goal.wants_another)
      start_in_background(state, route, goal.candidate.region, request.client, request.dialled);
    attempt(route, goal, now);
  }

  // What an attempt is for. A value: the pool is other loops' too.
  struct Goal {
    Candidate candidate;
    LoadView::Entry load;
    bool has_other = false;
    bool known_full = false;
    bool home = false;           // in the own region
    bool wants_another = false;  // one more machine should be started meanwhile
  };

  std::variant<Goal, NoPick> choose(const Route& route, ServicePool& pool, Instant now) {
    state.commons.admissions.set_exact(pool, route.service->internal_port);
    Choice choice = choose_wished(request.wish, pool, bars(), now, state.rng);
    if (const auto* none = std::get_if<NoPick>(&choice)) return *none;
    const Pick& pick = std::get<Pick>(choice);
    const ServicePool::Member& member = *pick.member;
    bool another = request.wish.is_plain() &&
                   wants_another(pool, member.candidate.region, *route.service, now);
    return Goal{member.candidate, member.load, pick.has_other,
                pick.known_full,  member.home, another};
  }

  // Nothing to look at, mostly: a first attempt on any machine.
  Bars bars() const {
    if (request.wish.is_plain() && retry.is_fresh()) return {};
    return [this](const Candidate& candidate, bool home) {
      if (!is_asked_for(request, candidate)) return Bar::kUnwanted;
      return retry.is_excluded(candidate, home) ? Bar::kTried : Bar::kNone;
    };
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
    if (none == NoPick::kNoCandidate) {
      last_error = DialError::kNoCandidate;
      last_failure = to_string(none);
      retry.on_trouble(Trouble::kAbsent, now);
    }
    // For the sake of one that is to be avoided, none is woken.
    bool merely_avoids = none == NoPick::kAllExcluded && request.avoid && retry.attempts() == 0;
    if (merely_avoids || !wake(route, now)) next_round();
  }

  // Whether a machine is being woken for this connection, now that no running one takes it.
  bool wake(const Route& route, Instant now) {
    if (!route.service->auto_start) return false;
    std::vector<Sleeper> asleep = sleepers(state.table, route);
    std::erase_if(asleep, [&](const Sleeper& one) {
      return !is_asked_for(request, one.candidate) ||
             retry.is_excluded(one.candidate, one.candidate.region == state.options.region);
    });
    keep_wished(request.wish, asleep);
    auto choice = choose_sleeper(asleep, state.options.region);
    if (!choice) return false;
    const Candidate& candidate = asleep[*choice].candidate;
    if (!retry.begin_attempt(candidate.region == state.options.region, now)) return false;
    auto of_region = std::count_if(asleep.begin(), asleep.end(), [&](const Sleeper& one) {
      return one.candidate.region == candidate.region;
    });
    auto entry = state.commons.view.with([&](ServiceView& view) {
      return view.loads.entry({candidate.machine, route.service->internal_port}, now);
    });
    bool last = of_region == 1 || rest_refusals >= kMaxRestRefusals;
    attempt(route, {candidate, std::move(entry)}, now, Wake::kJoin, last);
    return true;
  }

  void attempt(const Route& route, const Goal& goal, Instant now, Wake wake = Wake::kNo,
               bool last = false) {
    ++state.stats.attempts;
    chosen = goal.candidate;
    load = goal.load;
    attempted_at = now;
    meter = state.meters.machine(route.app->app.network, chosen.machine);
    idle_timeout = route.port->http.idle_timeout;
    speaks_http2 = route.port->http.h2_backend;
    // HTTP/2 has the stream to itself.
    by_exchange = request.exchange && !speaks_http2 &&
                  route.service->concurrency == ConcurrencyType::kRequests;
    ahead = 0;
    framed = false;
    bool may_wait = wake == Wake::kNo && retry.may_wait(chosen, goal.has_other, now);
    Preamble preamble{route.app->app.network,       chosen.machine, request.client, request.dialled,
                      route.service->internal_port, wake,           last,           may_wait};
    preamble.connect_limit = connect_limit(goal.has_other);
    preamble.exchange = by_exchange;
    // Over a kept connection of another host nobody here can tell what the machine saw of it.
    preamble.fresh = by_exchange && (request.exchange->fresh || !request.exchange->idempotent);
    Duration timeout = retry.attempt_timeout(chosen, goal.has_other, now);
    // A departing proxy admits nobody: its successor does, over a hop to this very host.
    if (chosen.here && !state.departing()) {
      attempt_here(preamble, timeout);
    } else {
      attempt_elsewhere(route, preamble, timeout);
    }
  }

  [[nodiscard]] std::chrono::milliseconds connect_limit(bool has_other) const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(retry.connect_limit(has_other));
  }

  void attempt_here(const Preamble& preamble, Duration timeout) {
    Instant now = monotonic_now();
    MachineRequest wanted;
    wanted.preamble = preamble;
    wanted.speaker = request.early_from;
    wanted.for_relay = request.for_relay;
    wanted.fresh = by_exchange && request.exchange->fresh;
    wanted.connect_timeout = timeout;
    wanted.waited_timeout = state.options.retry.connect_timeout;
    wanted.wake_until = now + retry.wake_timeout(now);
    machine_call = std::make_unique<MachineCall>(state, std::move(wanted),
                                                 [weak = weak_from_this()](MachineOutcome outcome) {
                                                   if (auto self = weak.lock())
                                                     self->on_machine_answered(std::move(outcome));
                                                 });
    machine_call->start();
  }

  void on_machine_answered(MachineOutcome outcome) {
    if (outcome.status != HopStatus::kOk) return on_refused(outcome.status, outcome.error);
    tickets.admission = std::move(outcome.admission);
    if (!outcome.woken && !outcome.kept) note_connected();  // a start is no latency
    Dialled dialled;
    dialled.stream = std::move(outcome.stream);
    dialled.kept = std::move(outcome.kept);
    dialled.keep_as = std::move(outcome.keep_as);
    dialled.end = outcome.end;
    dialled.here = true;
    succeed(std::move(dialled));
  }

  // What a service gets ahead of it, a machine that sleeps does not wait for.
  [[nodiscard]] bool may_go_ahead(const Route& route, const Preamble& preamble) const {
    if (!request.ahead || speaks_http2 || preamble.wake != Wake::kNo) return false;
    // Where the owner grants no exchange, frames would be the machine's.
    IpEndpoint proxy{host_address(chosen.host), state.options.hop_port};
    return !by_exchange ||
           (proxy_protocol_of(*route.port) == 0 && state.commons.links.takes_ahead(proxy));
  }

  void attempt_elsewhere(const Route& route, Preamble preamble, Duration timeout) {
    DialRequest::Opening opening;
    if (may_go_ahead(route, preamble)) opening = request.ahead(chosen.machine);
    ahead = opening.bytes.size();
    framed = preamble.ahead = by_exchange && ahead != 0;
    preamble.whole = framed && opening.whole;
    if (by_exchange) preamble.nonce = state.next_nonce();
    if (framed) opening.bytes.insert(0, encode_bytes_header(ahead));
    tickets.own_load = state.commons.view.with(
        [&](ServiceView&) { return state.commons.view.guard(LoadView::open(load)); });
    ConnectRequest connect{host_address(state.options.self),
                           SourceKind::kOwn,
                           {host_address(chosen.host), state.options.hop_port},
                           timeout,
                           {}};
    connect.speaks_at_once = true;  // the preamble
    HopRequest hop{connect, preamble,      request.early_from, std::move(opening.bytes),
                   {},      answer_grace()};
    if (preamble.wake != Wake::kNo) hop.reply_timeout = retry.wake_timeout(monotonic_now());
    hop_call = std::make_unique<HopCall>(state.loop, state.commons.links, state.rested_links, hop,
                                         [weak = weak_from_this()](HopOutcome outcome) {
                                           if (auto self = weak.lock())
                                             self->on_hop_answered(std::move(outcome));
                                         });
    if (hop_call->was_warm()) ++state.stats.warm_hops;
  }

  [[nodiscard]] Duration answer_grace() const {
    bool repeatable = request.exchange && request.exchange->idempotent;
    return std::min(repeatable ? kRepeatableGrace : kAnswerGrace,
                    retry.wake_timeout(monotonic_now()));
  }

  void on_hop_answered(HopOutcome outcome) {
    Instant now = monotonic_now();
    if (!outcome.reply) {
      if (!outcome.was_rested) {
        state.commons.view.with([&](ServiceView& view) {
          load->on_connect_failure(now, state.rng);
          view.loads.on_host_failure(chosen.host, now, state.rng);
        });
      }
      retry.exclude(chosen.host);
      last_error = DialError::kExhausted;
      if (outcome.may_be_delivered) return on_first_bytes_lost();
      return on_failed(fmt::format("host {} did not answer: {}", to_string(chosen.host),
                                   Error::errno_text(outcome.error)),
                       Trouble::kAbsent);
    }
    const HopReply& reply = *outcome.reply;
    IpEndpoint proxy{host_address(chosen.host), state.options.hop_port};
    if (reply.tells) state.listen_to(chosen.host);
    if (reply.takes_ahead) state.commons.links.note_takes_ahead(proxy);
    note_reply(reply, now);
    if (reply.status == HopStatus::kOk) {
      // An older agent took that one's place: to a machine frames are noise.
      if (framed && !reply.exchange) return on_first_bytes_lost();
      note_connected(reply.held);
      Dialled dialled;
      dialled.stream = std::move(outcome.stream);
      dialled.kept = std::move(outcome.rested);
      if (reply.exchange) dialled.give_back_to = proxy;
      dialled.may_rest = reply.nonce != 0;
      dialled.early_bytes = outcome.early_bytes;
      dialled.ahead = ahead;
      dialled.unsent = std::move(outcome.unsent);
      return succeed(std::move(dialled));
    }
    bool whole_host = reply.status == HopStatus::kBusy || reply.status == HopStatus::kNotReady;
    if (whole_host) retry.exclude(chosen.host);
    on_refused(reply.status, reply.connect_errno);
  }

  // What the owner's answer says of its machine.
  void note_reply(const HopReply& reply, Instant now) {
    state.commons.view.with([&](ServiceView& view) {
      view.loads.on_host_success(chosen.host);
      bool counted = reply.status == HopStatus::kOk || reply.status == HopStatus::kLimit;
      if (counted) load->on_report({reply.load, reply.queue, reply.sequence}, now);
      if (reply.status == HopStatus::kConnectFailed) load->on_connect_failure(now, state.rng);
      if (reply.status == HopStatus::kStopped || reply.status == HopStatus::kUnknown)
        load->on_turned_away(now);
    });
  }

  // Sent to another machine, they might be done twice.
  void on_first_bytes_lost() {
    ++state.stats.failed_attempts;
    last_failure = fmt::format("host {} took the client's first bytes and said nothing of them",
                               to_string(chosen.host));
    fail(last_error, true);
  }

  void on_refused(HopStatus status, int connect_errno = 0) {
    if (status == HopStatus::kRecentlyStopped) ++rest_refusals;
    last_error = status == HopStatus::kLimit ? DialError::kAllAtLimit : DialError::kExhausted;
    std::string why = fmt::format("machine {}: {}", to_string(chosen.machine), to_string(status));
    if (connect_errno != 0) why += ": " + Error::errno_text(connect_errno);
    on_failed(std::move(why), status == HopStatus::kLimit ? Trouble::kFull : Trouble::kAbsent);
  }

  void on_failed(std::string why, Trouble trouble) {
    ++state.stats.failed_attempts;
    last_failure = std::move(why);
    retry.exclude(chosen.machine);
    retry.on_trouble(trouble, monotonic_now());
    tickets = {};
    try_again_after(Duration::zero());
  }

  void next_round() {
    auto wait = retry.next_round(monotonic_now(), state.rng);
    if (!wait) return fail(last_error);
    try_again_after(*wait);
  }

  void try_again_after(Duration wait) {
    if (!again) again.emplace(state.loop, [this] { guarded_try(); });
    again->arm_after(wait);
  }

  // `held`: for so long its owner kept the answer back.
  void note_connected(Duration held = {}) {
    Instant now = monotonic_now();
    Duration took = std::max(now - attempted_at - held, Duration::zero());
    state.with_load(load, [&](MachineLoad& known) { known.on_success(took, now); });
    if (meter) meter->connects.add(took);
  }

  // `dialled` says what the attempt brought; what it was for is said here.
  void succeed(Dialled dialled) {
    dialled.tickets = std::move(tickets);
    dialled.app = app;
    dialled.machine = chosen.machine;
    dialled.host = chosen.host;
    dialled.region = chosen.region;
    dialled.attempts = retry.attempts();
    dialled.idle_timeout = idle_timeout;
    dialled.asked_at = attempted_at;
    dialled.load = load;
    dialled.meter = std::move(meter);
    dialled.speaks_http2 = speaks_http2;
    finish(std::move(dialled));
  }

  void on_departure() {
    if (!machine_call || !machine_call->is_waiting()) return;
    machine_call.reset();
    on_failed("this agent is being replaced", Trouble::kAbsent);
  }

  [[nodiscard]] bool is_asking(HostId host) const {
    return hop_call && hop_call->is_open() && chosen.host == host;
  }

  void on_host_dead(HostId host) {
    auto self = shared_from_this();  // the callback may destroy the dialer
    if (is_asking(host)) hop_call->give_up();
  }

  void fail(DialError error, bool may_be_delivered = false) {
    if (error != DialError::kAbandoned)
      state.errors.add({monotonic_now(), app, request.client, request.dialled, retry.attempts(),
                        error_text(code_of(error, by_exchange), last_failure)});
    finish(DialFailure{error, app, last_failure, retry.attempts(), may_be_delivered});
  }

  // Last: the callback may destroy the dialer.
  void finish(DialOutcome outcome) {
    Done report = std::exchange(done, nullptr);
    if (report) report(std::move(outcome));
  }

  ProxyState& state;
  DialRequest request;
  Done done;
  Retry retry;
  std::optional<LoopTimer> again;  // most need none
  // The attempt that is under way.
  Candidate chosen;
  LoadView::Entry load;
  Instant attempted_at{};
  Duration idle_timeout{};
  bool speaks_http2 = false;
  bool by_exchange = false;  // its service counts requests, and this is for one
  std::size_t ahead = 0;     // bytes of the request that went with the question
  bool framed = false;       // as an exchange's
  SessionTickets tickets;
  std::unique_ptr<MachineCall> machine_call;
  std::unique_ptr<HopCall> hop_call;
  int rest_refusals = 0;  // owners that let a machine rest, which was stopped lately
  // Of the last one that failed.
  std::string app;
  std::shared_ptr<MachineMeter> meter;  // of `chosen`
  std::string last_failure;
  DialError last_error = DialError::kExhausted;
};

Dialer::Dialer(ProxyState& state, DialRequest request, Done done)
    : impl_(std::make_shared<Impl>(state, std::move(request), std::move(done))) {}

// Ends also what holds the call from inside for a moment.
Dialer::~Dialer() {
  impl_->done = nullptr;
  if (impl_->again) impl_->again->cancel();
}

void Dialer::start() {
  impl_->guarded_try();
}

void Dialer::on_departure() {
  impl_->on_departure();
}

bool Dialer::is_asking(HostId host) const {
  return impl_->is_asking(host);
}

void Dialer::on_host_dead(HostId host) {
  impl_->on_host_dead(host);
}

}  // namespace sixpn::flycast
