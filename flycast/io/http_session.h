// HttpSession: a client's HTTP/1 connection to a port with the handler `http`. It reads requests
// one after the other, has each one answered by a machine that the Dialer finds, and writes the
// responses in order. What was read is written anew (http1_head.h), with the fields that the proxy
// adds (header_rules.h); after a switch of protocols (WebSocket) a RelaySession takes its place.
//
// A request is sent to another machine only where http_exchange.h allows it. A response of the
// proxy's own names an error code (error_code.h). Loop thread. Memory: an idle connection holds no
// buffer; else what http_exchange.h keeps, and one chunk per direction that was not taken. Limits:
// http1_limits.h, lingering.h; times below.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/io/clock.h"
#include "flycast/core/http1_response_writer.h"
#include "flycast/core/http_port.h"
#include "flycast/io/early_timer.h"
#include "flycast/io/http_call.h"
#include "flycast/io/http_failure.h"
#include "flycast/io/http_machine.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/lingering.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// Where the port's options say nothing.
inline constexpr Duration kHeadTimeout = std::chrono::seconds(30);  // from a head's first byte
inline constexpr Duration kIdleTimeout = std::chrono::seconds(60);  // between requests
// A machine's connection waits this long for the client's next request.
inline constexpr Duration kKeptMachine = std::chrono::seconds(4);

class HttpSession : public Session, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(ProxyState& state, SessionId id, ClientStream client, const IpEndpoint& from,
              const IpEndpoint& dialled, ClientTicket ticket);

  void start();

  void on_departure() override;
  [[nodiscard]] bool deals_with(HostId host) const override;
  void on_host_dead(HostId host) override;

 private:
  enum class Phase : std::uint8_t {
    kReading,    // a request's head, or idle
    kExchange,   // there is a call_
    kSwitching,  // a machine switched protocols: what was read goes out, then a relay takes over
    kClosing,    // the last response goes out
    kLingering,  // and what the client still sends is read
    kEnded,
  };

  void turn();
  bool step();  // true when there may be more to do
  // Between two requests. The keys of TLS are this proxy's alone: such a client stays until it was
  // told with its next response.
  [[nodiscard]] bool may_pass_on() const {
    return !client_.is_tls() && reader_.idle() && unread_.empty() && client_.held() == 0;
  }
  void pass_on();

  // What the client says.
  bool read_client();
  bool check_client();
  void on_client_end();
  void on_client_bytes(std::string_view bytes);
  void on_first_bytes(std::string_view bytes);
  void begin_call();
  void refuse(const HttpFault& fault);

  // What it is told (http_session_response.cc): passes on what there is of the response.
  bool write_client();
  // False: the call is over.
  bool write_event(HttpCall::Event event, std::string& out);
  void write_head(std::string& out);
  void write_piece(std::string_view piece, std::string& out);
  void send_to_client(std::string_view out);
  void on_switched(std::string& out);
  void on_failed();
  bool client_goes_on() { return call_->request_ended() && response_.keeps_alive(); }
  // Of the proxy's own; the call, if there is one, is over.
  void answer(ProxyResponse told, bool keep_alive);
  void end_call(bool keep_alive);
  void become_relay();

  // Ends.
  void linger();
  bool discard();
  void drop_machine();
  void end();

  // Time.
  void await(Duration patience) { await_until(monotonic_now() + patience); }
  void await_until(Instant deadline);
  void await_request();
  void await_head();
  Duration head_timeout();
  void on_timer();
  void on_deadline();

  ProxyState& state_;
  SessionId id_;
  IpEndpoint from_;
  IpEndpoint dialled_;
  HttpArrival arrival_;
  ClientTicket ticket_;
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
  Http1ResponseWriter response_;          // to it
  Duration idle_timeout_ = kIdleTimeout;  // between requests, as the last one's port said
  Duration relay_idle_timeout_{};         // after a switch of protocols; 0: none
  Lingering lingering_;
};

void start_http_session(ProxyState& state, SessionId id, ClientStream client,
                        const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket);

}  // namespace sixpn::flycast
