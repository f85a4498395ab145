// HttpExchange: one request of a client and the response to it, whatever machine gives it in the
// end. It keeps what is needed to send the request once more (its head, and its body up to
// kMaxKeptBody), says when that may be done without asking for something twice, and reads the
// response. Bytes in, bytes and events out: it knows neither sockets nor which machine.
//
// Not the client's connection (RequestReader, or HTTP/2), and no choice of machine (Dialer).
// Called by HttpSession on its loop. Pure. Memory: the request's head, kept body, a response's
// unfinished head.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "flycast/core/http1_reader.h"
#include "flycast/core/kept_bytes.h"

namespace sixpn::flycast {

// Of a request's body, for sending it again: this much always, up to kMaxReplayedBody
// (replay_course.h) while all exchanges of a loop together keep less than kMaxKeptInAll beyond.
inline constexpr std::size_t kMaxKeptBody = 64 * 1024;
inline constexpr std::size_t kMaxKeptInAll = 32 * 1024 * 1024;
struct KeptBodies {
  std::size_t most = kMaxKeptInAll;  // of which a loop has its part
  std::size_t bytes = 0;             // beyond kMaxKeptBody of each
};
// After a machine's connection gave no answer. Only one of them after a machine that may have acted
// on the request: what kills those that read it must not meet them all.
inline constexpr int kMaxResends = 3;

class HttpExchange {
 public:
  // Without `all`, which must outlive it, it keeps kMaxKeptBody.
  explicit HttpExchange(RequestHead head, KeptBodies* all = nullptr);
  ~HttpExchange() { stop_keeping(); }
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  // Its fields may be changed before the first attempt, its framing not.
  [[nodiscard]] RequestHead& request() { return request_; }

  // The client's side. What is for the machine is appended to `to_machine`, nothing of it while
  // there is none: that follows with begin_attempt().
  void on_request_piece(std::string_view piece, std::string& to_machine);
  void on_request_end(const HeaderList& trailers, std::string& to_machine);
  [[nodiscard]] bool request_ended() const { return request_ended_; }
  // More of the body may be read: a machine takes it, or there is room to keep it.
  [[nodiscard]] bool wants_body() const;
  // Nothing of the request's body was read yet, and there is one.
  [[nodiscard]] bool body_untouched() const {
    return !request_ended_ && kept_.empty() && kept_all_;
  }

  // The machine's side. Each attempt begins with the head and all of the body that is kept.
  void begin_attempt(std::string& to_machine);
  // What it would begin with now; what is read of the request later comes behind.
  void write_opening(std::string& to_machine) const;
  // An attempt that ended before it was known to have begun: a machine may have what it began with.
  void lose_attempt();
  // The machine's connection failed or closed before the response was whole. `unseen`: it is known
  // that the machine got no byte of the request.
  void end_attempt(bool unseen = false);
  [[nodiscard]] bool attempting() const { return attempting_; }
  // All of the request that was read can be sent again.
  [[nodiscard]] bool can_repeat() const { return kept_all_; }
  // After end_attempt(): the request can be sent once more, and that machine has not acted on it,
  // or acting twice does no harm (RFC 9110 section 9.2.2).
  [[nodiscard]] bool may_resend() const;

  // Reads the response (http1_reader.h).
  ReadEvent next(std::string_view& bytes) { return response_.next(bytes); }
  ReadEvent on_machine_end() { return response_.end(); }
  [[nodiscard]] ResponseReader& response() { return response_; }

 private:
  void keep(std::string_view wire);
  bool may_keep(std::size_t size);
  void stop_keeping();
  [[nodiscard]] ResponseContext context() const {
    return {request_.method, !request_.upgrade.empty()};
  }

  RequestHead request_;
  BodyWriter body_;
  KeptBytes kept_;        // of the body, as it goes over the wire
  bool kept_all_ = true;  // kept_ is all that was read of it
  KeptBodies* all_ = nullptr;
  std::size_t counted_ = 0;  // in all_
  bool request_ended_ = false;
  bool attempting_ = false;
  bool answered_ = false;  // bytes of a response came
  int attempts_ = 0;
  int seen_ = 0;  // of those that ended, as far as anybody knows
  bool last_unseen_ = false;
  ResponseReader response_;
};

}  // namespace sixpn::flycast
