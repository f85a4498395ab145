// HttpCall: one request of a client, from its head to the end of its response, as HttpSession holds
// it. Loop thread.
#pragma once

#include <memory>
#include <string>

#include "flycast/core/http_exchange.h"
#include "flycast/core/http_port.h"
#include "flycast/core/http_replay.h"
#include "flycast/io/dialer.h"

namespace sixpn::flycast {

struct HttpCall {
  HttpCall(RequestHead head, KeptBodies& kept)
      : http(std::move(head), &kept),
        client_is_http10(http.request().is_http10),
        client_keeps_alive(http.request().keep_alive) {}

  HttpExchange http;
  HttpPort port;
  HttpReplay replay;
  std::string id;
  std::unique_ptr<Dialer> dialer;  // while a machine is looked for
  BodyWriter body;                 // of the response, to the client
  bool client_is_http10;
  bool client_keeps_alive;
  Instant asked{};         // when the request went to the machine
  bool has_head = false;   // of the final response
  bool answering = false;  // and it went to the client
};

}  // namespace sixpn::flycast
