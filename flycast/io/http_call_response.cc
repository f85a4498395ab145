// Of HttpCall: what the machine answers.
#include <utility>

#include "base/io/clock.h"
#include "flycast/io/http_call.h"
#include "flycast/io/unread.h"

namespace sixpn::flycast {
namespace {

// Of a response that is compressed, which takes a while: others wait for it.
constexpr std::size_t kCompressedAtOnce = 32 * 1024;

}  // namespace

HttpCall::Event HttpCall::next() {
  if (outcome_ == Event::kNone) outcome_ = std::exchange(then_, Event::kNone);
  if (outcome_ == Event::kNone && std::exchange(rests_, false)) return Event::kNone;
  if (outcome_ == Event::kNone && !in_bytes_) in_bytes_ = read_machine();
  while (outcome_ == Event::kNone && in_bytes_) on_read(http_.next(bytes_));
  return std::exchange(outcome_, Event::kNone);
}

// Whether there are bytes_.
bool HttpCall::read_machine() {
  bool told_silent = std::exchange(told_silent_, false);
  if (!http_.attempting()) return false;
  if (!readable()) {
    on_nothing_read(told_silent);
    return false;
  }
  switch (machine_->stream->read(bytes_, gzip_ ? kCompressedAtOnce : kHttpChunk)) {
    case HttpStream::Got::kNothing:
      on_nothing_read(told_silent);
      break;
    case HttpStream::Got::kReset:
      on_machine_failed(ErrorCode::kPC03, "", sent_nothing());
      break;
    case HttpStream::Got::kEnd:
      on_machine_end();
      break;
    case HttpStream::Got::kBytes:
      await_progress();
      return true;
  }
  return false;
}

void HttpCall::on_read(ReadEvent event) {
  switch (event) {
    case ReadEvent::kMore:
      on_all_read();
      break;
    case ReadEvent::kInterim:
      outcome_ = Event::kInterim;
      break;
    case ReadEvent::kHead:
      on_head();
      break;
    case ReadEvent::kPiece:
      on_piece_of_response();
      break;
    case ReadEvent::kEnd:
      on_whole(bytes_.empty());
      break;
    case ReadEvent::kSwitched:
      on_switched();
      break;
    case ReadEvent::kFault:
      on_machine_failed(ErrorCode::kPU02, http_.response().fault().why);
      break;
  }
}

void HttpCall::on_head() {
  if (replay_.takes(response_head())) return;
  if (machine_->reset_reason() == kAnsweredHere)
    ++state_.stats.http_refused;  // the machine was not asked
  else
    judge_machine(response_head().status);
  meter_response(response_head().status);
  if (port_.compress) begin_compression();
  prepare_response(response_head(), port_, id_);
  outcome_ = Event::kHead;
}

void HttpCall::meter_response(int status) {
  if (meter_) state_.meters.on_response(&meter_->responses, status, monotonic_now() - began_);
}

void HttpCall::begin_compression() {
  if (!is_compressible(http_.request(), response_head())) return;
  mark_negotiated(response_head());
  if (!accepts_gzip(http_.request().fields)) return;
  gzip_ = GzipWriter::open(state_.http.compressions);
  if (gzip_) mark_gzip(response_head());
}

void HttpCall::on_piece_of_response() {
  std::string_view bytes = http_.response().piece();
  if (replay_.is_taking()) {
    if (!replay_.on_piece(bytes)) follow_replay();
    return;
  }
  if (gzip_) {
    coded_.clear();
    gzip_->piece(bytes, coded_);
    if (coded_.empty()) return;
  }
  outcome_ = Event::kPiece;
}

// What the machine has said is the client's, though more may follow.
void HttpCall::on_all_read() {
  in_bytes_ = false;
  if (!gzip_) return;
  coded_.clear();
  gzip_->flush(coded_);
  if (coded_.empty()) return;
  outcome_ = Event::kPiece;
  rests_ = true;
}

// For the balancer: how long the machine took, or that it says it cannot. A 500 is an answer: what
// was asked may be at fault, and would be elsewhere.
void HttpCall::judge_machine(int status) {
  Instant now = monotonic_now();
  if (auto& meter = machine_->dialled.meter)
    state_.meters.on_response(&meter->responses, status, now - asked_);
  bool cannot = status == 502 || status == 503 || status == 504;
  state_.with_load(machine_->dialled.load, [&](MachineLoad& load) {
    if (cannot)
      load.on_bad_reply(Duration::zero(), now, state_.rng);
    else
      load.on_success(now - asked_, now);
  });
}

// The response is. `exactly`: the machine sent nothing behind it.
void HttpCall::on_whole(bool exactly) {
  if (replay_.is_taking()) return follow_replay();
  HttpStream& stream = *machine_->stream;
  bool sent_all = http_.request_ended() && stream.held() == 0;
  bool clean = exactly && sent_all && response_head().keep_alive && !stream.broken();
  bool for_client = clean && !port_.counts_requests && replay_.is_plain();
  machine_->used = true;
  if (clean && machine_->put_away(state_)) {
    machine_.reset();
  } else if (!for_client) {
    drop_machine(sent_all);
  }
  in_bytes_ = false;
  outcome_ = Event::kEnd;
  if (!gzip_) return;
  coded_.clear();
  gzip_->end(coded_);
  outcome_ = Event::kPiece;
  then_ = Event::kEnd;
}

void HttpCall::on_switched() {
  if (!http_.request_ended())
    return on_machine_failed(ErrorCode::kPU02, "it switched protocols before the request's end");
  prepare_response(response_head(), port_, id_);
  in_bytes_ = false;
  outcome_ = Event::kSwitched;
}

void HttpCall::on_machine_end() {
  if (http_.on_machine_end() == ReadEvent::kEnd) return on_whole(false);
  bool begun = !http_.response().untouched();
  HttpStream& stream = *machine_->stream;
  bool unseen =
      !begun && (sent_nothing() || (went_ahead_ == 0 && closed_before(stream.fd(), sent_before_)));
  on_machine_failed(begun ? ErrorCode::kPU02 : ErrorCode::kPC04, http_.response().fault().why,
                    unseen);
}

}  // namespace sixpn::flycast
