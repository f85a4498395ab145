#include "flycast/io/http_session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/request_id.h"
#include "flycast/io/http_call.h"
#include "flycast/io/http_failure.h"
#include "flycast/io/http_machine.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/sockets.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

// What one session does before others get their turn.
constexpr int kStepsPerTurn = 16;
// A request is read in pieces of this size until a machine takes its body.
constexpr std::size_t kRequestChunk = 64 * 1024;
// While the client has not taken this much of a response, its machine is not read.
constexpr std::size_t kMostUntaken = 256 * 1024;
// A larger piece of a body is sent from where it was read.
constexpr std::size_t kCopiedPiece = 16 * 1024;

class HttpSession : public Session, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(ProxyState& state, SessionId id, Fd client, const IpEndpoint& from,
              const IpEndpoint& dialled, ClientCounts::Ticket ticket)
      : state_(state),
        id_(id),
        from_(from),
        dialled_(dialled),
        ticket_(std::move(ticket)),
        client_(state, std::move(client), [this] { turn(); }),
        timer_(state.loop, [this] { on_timer(); }) {}

  void start() {
    if (!client_.valid()) return state_.end(id_);
    await_request();
    turn();
  }

 private:
  enum class Phase : std::uint8_t {
    kReading,    // a request's head, or idle
    kExchange,   // there is an exchange_
    kSwitching,  // a machine switched protocols: what was read goes out, then a relay takes over
    kClosing,    // the last response goes out
    kLingering,  // and what the client still sends is read
    kEnded,
  };

  // Moves what can be moved, then waits for what hinders it.
  void turn() {
    if (in_turn_) return;  // whoever is in it goes on
    auto self = shared_from_this();
    in_turn_ = true;
    int steps = 0;
    while (steps < kStepsPerTurn && phase_ != Phase::kEnded && step()) ++steps;
    in_turn_ = false;
    if (phase_ == Phase::kEnded) return;
    if (steps < kStepsPerTurn) return;  // the streams tell when there is more
    boost::asio::post(state_.loop.context(), [weak = weak_from_this()] {
      if (auto later = weak.lock()) later->turn();
    });
  }

  // True when there may be more to do.
  bool step() {
    client_.flush();
    if (client_.broken()) return end(), false;
    if (machine_) machine_->stream.flush();
    switch (phase_) {
      case Phase::kReading:
        if (machine_ && machine_->stream.readable()) drop_machine(true);  // it closed, or spoke
        return read_client();
      case Phase::kExchange: {
        bool moved = read_client();
        return (phase_ == Phase::kExchange && read_machine()) || moved;
      }
      case Phase::kSwitching:
        if (client_.held() == 0 && machine_->stream.held() == 0) become_relay();
        return false;
      case Phase::kClosing:
        if (client_.held() != 0) return false;
        linger();
        return true;
      case Phase::kLingering:
        return discard();
      case Phase::kEnded:
        break;
    }
    return false;
  }

  // ---------------------------------------------------------------- what the client says

  bool read_client() {
    bool streaming = exchange_ && machine_;
    if (exchange_ && !exchange_->http.wants_body()) return check_client();
    if (streaming && machine_->stream.held() != 0) return false;
    if (!unread_.empty()) {
      std::string bytes = std::exchange(unread_, {});
      on_client_bytes(bytes);
      return true;
    }
    if (!client_.readable()) return false;
    std::string_view bytes;
    switch (client_.read(bytes, streaming ? kHttpChunk : kRequestChunk)) {
      case HttpStream::Got::kNothing:
        return false;
      case HttpStream::Got::kReset:
        end();
        return false;
      case HttpStream::Got::kEnd:
        on_client_end();
        return true;
      case HttpStream::Got::kBytes:
        on_client_bytes(bytes);
        return true;
    }
    return false;
  }

  // It waits for its response: more requests and a FIN can wait too, a reset ends the session.
  bool check_client() {
    if (client_.readable() && is_reset(client_.fd())) end();
    return false;
  }

  void on_client_end() {
    if (exchange_ || !reader_.idle()) return end();  // in the middle of a request
    phase_ = Phase::kClosing;
  }

  void on_client_bytes(std::string_view bytes) {
    std::string to_machine;
    bool whole = false;
    while (!whole) {
      ReadEvent event = reader_.next(bytes);
      if (event == ReadEvent::kMore) break;
      if (event == ReadEvent::kFault) return refuse(reader_.fault());
      if (event == ReadEvent::kHead) begin_exchange();
      if (event == ReadEvent::kPiece) exchange_->http.on_request_piece(reader_.piece(), to_machine);
      whole = event == ReadEvent::kEnd;
    }
    if (whole) exchange_->http.on_request_end(reader_.trailers(), to_machine);
    unread_ = bytes;  // of the next request
    if (!exchange_) return await_head();
    await_progress();
    if (machine_ && exchange_->http.attempting()) {
      machine_->stream.send(to_machine);
    } else if (!exchange_->dialer) {
      find_machine();
    }
  }

  void refuse(const HttpFault& fault) {
    ++(fault.status == 408 ? state_.stats.http_timeouts : state_.stats.http_refused);
    drop_machine(false);
    if (exchange_ && exchange_->answering) return end();
    answer(refusal(fault), false);
  }

  // ---------------------------------------------------------------- one request

  void begin_exchange() {
    ++state_.stats.http_requests;
    exchange_ = std::make_unique<HttpCall>(std::move(reader_.head()), state_.http.kept);
    phase_ = Phase::kExchange;
    auto routed = state_.table.route(network_of(from_.ip), dialled_);
    const Route* route = std::get_if<Route>(&routed);
    if (route != nullptr) exchange_->port = http_port_of(*route);
    Duration idle = exchange_->port.idle_timeout;
    idle_timeout_ = idle == Duration::zero() ? kIdleTimeout : idle;
    exchange_->id = make_request_id(wall_now(), state_.rng, state_.options.region);
    prepare_request(exchange_->http.request(), {from_.ip, dialled_, state_.options.region},
                    exchange_->id);
    if (route != nullptr)
      exchange_->replay = HttpReplay({route->app->app.network, route->app->app.name},
                                     route->port->http.replay_cache, exchange_->http.request(),
                                     state_.replays, monotonic_now());
  }

  void find_machine() {
    bool any_machine = exchange_->replay.is_plain();
    if (machine_ && any_machine && is_idempotent(exchange_->http.request().method))
      return begin_attempt();
    if (machine_ && any_machine && machine_->stream.is_quiet()) return begin_attempt();
    drop_machine(true);
    DialRequest request;
    request.client = from_;
    request.dialled = dialled_;
    request.wish = exchange_->replay.wish();
    request.until = exchange_->replay.deadline();
    request.is_wanted = [this] { return !is_reset(client_.fd()); };
    exchange_->dialer =
        std::make_unique<Dialer>(state_, std::move(request), [this](DialOutcome outcome) {
          auto self = shared_from_this();
          on_dialled(std::move(outcome));
          turn();
        });
    exchange_->dialer->start();
  }

  void on_dialled(DialOutcome outcome) {
    auto calling = std::move(exchange_->dialer);
    if (const auto* failed = std::get_if<DialFailure>(&outcome)) return on_no_machine(*failed);
    ++state_.stats.relayed;
    machine_ = std::make_unique<HttpMachine>(state_, std::move(std::get<Dialled>(outcome)),
                                             [this] { turn(); });
    begin_attempt();
  }

  void on_no_machine(const DialFailure& failed) {
    if (failed.error == DialError::kAbandoned) return end();
    bool had_candidates = failed.error != DialError::kNoCandidate;
    if (exchange_->replay.on_no_machine(had_candidates, exchange_->http.request(), state_.replays,
                                        read_clocks()))
      return find_machine();
    ++state_.stats.http_failed;
    log_failure(failed.app, failed.why);
    bool not_found = !had_candidates && exchange_->replay.wish().only_machine;
    answer(not_found ? failure(ErrorCode::kPR02, failed.why)
                     : failure(failed, exchange_->port.counts_requests),
           client_goes_on());
  }

  void begin_attempt() {
    exchange_->asked = monotonic_now();
    std::string opening;
    exchange_->replay.address(exchange_->http.request(), machine_->dialled.machine);
    exchange_->http.begin_attempt(opening);
    machine_->stream.send(opening);
    await_progress();
  }

  // ---------------------------------------------------------------- what the machine says

  bool read_machine() {
    if (!machine_ || !machine_->stream.readable() || client_.held() >= kMostUntaken) return false;
    std::string_view bytes;
    switch (machine_->stream.read(bytes)) {
      case HttpStream::Got::kNothing:
        return false;
      case HttpStream::Got::kReset:
        on_machine_failed(ErrorCode::kPC03, "");
        return true;
      case HttpStream::Got::kEnd:
        on_machine_end();
        return true;
      case HttpStream::Got::kBytes:
        await_progress();
        on_machine_bytes(bytes);
        return true;
    }
    return false;
  }

  void on_machine_bytes(std::string_view bytes) {
    std::string out;
    while (phase_ == Phase::kExchange) {
      switch (exchange_->http.next(bytes)) {
        case ReadEvent::kMore:
          return send_to_client(out);
        case ReadEvent::kInterim:
          if (!exchange_->client_is_http10)
            write_response_head(exchange_->http.response().head(), {}, out);
          break;
        case ReadEvent::kHead:
          if (!exchange_->replay.takes(exchange_->http.response().head())) write_head(out);
          break;
        case ReadEvent::kPiece:
          if (!exchange_->replay.is_taking())
            write_piece(exchange_->http.response().piece(), out);
          else if (!exchange_->replay.on_piece(exchange_->http.response().piece()))
            return follow_replay(out);
          break;
        case ReadEvent::kEnd:
          if (exchange_->replay.is_taking()) return follow_replay(out);
          return finish(bytes.empty(), out);
        case ReadEvent::kSwitched:
          return on_switched(bytes);
        case ReadEvent::kFault:
          return on_machine_failed(ErrorCode::kPU02, exchange_->http.response().fault().why);
      }
    }
  }

  void on_machine_end() {
    if (exchange_->http.on_machine_end() == ReadEvent::kEnd) {
      std::string out;
      if (exchange_->replay.is_taking()) return follow_replay(out);
      return finish(false, out);
    }
    bool begun = !exchange_->http.response().untouched();
    on_machine_failed(begun ? ErrorCode::kPU02 : ErrorCode::kPC04,
                      exchange_->http.response().fault().why);
  }

  // The machine asked that the request be sent elsewhere.
  void follow_replay(std::string_view interim) {
    if (!interim.empty()) client_.send(interim);
    Dialled from = std::move(machine_->dialled);
    drop_machine(exchange_->http.request_ended());
    exchange_->http.end_attempt();
    ++state_.stats.replays;
    auto failed = exchange_->replay.on_end(
        from.machine, from.region, exchange_->http.can_repeat(), exchange_->http.request(),
        {state_.table.snapshot(), state_.options.replay, state_.replays}, read_clocks());
    if (!failed) return find_machine();
    log_failure(from.app, fmt::format("machine {}: {}", to_string(from.machine),
                                      error_text(failed->code, failed->why)));
    answer(failure(failed->code, failed->why), client_goes_on());
  }

  // For the balancer: how long the machine took, or that it says it cannot. A 500 is an answer:
  // what was asked may be at fault, and would be elsewhere.
  void judge_machine(int status) {
    Instant now = monotonic_now();
    MachineLoad& load = *machine_->dialled.load;
    if (status == 502 || status == 503 || status == 504) {
      load.on_bad_reply(Duration::zero(), now, state_.rng);
    } else {
      load.on_success(now - exchange_->asked, now);
    }
  }

  void write_head(std::string& out) {
    ResponseHead& head = exchange_->http.response().head();
    judge_machine(head.status);
    prepare_response(head, exchange_->port, exchange_->id);
    // Of a body that the client waits to be asked for, nobody knows whether it comes.
    if (exchange_->http.request().expects_continue && exchange_->http.body_untouched())
      exchange_->client_keeps_alive = false;
    WireForm form = response_form(head, exchange_->client_is_http10, exchange_->client_keeps_alive);
    exchange_->client_keeps_alive = form.keep_alive;
    exchange_->body = {form.body.kind};
    exchange_->has_head = true;
    write_response_head(head, form, out);
  }

  void write_piece(std::string_view piece, std::string& out) {
    if (piece.size() <= kCopiedPiece) return exchange_->body.piece(piece, out);
    exchange_->body.before(piece.size(), out);
    exchange_->answering = true;
    client_.send(out, piece);
    out.clear();
    exchange_->body.behind(out);
  }

  void send_to_client(std::string_view out) {
    if (exchange_->has_head) exchange_->answering = true;
    if (!out.empty()) client_.send(out);
  }

  // The response is whole. `exactly`: the machine sent nothing behind it.
  void finish(bool exactly, std::string& out) {
    const ResponseReader& response = exchange_->http.response();
    exchange_->body.end(response.trailers(), out);
    send_to_client(out);
    bool sent_all = exchange_->http.request_ended() && machine_->stream.held() == 0;
    bool keeps = exactly && sent_all && exchange_->http.response().head().keep_alive &&
                 !machine_->stream.broken() && !exchange_->port.counts_requests &&
                 exchange_->replay.is_plain();
    machine_->used = true;
    if (!keeps) drop_machine(sent_all);
    end_exchange(client_goes_on());
  }

  void on_switched(std::string_view bytes) {
    if (!exchange_->http.request_ended())
      return on_machine_failed(ErrorCode::kPU02, "it switched protocols before the request's end");
    ResponseHead& head = exchange_->http.response().head();
    prepare_response(head, exchange_->port, exchange_->id);
    std::string out;
    write_response_head(head, {}, out);
    client_.send(out, bytes);
    machine_->stream.send(std::exchange(unread_, {}));
    relay_idle_timeout_ = exchange_->port.idle_timeout;
    exchange_.reset();
    phase_ = Phase::kSwitching;
    await(kStallTimeout);
  }

  // The machine's connection gives no response any more.
  void on_machine_failed(ErrorCode code, std::string_view why) {
    if (!machine_->used)
      machine_->dialled.load->on_bad_reply(Duration::zero(), monotonic_now(), state_.rng);
    std::string app = machine_->dialled.app;
    std::string reason = fmt::format("machine {}: {}", to_string(machine_->dialled.machine),
                                     why.empty() ? entry_of(code).text : why);
    drop_machine(false);
    exchange_->http.end_attempt();
    if (exchange_->answering) return end();  // cut, and not to be taken for whole
    if (exchange_->http.take_resend()) {
      ++state_.stats.http_resends;
      return find_machine();
    }
    ++state_.stats.http_failed;
    log_failure(app, reason);
    answer(failure(code, reason), client_goes_on());
  }

  // ---------------------------------------------------------------- answers and ends

  bool client_goes_on() { return exchange_->http.request_ended() && exchange_->client_keeps_alive; }

  // Of the proxy's own; the exchange, if there is one, is over.
  void answer(ProxyResponse response, bool keep_alive) {
    bool http10 = exchange_ && exchange_->client_is_http10;
    bool no_body = exchange_ && exchange_->http.request().method == "HEAD";
    if (exchange_) response.head.fields.add("Fly-Request-Id", exchange_->id);
    std::string out;
    write_response_head(response.head, response_form(response.head, http10, keep_alive), out);
    if (!no_body) out += response.body;
    client_.send(out);
    end_exchange(keep_alive);
  }

  void end_exchange(bool keep_alive) {
    exchange_.reset();
    if (!keep_alive) {
      phase_ = Phase::kClosing;
      return await(kStallTimeout);
    }
    phase_ = Phase::kReading;
    await_request();
  }

  void become_relay() {
    phase_ = Phase::kEnded;
    SessionTickets tickets = std::move(machine_->dialled.tickets);
    tickets.client = std::move(ticket_);
    timer_.cancel();
    RelayStreams streams{id_, client_.release(), machine_->stream.release()};
    streams.machine_is_hop = !machine_->dialled.here;
    streams.idle_timeout = relay_idle_timeout_;
    state_.relay(std::move(streams), std::move(tickets));
  }

  void linger() {
    drop_machine(true);
    unread_ = {};
    shutdown(client_.fd(), SHUT_WR);
    phase_ = Phase::kLingering;
    await(kLinger);
  }

  bool discard() {
    std::string_view bytes;
    if (!client_.readable()) return false;
    HttpStream::Got got = client_.read(bytes);
    if (got == HttpStream::Got::kNothing) return false;
    lingered_ += bytes.size();
    if (got == HttpStream::Got::kBytes && lingered_ < kMaxLingerBytes) return true;
    if (got != HttpStream::Got::kReset) allow_clean_close(client_.fd());
    end();
    return false;
  }

  void drop_machine(bool clean) {
    if (machine_ && clean) allow_clean_close(machine_->stream.fd());
    machine_.reset();
  }

  // Resets what is still open.
  void end() {
    phase_ = Phase::kEnded;
    if (exchange_) exchange_->dialer.reset();
    state_.end(id_);
  }

  void log_failure(std::string_view app, std::string_view why) {
    auto held_back = state_.give_up_log.pass(monotonic_now());
    if (!held_back) return;
    log::warn(
        "flycast", "no response to a request of {} to {} ({}, {}): {}{}", to_string(from_.ip),
        to_string(dialled_), app.empty() ? "unknown app" : app, exchange_->id, why,
        *held_back == 0 ? "" : fmt::format(" ({} more such lines were held back)", *held_back));
  }

  // ---------------------------------------------------------------- time

  // The timer is armed anew only when it would fire too late, for most deadlines are not reached.
  void await(Duration patience) { await_until(monotonic_now() + patience); }
  void await_until(Instant deadline) {
    deadline_ = deadline;
    if (deadline_ >= armed_for_) return;
    armed_for_ = deadline_;
    timer_.arm_at(deadline_);
  }

  void await_request() {
    head_begun_ = false;
    await(machine_ ? std::min(kKeptMachine, idle_timeout_) : idle_timeout_);
  }
  void await_head() {
    if (std::exchange(head_begun_, true)) return;
    await(head_timeout());
  }
  void await_progress() {
    if (!exchange_->http.request_ended()) return await(kStallTimeout);
    Duration idle = exchange_->port.idle_timeout;
    await_until(idle == Duration::zero() ? kNever : monotonic_now() + idle);
  }

  // The record is asked only when a head does not come at once.
  Duration head_timeout() {
    auto routed = state_.table.route(network_of(from_.ip), dialled_);
    const Route* route = std::get_if<Route>(&routed);
    Duration given = route == nullptr ? Duration::zero() : http_port_of(*route).head_timeout;
    return given == Duration::zero() ? kHeadTimeout : given;
  }

  void on_timer() {
    auto self = shared_from_this();
    armed_for_ = kNever;
    if (phase_ == Phase::kEnded || deadline_ == kNever) return;
    if (monotonic_now() < deadline_) return await_until(deadline_);
    on_deadline();
    turn();
  }

  void on_deadline() {
    switch (phase_) {
      case Phase::kReading:
        if (!reader_.idle()) return refuse({408, "its head did not come in time"});
        if (machine_ && idle_timeout_ > kKeptMachine) {
          drop_machine(true);
          return await(idle_timeout_ - kKeptMachine);
        }
        phase_ = Phase::kClosing;
        return await(kStallTimeout);
      case Phase::kExchange:
        if (!exchange_->http.request_ended()) return refuse({408, "its body did not come in time"});
        ++state_.stats.http_timeouts;
        drop_machine(false);
        if (exchange_->answering) return end();
        return answer(failure(ErrorCode::kPC05, "no byte within idle_timeout"), false);
      case Phase::kLingering:
        allow_clean_close(client_.fd());
        return end();
      case Phase::kSwitching:
      case Phase::kClosing:
      case Phase::kEnded:
        return end();
    }
  }

  ProxyState& state_;
  SessionId id_;
  IpEndpoint from_;
  IpEndpoint dialled_;
  ClientCounts::Ticket ticket_;
  HttpStream client_;
  LoopTimer timer_;
  Instant deadline_ = kNever;
  Instant armed_for_ = kNever;
  Phase phase_ = Phase::kReading;
  bool in_turn_ = false;
  bool head_begun_ = false;
  RequestReader reader_;
  std::string unread_;  // what the client sent behind the request that is being answered
  std::unique_ptr<HttpCall> exchange_;
  std::unique_ptr<HttpMachine> machine_;
  Duration idle_timeout_ = kIdleTimeout;  // between requests, as the last one's port said
  Duration relay_idle_timeout_{};         // after a switch of protocols; 0: none
  std::size_t lingered_ = 0;
};

}  // namespace

void start_http_session(ProxyState& state, SessionId id, Fd client, const IpEndpoint& from,
                        const IpEndpoint& dialled, ClientCounts::Ticket ticket) {
  auto session =
      std::make_shared<HttpSession>(state, id, std::move(client), from, dialled, std::move(ticket));
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
