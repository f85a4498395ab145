// HttpMachine: the connection to the machine that answers a request, with the tickets it counts
// against; HTTP/1, behind which an Http2Machine stands where the machine speaks HTTP/2. Loop
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "flycast/core/exchange_frame.h"
#include "flycast/io/dialer.h"
#include "flycast/io/http2_machine.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {

struct HttpMachine {
  HttpMachine(ProxyState& state, Dialled given, HttpStream::Ready ready)
      : dialled(std::move(given)),
        stream(std::move(dialled.kept)),
        used(dialled.here && stream != nullptr) {
    if (!dialled.here) hop_port = stream ? stream->own_port() : port_of(dialled.stream);
    if (!stream) stream = std::make_unique<HttpStream>(state, reach(state), nullptr);
    stream->set_ready(std::move(ready));
    sent_before = stream->sent();
    if (!dialled.unsent.empty()) stream->send(dialled.unsent);
  }

  void send(std::string_view bytes) {
    if (bytes.empty()) return;
    if (!dialled.give_back_to) return stream->send(bytes);
    stream->send(encode_bytes_header(bytes.size()), bytes);
  }

  // Its exchange is over, it is at rest between two messages: it goes to who keeps it for others.
  // False: nobody does.
  bool put_away(ProxyState& state) {
    if (dialled.keep_as) {
      state.kept_machines.keep(*dialled.keep_as, std::move(stream), state.most_kept());
      return true;
    }
    if (!dialled.give_back_to || !dialled.may_rest) return false;
    stream->send(encode_exchange_end());
    bool is_too_much = stream->sent() - sent_before > kMostOfRestedLink;
    if (stream->broken() || stream->held() != 0 || is_too_much) return false;
    state.rested_links.keep(*dialled.give_back_to, std::move(stream), state.most_kept());
    return true;
  }

  // It is another host's, and this one that host.
  [[nodiscard]] bool is_behind(HostId host) const { return !dialled.here && dialled.host == host; }
  // Why it reset the last request (http2_machine.h); 0 for none.
  [[nodiscard]] std::uint32_t reset_reason() const { return reason ? *reason : 0; }

  Dialled dialled;
  Http2Reason reason;  // of a machine that speaks HTTP/2
  std::unique_ptr<HttpStream> stream;
  bool used;                      // the machine answered a request over it before
  std::uint16_t hop_port = 0;     // of this end, where it is another host's; 0: it is not known
  std::uint64_t sent_before = 0;  // of the stream's bytes, for other exchanges

 private:
  static std::uint16_t port_of(const Fd& hop) {
    auto own = local_endpoint(hop.get());
    return own ? own->port : std::uint16_t{0};
  }
  Fd reach(ProxyState& state) {
    if (!dialled.speaks_http2) return std::move(dialled.stream);
    reason = std::make_shared<std::uint32_t>(0);
    return speak_http2(state, std::move(dialled.stream), reason);
  }
};

}  // namespace sixpn::flycast
