// Of HttpSession: what the client is told.
#include <optional>
#include <utility>

#include "flycast/io/http_session.h"
#include "flycast/io/tls_relay.h"

namespace sixpn::flycast {
namespace {

// While the client has not taken this much of a response, its machine is not read.
constexpr std::size_t kMostUntaken = 256 * 1024;
// A larger piece of a body is sent from where it was read.
constexpr std::size_t kCopiedPiece = 16 * 1024;

}  // namespace

bool HttpSession::write_client() {
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

bool HttpSession::write_event(HttpCall::Event event, std::string& out) {
  switch (event) {
    case HttpCall::Event::kNone:
      return true;
    case HttpCall::Event::kInterim:
      response_.interim(call_->response_head(), out);
      return true;
    case HttpCall::Event::kHead:
      write_head(out);
      return true;
    case HttpCall::Event::kPiece:
      write_piece(call_->piece(), out);
      return true;
    case HttpCall::Event::kEnd:
      response_.end(call_->trailers(), out);
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

void HttpSession::write_head(std::string& out) {
  // The next request could not be told from the body, or is another proxy's.
  bool leaves = client_.is_tls() && state_.departing();
  if (leaves || call_->body_is_in_doubt()) response_.close_behind();
  response_.head(call_->response_head(), out);
}

void HttpSession::write_piece(std::string_view piece, std::string& out) {
  response_.before(piece, out);
  if (piece.size() <= kCopiedPiece) {
    out.append(piece);
  } else {
    client_.send(out, piece);
    response_.on_sent();
    out.clear();
  }
  response_.behind(out);
}

void HttpSession::send_to_client(std::string_view out) {
  response_.on_sent();
  if (!out.empty()) client_.send(out);
}

void HttpSession::on_switched(std::string& out) {
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
void HttpSession::on_failed() {
  if (response_.begun()) return end();
  answer(call_->take_failure(), client_goes_on());
}

void HttpSession::answer(ProxyResponse told, bool keep_alive) {
  bool no_body = call_ && call_->request().method == "HEAD";
  if (call_) told.head.fields.add("Fly-Request-Id", call_->id());
  if (!call_) response_ = {};
  std::string out;
  response_.instead(told.head, keep_alive, out);
  if (!no_body) out += told.body;
  client_.send(out);
  end_call(keep_alive);
}

void HttpSession::end_call(bool keep_alive) {
  call_.reset();
  if (!keep_alive) {
    phase_ = Phase::kClosing;
    return await(kStallTimeout);
  }
  phase_ = Phase::kReading;
  await_request();
}

void HttpSession::become_relay() {
  phase_ = Phase::kEnded;
  SessionTickets tickets = std::move(machine_->dialled.tickets);
  tickets.client = std::move(ticket_);
  timer_.cancel();
  if (client_.is_tls())
    return start_tls_relay(state_, id_, client_.release_client(),
                           {machine_->stream->release(), machine_->dialled.hop_host(),
                            relay_idle_timeout_, std::move(tickets)});
  ClientStream client = client_.release_client();
  RelayStreams streams{id_, std::move(client.fd), machine_->stream->release()};
  streams.bytes = std::move(client.bytes);
  streams.machine_host = machine_->dialled.hop_host();
  streams.idle_timeout = relay_idle_timeout_;
  std::optional<MachineEnd> end;
  if (machine_->dialled.here) end = machine_->dialled.end;
  state_.relay(std::move(streams), std::move(tickets), end);
}

}  // namespace sixpn::flycast
