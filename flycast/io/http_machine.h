// HttpMachine: the connection to the machine that answers a request, with the tickets it counts
// against. Loop thread.
#pragma once

#include "flycast/io/dialer.h"
#include "flycast/io/http_stream.h"

namespace sixpn::flycast {

struct HttpMachine {
  HttpMachine(ProxyState& state, Dialled given, HttpStream::Ready ready)
      : dialled(std::move(given)), stream(state, std::move(dialled.stream), std::move(ready)) {}

  Dialled dialled;
  HttpStream stream;
  bool used = false;  // it answered a request before
};

}  // namespace sixpn::flycast
