#include "flycast/io/hop_call.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "flycast/io/acknowledged.h"

namespace sixpn::flycast {
namespace {

// Of a client's first bytes, at most so many go with the preamble.
constexpr std::size_t kMaxEarlyBytes = 64 * 1024;
// Read at once where an answer is awaited, and held until the response is read.
constexpr std::size_t kMostWithAnswer = 16 * 1024;

// What of the first bytes of a socket is there, and leaves it there.
std::string peek_early(int early_from) {
  int ready = 0;
  if (early_from < 0 || ioctl(early_from, FIONREAD, &ready) != 0) return {};
  std::string bytes(std::min(static_cast<std::size_t>(ready), kMaxEarlyBytes), '\0');
  auto got = recv(early_from, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

// Sends a frame, which always fits an empty send buffer, and behind it what fits of `early`: how
// much of that; nothing when the stream is dead.
std::optional<std::size_t> send_with_early(int stream, const std::string& frame,
                                           const std::string& early) {
  std::string bytes = frame + early;
  auto sent = send(stream, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < static_cast<ssize_t>(frame.size())) return std::nullopt;
  return static_cast<std::size_t>(sent) - frame.size();
}

}  // namespace

HopCall::HopCall(EventLoop& loop, HopLinks& links, RestedLinks& rested, const HopRequest& request,
                 Done done)
    : loop_(loop),
      request_(request.connect),
      preamble_(encode_preamble(request.preamble)),
      early_from_(request.early_from),
      ahead_(request.ahead),
      reply_timeout_(request.reply_timeout),
      answer_grace_(request.answer_grace),
      nonce_(request.preamble.nonce),
      done_(std::move(done)),
      deadline_(loop, [this] { on_deadline(); }) {
  deadline_.arm_after(request_.timeout);
  if (nonce_ != 0) rested_ = rested.take(request_.remote);
  warm_ = rested_ && speak(rested_->fd());
  if (warm_) {
    rested_->set_ready([this] { hear_rested(); });
    return;
  }
  rested_.reset();
  Fd link = links.take(request_.remote);
  warm_ = link && speak(link.get());
  if (warm_) {
    hear(std::move(link));
  } else {
    connect();
  }
}

HopCall::~HopCall() = default;

void HopCall::connect() {
  deadline_.arm_after(request_.timeout);
  connector_.emplace(loop_, request_,
                     [this](ConnectOutcome outcome) { on_connected(std::move(outcome)); });
}

void HopCall::on_connected(ConnectOutcome outcome) {
  if (outcome.error != 0) return fail(outcome.error);
  if (!speak(outcome.stream.get())) return fail(ECONNRESET);
  hear(std::move(outcome.stream));
}

bool HopCall::speak(int stream) {
  bool is_looked_at = rested_ || early_from_ >= 0 || !ahead_.empty();
  acknowledged_before_ = is_looked_at ? acknowledged(stream) : 0;
  auto early =
      send_with_early(stream, preamble_, ahead_.empty() ? peek_early(early_from_) : ahead_);
  if (!early) return false;
  early_bytes_ = *early;
  if (reply_timeout_) deadline_.arm_after(*reply_timeout_);
  return true;
}

void HopCall::hear(Fd stream) {
  stream_ = std::move(stream);
  reader_.emplace(loop_, stream_.get(),
                  [this](Result<std::string> body) { on_reply(std::move(body)); });
}

void HopCall::hear_rested() {
  while (rested_ && rested_->readable())
    if (auto body = read_rested()) return on_reply(std::move(*body));
}

// What comes behind the answer is the machine's, and for who reads the response.
std::optional<Result<std::string>> HopCall::read_rested() {
  std::string_view bytes;
  switch (rested_->read(bytes, kMostWithAnswer)) {
    case HttpStream::Got::kNothing:
      return std::nullopt;
    case HttpStream::Got::kEnd:
      return Error("the connection ended before a hop frame", ENODATA);
    case HttpStream::Got::kReset:
      return Error("the connection was reset", ECONNRESET);
    case HttpStream::Got::kBytes:
      break;
  }
  auto body = answer_.take(bytes);
  if (body) rested_->unread(bytes);
  return body;
}

void HopCall::on_reply(Result<std::string> body) {
  auto reply = body ? decode_reply(*body) : Result<HopReply>(body.error());
  bool is_answer = reply && (!rested_ || reply->nonce == nonce_);
  if (!is_answer && warm_ && !may_be_delivered()) {
    // The link died unnoticed (that host's agent was restarted, say), or was spoilt. It tells
    // nothing of the host.
    warm_ = false;
    rested_.reset();
    reader_.reset();
    stream_.close();
    return connect();
  }
  if (!body) return fail(body.error().code != 0 ? body.error().code : EPROTO);
  if (!is_answer) return fail(EPROTO);
  HopOutcome outcome;
  outcome.reply = *reply;
  outcome.stream = std::move(stream_);
  if (rested_) rested_->set_ready(nullptr);
  outcome.rested = std::move(rested_);
  outcome.early_bytes = early_bytes_;
  if (!ahead_.empty()) outcome.unsent = ahead_.substr(early_bytes_);
  finish(std::move(outcome));
}

// A refusal proves that they were not. So does a stream of which nothing was acknowledged: its
// other end was gone before they came.
bool HopCall::may_be_delivered() const {
  return early_bytes_ > 0 && stream() >= 0 && acknowledged(stream()) != acknowledged_before_;
}

int HopCall::stream() const {
  return rested_ ? rested_->fd() : stream_.get();
}

void HopCall::on_deadline() {
  if (in_grace_ || !may_be_delivered()) return give_up();
  in_grace_ = true;
  deadline_.arm_after(answer_grace_);
}

// What connects after that must not be spoken to, nor what is said over the stream be heard: a link
// that dies would have the preamble sent once more.
void HopCall::give_up() {
  connector_.reset();
  reader_.reset();
  if (rested_) rested_->set_ready(nullptr);
  fail(ETIMEDOUT);
}

void HopCall::fail(int error) {
  HopOutcome outcome;
  outcome.may_be_delivered = may_be_delivered();
  // Where nothing came though its kernel has the preamble, a machine's late words may be why.
  bool lives =
      error != ETIMEDOUT || (stream() >= 0 && acknowledged(stream()) != acknowledged_before_);
  outcome.was_rested = rested_ && lives;
  outcome.error = error;
  finish(std::move(outcome));
}

// Last: the callback may destroy the call.
void HopCall::finish(HopOutcome outcome) {
  deadline_.cancel();
  Done call = std::exchange(done_, nullptr);
  if (call) call(std::move(outcome));
}

}  // namespace sixpn::flycast
