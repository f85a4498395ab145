#include "flycast/io/http2_machine.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <utility>

#include "flycast/core/http1_head.h"
#include "flycast/core/http1_reader.h"
#include "flycast/io/http2_machine_codec.h"
#include "flycast/io/http_failure.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

// What one session does before others get their turn.
constexpr int kStepsPerTurn = 16;
constexpr std::size_t kReadSize = 64 * 1024;
// Frames that the machine did not take: no more are made.
constexpr std::size_t kMostHeld = 256 * 1024;
// Of what the call does not take: more than flow control lets come, which only interim responses
// exceed. Then the machine's frames wait, those that keep its connection alive too.
constexpr std::size_t kMostUntold = kHttp2StreamWindow + kMostHeld;

constexpr HttpFault kTooLargeForMachine{431, "its fields are larger than what the machine takes"};

class Http2Machine : public Session, public std::enable_shared_from_this<Http2Machine> {
 public:
  Http2Machine(ProxyState& state, SessionId id, Fd machine, Fd call, Http2Reason reason)
      : state_(state),
        id_(id),
        call_(state, std::move(call), [this] { turn(); }),
        machine_(state, std::move(machine), [this] { turn(); }),
        codec_(events()),
        reason_(std::move(reason)) {}

  ~Http2Machine() override { state_.http.held -= counted_; }

  [[nodiscard]] bool valid() const { return call_.valid() && machine_.valid(); }

 private:
  Http2MachineCodec::Events events() {
    return {[this](const ResponseHead& head) { write_response_head(head, {}, to_call_); },
            [this](const ResponseHead& head) { on_head(head); },
            [this](std::string_view piece) {
              body_.piece(piece, to_call_);
              owed_ += piece.size();
            },
            [this](const HeaderList& trailers) {
              body_.end(trailers, to_call_);
              is_whole_ = true;
            },
            [this](std::uint32_t error) { on_closed(error); }};
  }

  // Moves what can be moved; what hinders the rest tells when it does not any more.
  void turn() {
    auto self = shared_from_this();
    if (ended_ || std::exchange(in_turn_, true)) return;
    int steps = 0;
    while (steps < kStepsPerTurn && !ended_ && step()) ++steps;
    in_turn_ = false;
    count_held();
    if (ended_ || steps < kStepsPerTurn) return;
    boost::asio::post(state_.loop.context(), [weak = weak_from_this()] {
      if (auto later = weak.lock()) later->turn();
    });
  }

  // True when there may be more to do.
  bool step() {
    call_.flush();
    machine_.flush();
    bool moved = read_call();
    if (!ended_) moved = read_machine() || moved;
    if (!ended_) moved = write_machine() || moved;
    if (!ended_) write_call();
    return moved;
  }

  // ---------------------------------------------------------------- the call's requests

  bool read_call() {
    std::size_t untaken = codec_.buffered();
    bool is_full =
        untaken >= kMaxHttp2Untaken || (untaken != 0 && state_.http.held >= state_.http.most_held);
    // Its end is not read before the machine takes what came: one that never does would hold it
    // all.
    if (call_.broken() || (is_full && call_.ended())) {
      on_call_gone();
      return false;
    }
    if (!call_.readable() || is_full) return false;
    std::string_view bytes;
    switch (call_.read(bytes, kReadSize)) {
      case HttpStream::Got::kNothing:
        return false;
      case HttpStream::Got::kEnd:
      case HttpStream::Got::kReset:
        on_call_gone();
        return false;
      case HttpStream::Got::kBytes:
        on_call_bytes(bytes);
        return true;
    }
    return false;
  }

  void on_call_bytes(std::string_view bytes) {
    while (!is_refused_) {
      switch (reader_.next(bytes)) {
        case ReadEvent::kHead:
          on_request(reader_.head());
          break;
        case ReadEvent::kPiece:
          codec_.send_body(reader_.piece());
          break;
        case ReadEvent::kEnd:
          codec_.end_body(reader_.trailers());
          break;
        case ReadEvent::kFault:
          return refuse(reader_.fault());
        default:  // all is read
          return;
      }
    }
  }

  void on_request(const RequestHead& head) {
    is_whole_ = has_head_ = false;
    method_ = head.method;
    codec_.request(head);
    if (codec_.is_too_large()) refuse(kTooLargeForMachine);
  }

  // Answers in the machine's place, which is not to blame; nothing more is heard of either side.
  void refuse(const HttpFault& fault) {
    if (std::exchange(is_refused_, true)) return;
    if (has_head_) return on_call_gone();
    codec_.reset(Http2Error::kCancel);
    *reason_ = kAnsweredHere;
    ProxyResponse told = refusal(fault);
    WireForm form;
    form.body = told.head.body;
    form.keep_alive = false;
    write_response_head(told.head, form, to_call_);
    if (method_ != "HEAD") to_call_ += told.body;
    is_whole_ = true;
  }

