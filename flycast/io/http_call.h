// HttpCall: the machine's side of one request of a client, whatever version the client speaks:
// finds a machine for it, sends it, reads the response, and sends the request again where that is
// right (http_exchange.h) or the app says so (http_replay.h).
//
// Not the client's connection: the session reads the request and hands it in, pulls the response
// out with next(), and ends the call by destroying it, which resets a machine that has not
// answered. The call has no timer: it says until when it waits (deadline()). Called by HttpSession,
// and by whatever else reads requests. Loop thread. Memory: what http_exchange.h keeps, and what
// the machine did not take.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "flycast/core/compression.h"
#include "flycast/core/http_exchange.h"
#include "flycast/core/http_port.h"
#include "flycast/core/http_replay.h"
#include "flycast/io/dialer.h"
#include "flycast/io/http_failure.h"
#include "flycast/io/http_machine.h"

namespace sixpn::flycast {

inline constexpr Duration kStallTimeout = std::chrono::seconds(60);  // of a request's body
// As kSilentMachine (relay.h), of another host's proxy, over the mesh. Only of requests that may be
// sent to another machine. Looked at every kSilenceLook from the time that the request was sent.
inline constexpr Duration kSilentHop = std::chrono::milliseconds(600);

class HttpCall {
 public:
  // Who asks. All of it outlives the call.
  struct Client {
    IpEndpoint from;
    IpEndpoint dialled;
    const HttpArrival& arrival;
    std::function<bool()> is_gone;  // asked before a further attempt
    std::function<void()> wake;     // next() has something; may destroy the call
  };
  enum class Event : std::uint8_t {
    kNone,      // nothing just now
    kInterim,   // response_head() is that of a 1xx
    kHead,      // response_head() is the response's, prepared for the client
    kPiece,     // piece() is some of its body
    kEnd,       // it is whole; trailers() are its
    kSwitched,  // response_head() is a 101: the machine is the client's (take_machine)
    kFailed,    // take_failure() is what the client is told, if no byte of a response went to it
    kGone,      // nobody waits for it any more
  };

  HttpCall(ProxyState& state, Client client, RequestHead head);
  ~HttpCall();
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

  // The request as it is read; go_on() passes on what was handed in, and looks for a machine where
  // there is none. `kept`: that answered the client's last request, see take_machine().
  void on_piece(std::string_view piece) { http_.on_request_piece(piece, to_machine_); }
  void on_end(const HeaderList& trailers) { http_.on_request_end(trailers, to_machine_); }
  void keep(std::unique_ptr<HttpMachine> kept) { machine_ = std::move(kept); }
  void go_on();
  // More of the body may be read and handed in.
  [[nodiscard]] bool wants_body() const;
  // The machine, where there is one, took all that was handed in.
  [[nodiscard]] bool is_taken() const { return !machine_ || machine_->stream->held() == 0; }
  [[nodiscard]] bool request_ended() const { return http_.request_ended(); }
  [[nodiscard]] const RequestHead& request() { return http_.request(); }
  // The body goes to a machine as it comes: it is worth reading much of it at once.
  [[nodiscard]] bool is_streaming() const { return machine_ != nullptr; }

  // What comes next of the response. Reads from the machine once, into the loop's shared chunk:
  // nobody else may read before it says kNone. Nothing is left to do with the call after kEnd,
  // kSwitched, kFailed and kGone but to take what it has.
  Event next();
  // There may be more to read after that kNone.
  [[nodiscard]] bool readable() const { return machine_ && machine_->stream->readable(); }
  void flush();  // to the machine, what it did not take at once

  [[nodiscard]] ResponseHead& response_head() { return http_.response().head(); }
  [[nodiscard]] std::string_view piece() { return gzip_ ? coded_ : http_.response().piece(); }
  [[nodiscard]] const HeaderList& trailers() { return http_.response().trailers(); }
  [[nodiscard]] ProxyResponse take_failure() { return std::move(*failure_); }
  // After kFailed: why the machine reset the request, where it speaks HTTP/2 (RFC 9113 section 7);
  // else 0.
  [[nodiscard]] std::uint32_t reset_reason() const { return reset_reason_; }
  // After kSwitched: what the machine said behind its head.
  [[nodiscard]] std::string_view behind() const { return bytes_; }
  // After kEnd, kSwitched: its connection; null when it carries no further request.
  [[nodiscard]] std::unique_ptr<HttpMachine> take_machine() { return std::move(machine_); }
  // Of a body that the client waits to be asked for, nobody knows whether it comes.
  [[nodiscard]] bool body_is_in_doubt();

