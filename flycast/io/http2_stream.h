// Http2Stream: one request of an HTTP/2 client and the response to it: HttpCall has the machine's
// side, Http2Codec the client's frames, and this passes what they have from one to the other, as
// far as each takes it. Not the connection (Http2Session). Loop thread. Memory: of the request what
// the client's window allows, which is opened again as the machine takes it: kHttp2FirstWindow, and
// up to kHttp2StreamWindow while the sessions of the loop hold, and may be sent, less than
// kMaxHttpHeld; of the response kMaxHttp2Buffered and one read.
#pragma once

#include <memory>
#include <string>

#include "flycast/io/http2_codec.h"
#include "flycast/io/http_call.h"
#include "flycast/io/http_machine.h"

namespace sixpn::flycast {

// Of a response, read from its machine and not yet in frames: no more is read. Nothing of it while
// the sessions of the loop hold kMaxHttpHeld together.
inline constexpr std::size_t kMaxHttp2Buffered = 64 * 1024;
// A response of which the client takes nothing for so long is given up: it gives no window.
inline constexpr Duration kHttp2StallTimeout = std::chrono::seconds(60);

class Http2Stream {
 public:
  // `call` has the request's head; `ticket`: the client's, for it may have several machines' work.
  Http2Stream(ProxyState& state, Http2Codec& codec, Http2StreamId id, ClientTicket ticket,
              std::unique_ptr<HttpCall> call);
  ~Http2Stream();
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  // What the client says.
  void on_body(std::string_view piece);
  void on_request_end(const HeaderList& trailers);

  // Moves what can be moved. True: there is more of the response when frames have gone.
  bool turn();
  // The machine's connection, once the response is whole, where it carries a further request.
  [[nodiscard]] std::unique_ptr<HttpMachine> take_machine() { return std::move(machine_); }

  // When the call gives up, or the client may have stalled: on_time() is to be asked then.
  [[nodiscard]] Instant deadline(Instant now) const;
  // True: turn() has something to do.
  bool on_time(Instant now);
  [[nodiscard]] Duration idle_timeout() const { return idle_timeout_; }  // of the port; 0: none set
  // This proxy departs: as Dialer::on_departure().
  void on_departure() {
    if (call_) call_->on_departure();
  }
  // As HttpCall's.
  [[nodiscard]] bool deals_with(HostId host) const { return call_ && call_->deals_with(host); }
  void on_host_dead(HostId host) {
    if (call_) call_->on_host_dead(host);
  }

 private:
  [[nodiscard]] bool is_full() const;
  void hand_in();
  void give_back();
  void widen();
  bool take_events();
  void on_event(HttpCall::Event event);
  void on_failed(ProxyResponse told);
  void close();

  ProxyState& state_;
  Http2Codec& codec_;
  Http2StreamId id_;
  ClientTicket ticket_;
  std::unique_ptr<HttpCall> call_;  // until the response is whole, or cut
  std::unique_ptr<HttpMachine> machine_;
  Duration idle_timeout_;
  std::string body_;         // of the request, and not handed in yet: the window stays closed
  std::size_t untaken_ = 0;  // handed in, and not all of it taken by the machine: as well
  std::size_t moved_ = 0;    // taken, since the window was widened
  std::size_t window_ = kHttp2FirstWindow;
  HeaderList trailers_;
  bool ended_ = false;      // the client said all of the request
  bool news_ = true;        // of the request, that the call was not told
  bool has_head_ = false;   // of the response, in frames
  bool is_bare_ = false;    // it has no body
  std::uint64_t sent_ = 0;  // of the response's body, when that last changed
  Instant sent_at_{};
};

}  // namespace sixpn::flycast
