// Dialer: from "this client wants that Flycast address" to a stream that a machine has admitted:
// route, choice, attempt, admission, and the next attempt, as the balancer and the retry rules say
// (core/balancer.h, core/retry.h). It takes no byte off the client's socket, and knows nothing of
// what is spoken over the stream: layer 4 relays it (client_session.h), HTTP sends requests over it
// and may keep it. Calls back once; destroying it cancels. Loop thread.
#pragma once

#include <functional>
#include <memory>

#include "base/ids.h"
#include "flycast/io/dial_request.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

class Dialer {
 public:
  using Done = std::function<void(DialOutcome)>;

  // `state` must outlive it.
  Dialer(ProxyState& state, DialRequest request, Done done);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // Once. May call back before it returns; the callback may destroy the dialer.
  void start();
  // This proxy departs: a wait here, for a place or for a machine that starts, goes on as one more
  // attempt, which asks the proxy that takes its place.
  void on_departure();
  // It waits for the answer of that host's proxy.
  [[nodiscard]] bool is_asking(HostId host) const;
  // That host is dead: no answer is waited for.
  void on_host_dead(HostId host);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
