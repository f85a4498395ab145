#include "flycast/io/http2_stream.h"

#include <algorithm>
#include <utility>

#include "base/io/clock.h"

namespace sixpn::flycast {
namespace {

// How much of a request's body a call is given at once.
constexpr std::size_t kPiece = 64 * 1024;

bool has_no_body(const ResponseHead& head) {
  return head.body.kind == BodyKind::kNone ||
         (head.body.kind == BodyKind::kLength && head.body.length == 0);
}

}  // namespace

Http2Stream::Http2Stream(ProxyState& state, Http2Codec& codec, Http2StreamId id,
                         ClientTicket ticket, std::unique_ptr<HttpCall> call)
    : state_(state),
      codec_(codec),
      id_(id),
      ticket_(std::move(ticket)),
      call_(std::move(call)),
      idle_timeout_(call_->port().idle_timeout),
      sent_at_(monotonic_now()) {
  state_.on_http2_stream(true);
}

Http2Stream::~Http2Stream() {
  state_.on_http2_stream(false);
  state_.http.held -= body_.size();
  state_.http.opened -= window_ - kHttp2FirstWindow;
}

// ------------------------------------------------------------------ the request

void Http2Stream::on_body(std::string_view piece) {
  if (!call_) return codec_.consume(id_, piece.size());
  body_.append(piece);
  state_.http.held += piece.size();
}

void Http2Stream::on_request_end(const HeaderList& trailers) {
  trailers_ = trailers;
  ended_ = true;
}

void Http2Stream::hand_in() {
  std::size_t at = 0;
  give_back();
  while (at < body_.size() && call_->wants_body()) {
    std::string_view piece = std::string_view(body_).substr(at, kPiece);
    call_->on_piece(piece);
    untaken_ += piece.size();
    at += piece.size();
    call_->go_on();
    give_back();
    news_ = false;
  }
  body_.erase(0, at);
  state_.http.held -= at;
  if (ended_ && body_.empty() && !call_->request_ended()) {
    call_->on_end(trailers_);
    news_ = true;
  }
  if (std::exchange(news_, false)) call_->go_on();
}

void Http2Stream::give_back() {
  if (untaken_ == 0 || !call_->is_taken()) return;
  codec_.consume(id_, untaken_);
  moved_ += std::exchange(untaken_, 0);
  if (moved_ >= window_ && !ended_) widen();
}

// A body that moves may have more on its way, while there is room for all of it.
void Http2Stream::widen() {
  moved_ = 0;
  const HttpBuffers& all = state_.http;
  if (all.held + all.opened + window_ > all.most_held || !codec_.widen(id_)) return;
  state_.http.opened += window_;
  window_ *= 2;
}

// ------------------------------------------------------------------ the response

bool Http2Stream::is_full() const {
  std::size_t buffered = codec_.buffered(id_);
  return buffered >= kMaxHttp2Buffered ||
         (buffered != 0 && state_.http.held >= state_.http.most_held);
}

bool Http2Stream::turn() {
  if (!call_) return false;
  call_->flush();
  hand_in();
  while (!is_full()) {
    bool moved = take_events();
    if (!call_) return false;
    if (!moved && !call_->readable()) return false;
  }
  return true;
}

// Whether there were any.
bool Http2Stream::take_events() {
  bool moved = false;
  while (call_) {
    HttpCall::Event event = call_->next();
    if (event == HttpCall::Event::kNone) break;
    moved = true;
    on_event(event);
  }
  return moved;
}

void Http2Stream::on_event(HttpCall::Event event) {
  switch (event) {
    case HttpCall::Event::kNone:
      return;
    case HttpCall::Event::kInterim:
      return codec_.respond(id_, call_->response_head(), false);
    case HttpCall::Event::kHead:
      has_head_ = true;
      is_bare_ = has_no_body(call_->response_head());
      return codec_.respond(id_, call_->response_head(), is_bare_);
    case HttpCall::Event::kPiece:
      return codec_.send_body(id_, call_->piece());
    case HttpCall::Event::kEnd:
      if (!is_bare_) codec_.end_body(id_, call_->trailers());
      machine_ = call_->take_machine();
      return close();
    case HttpCall::Event::kFailed:
      return on_failed(call_->take_failure());
    case HttpCall::Event::kSwitched:  // nobody asked for that
    case HttpCall::Event::kGone:
      codec_.reset(id_, Http2Error::kInternal);
      return close();
  }
}

// What began is cut, and not to be taken for whole. A reset of the machine's is passed on.
void Http2Stream::on_failed(ProxyResponse told) {
  std::uint32_t reason = call_->reset_reason();
  if (has_head_ || reason != 0) {
    codec_.reset(id_, reason == 0 ? Http2Error::kInternal : static_cast<Http2Error>(reason));
    return close();
  }
  told.head.fields.add("Fly-Request-Id", call_->id());
  bool bare = call_->request().method == "HEAD" || told.body.empty();
  codec_.respond(id_, told.head, bare);
  codec_.send_body(id_, bare ? std::string_view() : told.body);
  if (!bare) codec_.end_body(id_, {});
  close();
}

// Nobody waits for the rest of the request.
void Http2Stream::close() {
  call_.reset();
  codec_.consume(id_, body_.size() + std::exchange(untaken_, 0));
  state_.http.held -= body_.size();
  body_ = {};
}

// ------------------------------------------------------------------ time

Instant Http2Stream::deadline(Instant now) const {
  Instant when = call_ ? call_->deadline() : kNever;
  return codec_.buffered(id_) == 0 ? when : std::min(when, now + kHttp2StallTimeout / 4);
}

bool Http2Stream::on_time(Instant now) {
  if (codec_.buffered(id_) == 0 || codec_.sent(id_) != sent_) {
    sent_ = codec_.sent(id_);
    sent_at_ = now;
  } else if (now - sent_at_ >= kHttp2StallTimeout) {
    ++state_.stats.http_timeouts;
    codec_.reset(id_, Http2Error::kCancel);
    close();
    return false;
  }
  if (!call_ || call_->deadline() > now) return false;
  call_->on_deadline();
  return true;
}

}  // namespace sixpn::flycast
