#include "flycast/io/http_session.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "flycast/core/first_bytes.h"
#include "flycast/io/http2_session.h"
#include "flycast/io/sockets.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

// What one session does before others get their turn.
constexpr int kStepsPerTurn = 16;
// A request is read in pieces of this size until a machine takes its body.
constexpr std::size_t kRequestChunk = 64 * 1024;

}  // namespace

HttpSession::HttpSession(ProxyState& state, SessionId id, ClientStream client,
                         const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket)
    : state_(state),
      id_(id),
      from_(from),
      dialled_(dialled),
      arrival_(from.ip, dialled, state.options.region, client.tls != nullptr),
      ticket_(std::move(ticket)),
      client_(state, std::move(client), [this] { turn(); }),
      timer_(state.loop, [this] { on_timer(); }) {}

void HttpSession::start() {
  if (!client_.valid()) return state_.end(id_);
  await_request();
  turn();
}

void HttpSession::on_departure() {
  if (call_) call_->on_departure();
  turn();
}

bool HttpSession::deals_with(HostId host) const {
  return call_ ? call_->deals_with(host) : machine_ && machine_->is_behind(host);
}

void HttpSession::on_host_dead(HostId host) {
  if (!deals_with(host)) return;
  if (call_) return call_->on_host_dead(host);
  if (phase_ == Phase::kSwitching) return end();
  machine_.reset();
}

// Moves what can be moved, then waits for what hinders it.
void HttpSession::turn() {
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

bool HttpSession::step() {
  client_.flush();
  if (client_.broken()) return end(), false;
  switch (phase_) {
    case Phase::kReading:
      if (machine_ && !machine_->stream->rests()) drop_machine();  // it closed, or spoke
      if (state_.departing() && may_pass_on()) return pass_on(), false;
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

// The next request is for the proxy that takes this one's place.
void HttpSession::pass_on() {
  drop_machine();
  timer_.cancel();
  state_.commons.first.pass_client(client_.release());
  end();
}

// ------------------------------------------------------------------ what the client says

bool HttpSession::read_client() {
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
bool HttpSession::check_client() {
  if (client_.readable() && is_reset(client_.fd())) end();
  return false;
}

void HttpSession::on_client_end() {
  if (call_ || !reader_.idle() || !preface_.empty()) return end();  // in the middle of a request
  phase_ = Phase::kClosing;
}

void HttpSession::on_client_bytes(std::string_view bytes) {
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

void HttpSession::on_first_bytes(std::string_view bytes) {
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

void HttpSession::begin_call() {
  phase_ = Phase::kExchange;
  response_ = Http1ResponseWriter(reader_.head());
  HttpCall::Client client{from_, dialled_, arrival_, [this] { return is_reset(client_.fd()); },
                          [this] { turn(); }};
  call_ = std::make_unique<HttpCall>(state_, std::move(client), std::move(reader_.head()));
  call_->keep(std::move(machine_));
  Duration idle = call_->port().idle_timeout;
  idle_timeout_ = idle == Duration::zero() ? kIdleTimeout : idle;
}

void HttpSession::refuse(const HttpFault& fault) {
  ++(fault.status == 408 ? state_.stats.http_timeouts : state_.stats.http_refused);
  if (call_ && response_.begun()) return end();
  answer(refusal(fault), false);
}

// ------------------------------------------------------------------ ends

void HttpSession::linger() {
  drop_machine();
  unread_ = {};
  client_.finish();
  phase_ = Phase::kLingering;
  await(kLinger);
}

bool HttpSession::discard() {
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

void HttpSession::drop_machine() {
  if (machine_) allow_clean_close(machine_->stream->fd());
  machine_.reset();
}

// Resets what is still open.
void HttpSession::end() {
  phase_ = Phase::kEnded;
  call_.reset();
  state_.end(id_);
}

// ------------------------------------------------------------------ time

void HttpSession::await_until(Instant deadline) {
  deadline_ = deadline;
  timer_.arm_by(deadline);
}

void HttpSession::await_request() {
  head_begun_ = false;
  await(machine_ ? std::min(kKeptMachine, idle_timeout_) : idle_timeout_);
}

void HttpSession::await_head() {
  if (std::exchange(head_begun_, true)) return;
  await(head_timeout());
}

// The record is asked only when a head does not come at once.
Duration HttpSession::head_timeout() {
  auto routed = state_.table.route(network_of(from_.ip), dialled_);
  const Route* route = std::get_if<Route>(&routed);
  Duration given = route == nullptr ? Duration::zero() : http_port_of(*route).head_timeout;
  return given == Duration::zero() ? kHeadTimeout : given;
}

void HttpSession::on_timer() {
  auto self = shared_from_this();
  if (phase_ == Phase::kEnded || deadline_ == kNever) return;
  if (monotonic_now() < deadline_) return await_until(deadline_);
  on_deadline();
  turn();
}

void HttpSession::on_deadline() {
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

void start_http_session(ProxyState& state, SessionId id, ClientStream client,
                        const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket) {
  auto session =
      std::make_shared<HttpSession>(state, id, std::move(client), from, dialled, std::move(ticket));
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
