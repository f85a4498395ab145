#include "flycast/io/http_call.h"

#include <fmt/format.h>

#include <utility>

#include "base/io/clock.h"
#include "flycast/core/request_id.h"
#include "flycast/io/failure_code.h"
#include "flycast/io/http2_codec.h"
#include "flycast/io/sockets.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

// Of a request, this much goes to a machine's owner with the question whether it takes it.
constexpr std::size_t kMostAhead = 16 * 1024;

}  // namespace

HttpCall::HttpCall(ProxyState& state, Client client, RequestHead head)
    : state_(state), client_(std::move(client)), http_(std::move(head), &state.http.kept) {
  ++state_.stats.http_requests;
  auto routed = state_.table.route(network_of(client_.from.ip), client_.dialled);
  const Route* route = std::get_if<Route>(&routed);
  if (route != nullptr) port_ = http_port_of(*route);
  id_ = make_request_id(wall_now(), state_.rng, state_.options.region);
  prepare_request(http_.request(), client_.arrival, id_);
  began_ = monotonic_now();
  if (route == nullptr) return;
  state_.with_pool(*route, began_,
                   [&](auto&, ServicePool& pool) { pool.budget().on_request(began_); });
  const AppRecord& app = route->app->app;
  meter_ = state_.meters.app(app.network, app.name);
  replay_ = state_.commons.replays.with([&](ReplayCache& cache) {
    return HttpReplay({app.network, app.name}, route->port->http.replay_cache, http_.request(),
                      cache, began_);
  });
}

HttpCall::~HttpCall() = default;

// ------------------------------------------------------------------ the request

bool HttpCall::wants_body() const {
  return !failure_ && http_.wants_body() && is_taken();
}

void HttpCall::go_on() {
  if (failure_ || outcome_ == Event::kGone) return;  // it is over, and next() says so
  await_progress();
  if (port_.force_https && !client_.arrival.is_tls()) return redirect();
  std::string bytes = std::exchange(to_machine_, {});
  if (machine_ && http_.attempting()) {
    written_ = monotonic_now();
    machine_->send(bytes);
  } else if (!dialer_) {
    find_machine();
  }
}

// The client is to come again over HTTPS: no machine hears of it.
void HttpCall::redirect() {
  meter_response(301);
  failure_ = redirect_to_https(http_.request());
  outcome_ = Event::kFailed;
}

void HttpCall::flush() {
  if (is_taken()) return;
  written_ = monotonic_now();
  machine_->stream->flush();
}

bool HttpCall::body_is_in_doubt() {
  return http_.request().expects_continue && http_.body_untouched();
}

void HttpCall::find_machine() {
  // What is kept of a machine that fell silent since is worth nothing.
  auto is_silent = [](const MachineLoad& load) { return load.is_silent(monotonic_now()); };
  if (machine_ && state_.with_load(machine_->dialled.load, is_silent)) drop_machine(false);
  bool any_machine = replay_.is_plain();
  if (machine_ && any_machine && is_idempotent(http_.request().method)) return begin_attempt();
  if (machine_ && any_machine && machine_->stream->is_quiet()) return begin_attempt();
  drop_machine(true);
  DialRequest request;
  request.client = client_.from;
  request.dialled = client_.dialled;
  request.wish = replay_.wish();
  request.until = replay_.deadline();
  request.avoid = avoid_;
  // What switches protocols has the connection to itself.
  if (http_.request().upgrade.empty())
    request.exchange = {is_idempotent(http_.request().method), fresh_};
  request.is_wanted = [this] { return !client_.is_gone(); };
  request.ahead = [this](MachineId machine) { return opening_for(machine); };
  dialer_ = std::make_unique<Dialer>(state_, std::move(request),
                                     [this](DialOutcome outcome) { on_dialled(outcome); });
  dialer_->start();
}

// Last: the client's session may end. Who looks for another machine may have one before it returns:
// the session was told then, and may have ended with this call.
void HttpCall::on_dialled(DialOutcome& outcome) {
  auto calling = std::move(dialer_);
  auto wake = client_.wake;
  if (const auto* failed = std::get_if<DialFailure>(&outcome)) {
    if (looks_again(*failed)) return find_machine();
    on_no_machine(*failed);
  } else {
    ++state_.stats.relayed;
    machine_ =
        std::make_unique<HttpMachine>(state_, std::move(std::get<Dialled>(outcome)), client_.wake);
    begin_attempt();
  }
  wake();
}

