#include "flycast/io/http_session.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/io/clock.h"
#include "flycast/core/first_bytes.h"
#include "flycast/io/early_timer.h"
#include "flycast/io/http2_session.h"
#include "flycast/io/http_call.h"
#include "flycast/io/http_failure.h"
#include "flycast/io/http_machine.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/lingering.h"
#include "flycast/io/sockets.h"
#include "flycast/io/tls_relay.h"
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
  HttpSession(ProxyState& state, SessionId id, ClientStream client, const IpEndpoint& from,
              const IpEndpoint& dialled, ClientCounts::Ticket ticket)
      : state_(state),
        id_(id),
        from_(from),
        dialled_(dialled),
        arrival_(from.ip, dialled, state.options.region, client.tls != nullptr),
        ticket_(std::move(ticket)),
        client_(state, std::move(client), [this] { turn(); }),
        timer_(state.loop, [this] { on_timer(); }) {}

  void start() {
    if (!client_.valid()) return state_.end(id_);
    await_request();
    turn();
  }

  void on_departure() override {
    if (call_) call_->on_departure();
    turn();
  }

  [[nodiscard]] bool deals_with(HostId host) const override {
    return call_ ? call_->deals_with(host) : machine_ && machine_->is_behind(host);
  }
  void on_host_dead(HostId host) override {
    if (!deals_with(host)) return;
    if (call_) return call_->on_host_dead(host);
    if (phase_ == Phase::kSwitching) return end();
    machine_.reset();
  }

 private:
  enum class Phase : std::uint8_t {
    kReading,    // a request's head, or idle
    kExchange,   // there is a call_
    kSwitching,  // a machine switched protocols: what was read goes out, then a relay takes over
    kClosing,    // the last response goes out
    kLingering,  // and what the client still sends is read
    kEnded,
  };

  // How far the response to a request has come, on the client's side.
  struct Response {
    Response() = default;
    explicit Response(const RequestHead& request)
        : to_http10(request.is_http10), keeps_alive(request.keep_alive) {}
    bool to_http10 = false;
    bool keeps_alive = false;
    BodyWriter body;
    bool has_head = false;  // it is written
    bool begun = false;     // and some of it went
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
    if (call_) await_until(call_->deadline());
    if (steps < kStepsPerTurn) return;  // the streams tell when there is more
    boost::asio::post(state_.loop.context(), [weak = weak_from_this()] {
      if (auto later = weak.lock()) later->turn();
    });
  }

  // True when there may be more to do.
  bool step() {
    client_.flush();
    if (client_.broken()) return end(), false;
    switch (phase_) {
      case Phase::kReading:
        if (machine_ && !machine_->stream->rests()) drop_machine();  // it closed, or spoke
        if (state_.departure.begun() && may_pass_on()) return pass_on(), false;
        return read_client();
      case Phase::kExchange: {
        call_->flush();
        bool moved = read_client();
        return (phase_ == Phase::kExchange && write_client()) || moved;
      }
      case Phase::kSwitching:
        machine_->stream->flush();
        if (client_.held() == 0 && machine_->stream->held() == 0) become_relay();
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

  // Between two requests. The keys of TLS are this proxy's alone: such a client stays until it was
  // told with its next response.
  [[nodiscard]] bool may_pass_on() const {
    return !client_.is_tls() && reader_.idle() && unread_.empty() && client_.held() == 0;
  }

  // The next request is for the proxy that takes this one's place.
  void pass_on() {
    drop_machine();
    timer_.cancel();
    state_.departure.pass_client(client_.release());
    end();
  }

  // ---------------------------------------------------------------- what the client says

  bool read_client() {
    if (call_ && !call_->wants_body()) return check_client();
    if (!unread_.empty()) {
      std::string bytes = std::exchange(unread_, {});
      on_client_bytes(bytes);
      return true;
    }
    if (!client_.readable()) return false;
    std::string_view bytes;
    bool streaming = call_ && call_->is_streaming();
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
    if (call_ || !reader_.idle() || !preface_.empty()) return end();  // in the middle of a request
    phase_ = Phase::kClosing;
  }

  void on_client_bytes(std::string_view bytes) {
    if (is_new_) return on_first_bytes(bytes);
    bool whole = false;
    while (!whole) {
      ReadEvent event = reader_.next(bytes);
      if (event == ReadEvent::kMore) break;
      if (event == ReadEvent::kFault) return refuse(reader_.fault());
      if (event == ReadEvent::kHead) begin_call();
      if (event == ReadEvent::kPiece) call_->on_piece(reader_.piece());
      whole = event == ReadEvent::kEnd;
    }
    if (whole) call_->on_end(reader_.trailers());
    unread_ = bytes;  // of the next request
    if (!call_) return await_head();
    call_->go_on();
  }

  void on_first_bytes(std::string_view bytes) {
    std::string all = std::exchange(preface_, {});
    if (!all.empty()) bytes = all.append(bytes);
    switch (judge_first_bytes(bytes)) {
      case FirstBytes::kMore:
        preface_ = bytes;
        return await_head();
      case FirstBytes::kOther:
        return end();
      case FirstBytes::kHttp2:
        phase_ = Phase::kEnded;
        timer_.cancel();
        return start_http2_session(state_, id_, client_.release_client(), bytes, from_, dialled_,
                                   std::move(ticket_));
      case FirstBytes::kHttp1:
        is_new_ = false;
        return on_client_bytes(bytes);
    }
  }

  void begin_call() {
    phase_ = Phase::kExchange;
    response_ = Response(reader_.head());
    HttpCall::Client client{from_, dialled_, arrival_, [this] { return is_reset(client_.fd()); },
                            [this] { turn(); }};
    call_ = std::make_unique<HttpCall>(state_, std::move(client), std::move(reader_.head()));
    call_->keep(std::move(machine_));
    Duration idle = call_->port().idle_timeout;
    idle_timeout_ = idle == Duration::zero() ? kIdleTimeout : idle;
  }

  void refuse(const HttpFault& fault) {
    ++(fault.status == 408 ? state_.stats.http_timeouts : state_.stats.http_refused);
    if (call_ && response_.begun) return end();
    answer(refusal(fault), false);
  }

  // ---------------------------------------------------------------- what it is told

  // Passes on what there is of the response.
  bool write_client() {
    if (client_.held() >= kMostUntaken) return false;
    std::string out;
    bool moved = false;
    while (true) {
      HttpCall::Event event = call_->next();
      if (event == HttpCall::Event::kNone) break;
      moved = true;
      if (!write_event(event, out)) return true;
    }
    send_to_client(out);
    return moved || call_->readable();
  }

  // False: the call is over.
  bool write_event(HttpCall::Event event, std::string& out) {
    switch (event) {
      case HttpCall::Event::kNone:
        return true;
      case HttpCall::Event::kInterim:
        if (!response_.to_http10) write_response_head(call_->response_head(), {}, out);
        return true;
      case HttpCall::Event::kHead:
        write_head(out);
        return true;
      case HttpCall::Event::kPiece:
        write_piece(call_->piece(), out);
        return true;
      case HttpCall::Event::kEnd:
        response_.body.end(call_->trailers(), out);
        send_to_client(out);
        machine_ = call_->take_machine();
        end_call(client_goes_on());
        return false;
      case HttpCall::Event::kSwitched:
        on_switched(out);
        return false;
      case HttpCall::Event::kFailed:
        on_failed();
        return false;
      case HttpCall::Event::kGone:
        end();
        return false;
    }
    return false;
  }

  void write_head(std::string& out) {
    // The next request could not be told from the body, or is another proxy's.
    bool leaves = client_.is_tls() && state_.departure.begun();
    if (leaves || call_->body_is_in_doubt()) response_.keeps_alive = false;
    WireForm form =
        response_form(call_->response_head(), response_.to_http10, response_.keeps_alive);
    response_.keeps_alive = form.keep_alive;
    response_.body = {form.body.kind};
    response_.has_head = true;
    write_response_head(call_->response_head(), form, out);
  }

  void write_piece(std::string_view piece, std::string& out) {
    if (piece.size() <= kCopiedPiece) return response_.body.piece(piece, out);
    response_.body.before(piece.size(), out);
    response_.begun = true;
    client_.send(out, piece);
    out.clear();
    response_.body.behind(out);
  }

  void send_to_client(std::string_view out) {
    if (response_.has_head) response_.begun = true;
    if (!out.empty()) client_.send(out);
  }

  void on_switched(std::string& out) {
    write_response_head(call_->response_head(), {}, out);
    client_.send(out, call_->behind());
    machine_ = call_->take_machine();
    machine_->stream->send(std::exchange(unread_, {}));
    relay_idle_timeout_ = call_->port().idle_timeout;
    call_.reset();
    phase_ = Phase::kSwitching;
    await(kStallTimeout);
  }

  // What began is cut, and not to be taken for whole.
  void on_failed() {
    if (response_.begun) return end();
    answer(call_->take_failure(), client_goes_on());
  }

  // ---------------------------------------------------------------- answers and ends

  bool client_goes_on() { return call_->request_ended() && response_.keeps_alive; }

  // Of the proxy's own; the call, if there is one, is over.
  void answer(ProxyResponse told, bool keep_alive) {
    bool no_body = call_ && call_->request().method == "HEAD";
    if (call_) told.head.fields.add("Fly-Request-Id", call_->id());
    bool to_http10 = call_ && response_.to_http10;
    std::string out;
    write_response_head(told.head, response_form(told.head, to_http10, keep_alive), out);
    if (!no_body) out += told.body;
    client_.send(out);
    end_call(keep_alive);
  }

  void end_call(bool keep_alive) {
    call_.reset();
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
    if (client_.is_tls())
      return start_tls_relay(state_, id_, client_.release_client(),
                             {machine_->stream->release(), machine_->dialled.hop_host(),
                              relay_idle_timeout_, std::move(tickets)});
    RelayStreams streams{id_, client_.release(), machine_->stream->release()};
    streams.machine_host = machine_->dialled.hop_host();
    streams.idle_timeout = relay_idle_timeout_;
    std::optional<MachineEnd> end;
    if (machine_->dialled.here) end = machine_->dialled.end;
    state_.relay(std::move(streams), std::move(tickets), end);
  }

  void linger() {
    drop_machine();
    unread_ = {};
    client_.finish();
    phase_ = Phase::kLingering;
    await(kLinger);
  }

  bool discard() {
    switch (lingering_.read(client_)) {
      case Lingering::Read::kMore:
        return true;
      case Lingering::Read::kNothing:
        return false;
      case Lingering::Read::kOver:
        allow_clean_close(client_.fd());
        break;
      case Lingering::Read::kReset:
        break;
    }
    end();
    return false;
  }

  void drop_machine() {
    if (machine_) allow_clean_close(machine_->stream->fd());
    machine_.reset();
  }

  // Resets what is still open.
  void end() {
    phase_ = Phase::kEnded;
    call_.reset();
    state_.end(id_);
  }

  // ---------------------------------------------------------------- time

  void await(Duration patience) { await_until(monotonic_now() + patience); }
  void await_until(Instant deadline) {
    deadline_ = deadline;
    timer_.arm_by(deadline);
  }

  void await_request() {
    head_begun_ = false;
    await(machine_ ? std::min(kKeptMachine, idle_timeout_) : idle_timeout_);
  }
  void await_head() {
    if (std::exchange(head_begun_, true)) return;
    await(head_timeout());
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
    if (phase_ == Phase::kEnded || deadline_ == kNever) return;
    if (monotonic_now() < deadline_) return await_until(deadline_);
    on_deadline();
    turn();
  }

  void on_deadline() {
    switch (phase_) {
      case Phase::kReading:
        if (!reader_.idle() || !preface_.empty())
          return refuse({408, "its head did not come in time"});
        if (machine_ && idle_timeout_ > kKeptMachine) {
          drop_machine();
          return await(idle_timeout_ - kKeptMachine);
        }
        phase_ = Phase::kClosing;
        return await(kStallTimeout);
      case Phase::kExchange:
        return call_->on_deadline();
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
  HttpArrival arrival_;
  ClientCounts::Ticket ticket_;
  HttpStream client_;
  EarlyTimer timer_;
  Instant deadline_ = kNever;
  Phase phase_ = Phase::kReading;
  bool in_turn_ = false;
  bool head_begun_ = false;
  bool is_new_ = true;   // nothing was understood of the client yet
  std::string preface_;  // what it sent may become HTTP/2's
  RequestReader reader_;
  std::string unread_;  // what the client sent behind the request that is being answered
  std::unique_ptr<HttpMachine> machine_;  // between requests, and when protocols are switched
  std::unique_ptr<HttpCall> call_;        // the request that is being answered
  Response response_;                     // to it
  Duration idle_timeout_ = kIdleTimeout;  // between requests, as the last one's port said
  Duration relay_idle_timeout_{};         // after a switch of protocols; 0: none
  Lingering lingering_;
};

}  // namespace

void start_http_session(ProxyState& state, SessionId id, ClientStream client,
                        const IpEndpoint& from, const IpEndpoint& dialled,
                        ClientCounts::Ticket ticket) {
  auto session =
      std::make_shared<HttpSession>(state, id, std::move(client), from, dialled, std::move(ticket));
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