  // The request is not wanted any more, or the connection.
  void on_call_gone() {
    codec_.reset(Http2Error::kCancel);
    write_machine();
    end();
  }

  // ---------------------------------------------------------------- the machine's responses

  bool read_machine() {
    // Interim responses know no flow control.
    if (!open_ || is_refused_ || !machine_.readable() || call_.held() >= kMostUntold) return false;
    std::string_view bytes;
    switch (machine_.read(bytes, kReadSize)) {
      case HttpStream::Got::kNothing:
        return false;
      case HttpStream::Got::kEnd:
      case HttpStream::Got::kReset:
        on_machine_gone();
        return true;
      case HttpStream::Got::kBytes:
        if (!codec_.feed(bytes)) on_machine_gone();
        return true;
    }
    return false;
  }

  // The call may not have taken all of what came before.
  void on_machine_gone() {
    open_ = false;
    if (!is_whole_ && !has_head_ && codec_.is_too_large()) refuse(kTooLargeForMachine);
  }

  bool write_machine() {
    std::string batch;
    while (machine_.held() + batch.size() < kMostHeld) {
      std::string_view frame = codec_.next_output();
      if (frame.empty()) break;
      batch.append(frame);
    }
    if (!batch.empty()) machine_.send(batch);
    return !batch.empty();
  }

  void on_head(const ResponseHead& head) {
    has_head_ = true;
    ResponseHead answer = head;
    WireForm form;
    form.body = head.body;
    // Without a body, and not because there never is one: HTTP/1 has to say so.
    if (form.body.kind == BodyKind::kNone && !has_no_body(method_, head.status))
      form.body = {BodyKind::kLength, 0};
    form.keep_alive = !codec_.is_over();
    answer.body = form.body;
    body_ = {form.body.kind};
    write_response_head(answer, form, to_call_);
  }

  // These say something else of a request.
  [[nodiscard]] static bool may_be_for_size(std::uint32_t error) {
    return error != static_cast<std::uint32_t>(Http2Error::kRefusedStream) &&
           error != static_cast<std::uint32_t>(Http2Error::kCancel) &&
           error != static_cast<std::uint32_t>(Http2Error::kInternal);
  }

  void on_closed(std::uint32_t error) {
    if (is_whole_) return;
    if (!has_head_ && codec_.is_too_large() && may_be_for_size(error))
      return refuse(kTooLargeForMachine);
    *reason_ = error == 0 ? static_cast<std::uint32_t>(Http2Error::kProtocol) : error;
    is_cut_ = true;
  }

  void write_call() {
    if (!to_call_.empty()) call_.send(std::exchange(to_call_, {}));
    if (call_.held() == 0 && owed_ != 0) {
      codec_.consume(std::exchange(owed_, 0));
      write_machine();
    }
    if (call_.held() != 0) return;
    // The call must not take what was cut for whole; it reads the end behind what came before.
    bool is_last = !codec_.is_busy() && is_whole_ && codec_.is_over();
    if (is_cut_ || is_last || is_refused_ || !open_) end();
  }

  void count_held() {
    std::size_t held = codec_.buffered();
    state_.http.held += held - counted_;  // modulo, where it is less
    counted_ = held;
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    if (machine_.held() == 0) allow_clean_close(machine_.fd());
    state_.end(id_);
  }

  ProxyState& state_;
  SessionId id_;
  HttpStream call_;
  HttpStream machine_;
  Http2MachineCodec codec_;
  Http2Reason reason_;
  RequestReader reader_ = RequestReader::of_proxy();
  std::string method_;
  std::string to_call_;
  BodyWriter body_;          // of the response
  std::size_t owed_ = 0;     // bytes of it that the call did not take: the window stays closed
  std::size_t counted_ = 0;  // in what the loop's sessions hold
  bool is_whole_ = true;     // the response, or there is no request
  bool has_head_ = false;    // of it, the call has that
  bool is_cut_ = false;      // it will never be whole
  bool is_refused_ = false;  // it is our own
  bool open_ = true;         // the machine may say more
  bool in_turn_ = false;
  bool ended_ = false;
};

}  // namespace

Fd speak_http2(ProxyState& state, Fd machine, Http2Reason reason) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return {};
  Fd calls(ends[0]);
  SessionId id = state.next_id();
  auto session =
      std::make_shared<Http2Machine>(state, id, std::move(machine), Fd(ends[1]), std::move(reason));
  if (!session->valid()) return {};
  state.keep(id, session);
  return calls;
}

}  // namespace sixpn::flycast