bool HttpCall::looks_again(const DialFailure& failed) {
  if (failed.error == DialError::kAbandoned) return false;
  if (failed.may_be_delivered) {
    http_.lose_attempt();
    fresh_ = true;
    // Nor is it for what an app falls back to.
    if (!http_.may_resend() || !take_resend()) return false;
    ++state_.stats.http_resends;
    return true;
  }
  bool had_candidates = failed.error != DialError::kNoCandidate;
  return state_.commons.replays.with([&](ReplayCache& cache) {
    return replay_.on_no_machine(had_candidates, http_.request(), cache, read_clocks());
  });
}

void HttpCall::on_no_machine(const DialFailure& failed) {
  if (failed.error == DialError::kAbandoned) {
    outcome_ = Event::kGone;
    return;
  }
  bool not_found = failed.error == DialError::kNoCandidate && replay_.wish().only_machine;
  ErrorCode code = not_found ? ErrorCode::kPR02 : code_of(failed.error, port_.counts_requests);
  fail(failure(code, failed.why), failed.app, error_text(code, failed.why));
}

void HttpCall::begin_attempt() {
  asked_ = written_ = monotonic_now();
  sent_before_ = machine_->stream->sent();
  reset_reason_ = 0;
  std::string opening;
  replay_.address(http_.request(), machine_->dialled.machine);
  http_.begin_attempt(opening);
  went_ahead_ = std::exchange(machine_->dialled.ahead, 0);
  if (went_ahead_ != 0) asked_ = machine_->dialled.asked_at;
  machine_->send(std::string_view(opening).substr(went_ahead_));
  await_progress();
  begin_watch();
}

// A part of what the attempt begins with: more may be read of the request until then.
DialRequest::Opening HttpCall::opening_for(MachineId machine) {
  DialRequest::Opening opening;
  replay_.address(http_.request(), machine);
  http_.write_opening(opening.bytes);
  opening.whole = http_.request_ended() && opening.bytes.size() <= kMostAhead;
  opening.bytes.resize(std::min(opening.bytes.size(), kMostAhead));
  return opening;
}

bool HttpCall::sent_nothing() const {
  return went_ahead_ == 0 && machine_->stream->sent() == sent_before_;
}

// ------------------------------------------------------------------ attempts that came to nothing

// The machine asked that the request be sent elsewhere.
void HttpCall::follow_replay() {
  Dialled from = std::move(machine_->dialled);
  from.tickets = {};  // it may be asked itself
  drop_machine(http_.request_ended());
  http_.end_attempt();
  ++state_.stats.replays;
  avoid_.reset();
  auto failed = state_.commons.replays.with([&](ReplayCache& cache) {
    return replay_.on_end(from.machine, from.region, http_.can_repeat(), http_.request(),
                          {state_.table.snapshot(), state_.options.replay, cache}, read_clocks());
  });
  if (!failed) return find_machine();
  fail(failure(failed->code, failed->why), from.app,
       fmt::format("machine {}: {}", to_string(from.machine),
                   error_text(failed->code, failed->why)));
}

// The machine's connection gives no response any more. `unseen`: nor did the machine get any of the
// request.
void HttpCall::on_machine_failed(ErrorCode code, std::string_view why, bool unseen, bool granted) {
  // It may close a connection that it answered on before: no word on the machine.
  if (!machine_->used)
    state_.with_load(machine_->dialled.load, [&](MachineLoad& load) {
      load.on_bad_reply(Duration::zero(), monotonic_now(), state_.rng);
    });
  reset_reason_ = machine_->reset_reason();
  // What was refused has not been acted on (RFC 9113 section 8.7).
  if (reset_reason_ == static_cast<std::uint32_t>(Http2Error::kRefusedStream)) unseen = true;
  std::string app = machine_->dialled.app;
  std::string reason = fmt::format("machine {}: {}", to_string(machine_->dialled.machine),
                                   why.empty() ? entry_of(code).text : why);
  // One that dies still takes connections for a moment. Where it had nothing of the request, its
  // connection was merely old.
  if (!unseen) avoid_ = machine_->dialled.machine;
  drop_machine(false);
  http_.end_attempt(unseen);
  fresh_ = true;
  if (http_.may_resend() && (unseen || granted || take_resend())) {
    ++state_.stats.http_resends;
    return find_machine();
  }
  fail(failure(code, reason), app, error_text(code, reason));
}