  // This proxy departs: as Dialer::on_departure().
  void on_departure() {
    if (dialer_) dialer_->on_departure();
  }

  // It waits for a machine behind that host, or for that host's answer.
  [[nodiscard]] bool deals_with(HostId host) const {
    return dialer_ ? dialer_->is_asking(host) : machine_ && machine_->is_behind(host);
  }
  // That host is dead: what it sent is the client's still, and then nothing more is waited for. May
  // destroy the call.
  void on_host_dead(HostId host);

  // kNever: as long as it takes.
  [[nodiscard]] Instant deadline() const { return std::min(deadline_, look_at_); }
  // Once it has passed: next() may have something, that it failed for one.
  void on_deadline();

  [[nodiscard]] const HttpPort& port() const { return port_; }
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  void find_machine();
  void redirect();
  void on_dialled(DialOutcome& outcome);
  [[nodiscard]] bool looks_again(const DialFailure& failed);
  void on_no_machine(const DialFailure& failed);
  void begin_attempt();
  [[nodiscard]] DialRequest::Opening opening_for(MachineId machine);
  [[nodiscard]] bool sent_nothing() const;
  bool read_machine();
  void on_read(ReadEvent event);
  void on_head();
  void begin_compression();
  void on_piece_of_response();
  void on_all_read();
  void on_whole(bool exactly);
  void on_switched();
  void on_machine_end();
  // `granted`: the budget of retries was asked already.
  void on_machine_failed(ErrorCode code, std::string_view why, bool unseen = false,
                         bool granted = false);
  bool take_resend();
  void follow_replay();
  void judge_machine(int status);
  void meter_response(int status);
  void drop_machine(bool clean);
  void await_progress();
  void begin_watch();
  void look_for_silence();
  void on_silence_told();
  void on_nothing_read(bool told_silent);
  [[nodiscard]] bool may_go_elsewhere();
  void leave_silent_machine();
  void fail(ProxyResponse told, std::string_view app, std::string_view why);

  ProxyState& state_;
  Client client_;
  HttpExchange http_;
  HttpPort port_;
  HttpReplay replay_;
  std::string id_;
  std::string to_machine_;
  std::unique_ptr<Dialer> dialer_;  // while a machine is looked for
  std::unique_ptr<HttpMachine> machine_;
  bool fresh_ = false;              // a connection died: the next one is to be new
  std::optional<MachineId> avoid_;  // it had the request, and failed
  std::string_view bytes_;          // read, and not understood yet
  bool in_bytes_ = false;           // they may hold another event
  Event outcome_ = Event::kNone;
  Event then_ = Event::kNone;         // behind outcome_
  bool rests_ = false;                // once it is told, nothing more is read in this turn
  std::unique_ptr<GzipWriter> gzip_;  // the response is compressed
  std::string coded_;                 // a piece of it
  std::optional<ProxyResponse> failure_;
  std::shared_ptr<AppMeter> meter_;  // of the app that was dialled
  Instant began_{};
  std::uint32_t reset_reason_ = 0;
  Instant asked_{};                // when the request went to the machine
  Instant written_{};              // and the last of it so far
  std::uint64_t sent_before_ = 0;  // over its connection, for others
  std::size_t went_ahead_ = 0;     // of the request, with the question for that connection
  Instant deadline_ = kNever;
  Instant look_at_ = kNever;  // whether the machine has acknowledged the request
  // Of another host's machine its owner tells.
  std::optional<SilenceWatches::Watch> watch_;
  bool told_silent_ = false;
  bool host_is_dead_ = false;  // the machine's
};

}  // namespace sixpn::flycast