// Whether the service that failed may be asked again: what fails under load is not given more of it
// than its budget of retries allows.
bool HttpCall::take_resend() {
  auto routed = route_wished(state_.table, replay_.wish(), client_.from.ip, client_.dialled);
  const Route* route = std::get_if<Route>(&routed);
  Instant now = monotonic_now();
  auto take = [&](auto&, ServicePool& pool) { return pool.budget().take(now); };
  if (route != nullptr && state_.with_pool(*route, now, take)) return true;
  ++state_.stats.http_resends_refused;
  return false;
}

// ------------------------------------------------------------------ ends and time

void HttpCall::drop_machine(bool clean) {
  if (machine_ && clean) allow_clean_close(machine_->stream->fd());
  watch_.reset();
  machine_.reset();
  in_bytes_ = false;
}

void HttpCall::fail(ProxyResponse told, std::string_view app, std::string_view why) {
  ++state_.stats.http_failed;
  if (auto held_back = state_.give_up_log.pass(monotonic_now()))
    log_no_response({client_.from.ip, client_.dialled, app, id_}, why, *held_back);
  meter_response(told.head.status);
  failure_ = std::move(told);
  outcome_ = Event::kFailed;
}

void HttpCall::await_progress() {
  // Streams of HTTP/2, as gRPC's, may rest in both directions.
  if (!http_.request_ended() && !port_.h2_backend) {
    deadline_ = monotonic_now() + kStallTimeout;
  } else if (port_.idle_timeout == Duration::zero()) {
    deadline_ = kNever;
  } else {
    deadline_ = monotonic_now() + port_.idle_timeout;
  }
}

// Whether the machine falls silent, before it answers: of one of this host its own socket shows it,
// of another's that one's proxy tells.
void HttpCall::begin_watch() {
  look_at_ = kNever;
  told_silent_ = host_is_dead_ = false;
  watch_.reset();
  if (!may_go_elsewhere()) return;
  look_at_ = asked_ + kSilenceLook;
  if (machine_->hop_port == 0) return;
  watch_.emplace(state_.silence_watches,
                 SilenceWatches::Stream{machine_->dialled.host, machine_->hop_port}, [this] {
                   told_silent_ = true;
                   client_.wake();
                 });
}

bool HttpCall::may_go_elsewhere() {
  return http_.can_repeat() && is_idempotent(http_.request().method);
}

// Of a machine that says nothing, though its kernel has the request, nothing is known.
void HttpCall::look_for_silence() {
  look_at_ = kNever;
  if (!machine_ || !http_.attempting() || !http_.response().untouched()) return;
  int stream = machine_->stream->fd();
  if (unacknowledged(stream) == 0) return;
  Instant now = monotonic_now();
  look_at_ = now + kSilenceLook;
  bool here = machine_->dialled.here;
  // On a kept connection the last acknowledgement may be old.
  if (!here && (now - asked_ < kSilentHop || !is_unanswered(stream, kSilentHop))) return;
  if (here && !acknowledges_nothing(stream, kSilentMachine, now - written_)) return;
  if (here) state_.on_silent_machine(machine_->dialled.end);
  leave_silent_machine();
}

// Last: the client's session may end.
void HttpCall::on_host_dead(HostId host) {
  if (!deals_with(host)) return;
  if (dialer_) return dialer_->on_host_dead(host);
  host_is_dead_ = true;
  client_.wake();
}

void HttpCall::on_nothing_read(bool told_silent) {
  if (host_is_dead_) return on_machine_failed(ErrorCode::kPU03, "it is dead", sent_nothing());
  if (told_silent) on_silence_told();
}

// The owner's word may be of the request before, on the same stream.
void HttpCall::on_silence_told() {
  if (http_.response().untouched() && monotonic_now() - asked_ >= kSilentMachine)
    leave_silent_machine();
}

// Without budget it is waited for, as long as it takes.
void HttpCall::leave_silent_machine() {
  if (!may_go_elsewhere() || !take_resend()) return;
  look_at_ = kNever;
  on_machine_failed(ErrorCode::kPC04, "it acknowledges nothing any more", false, true);
}

void HttpCall::on_deadline() {
  if (monotonic_now() < deadline_) return look_for_silence();
  ++state_.stats.http_timeouts;
  dialer_.reset();
  drop_machine(false);
  http_.end_attempt();
  deadline_ = kNever;
  failure_ = http_.request_ended() || port_.h2_backend
                 ? failure(ErrorCode::kPC05, "no byte within idle_timeout")
                 : refusal({408, "its body did not come in time"});
  outcome_ = Event::kFailed;
}

}  // namespace sixpn::flycast
