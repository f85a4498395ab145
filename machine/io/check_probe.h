// CheckProbe: one run of a TCP or HTTP check: connects to the machine from this host's proxy
// address in the machine's network, as Flycast does, so that a check takes the path of its traffic;
// for HTTP, inside TLS for HTTPS (tls_client.h), sends the request and judges the answer
// (core/check_http.h). Calls back exactly once,
// never from its constructor; destroying it cancels. Machine loop. Holds one descriptor, and at
// most kMaxCheckAnswer bytes.
#pragma once

#include <functional>
#include <memory>

#include "base/io/event_loop.h"
#include "base/ip.h"
#include "machine/core/check_board.h"

namespace sixpn::machine {

struct ProbeTarget {
  Ip6 source;
  IpEndpoint machine;
};

class CheckProbe {
 public:
  using Done = std::function<void(Verdict)>;

  // `check`: kTcp or kHttp. Its timeout covers all of it.
  CheckProbe(EventLoop& loop, const ProbeTarget& target, const ServiceCheck& check, Done done);
  ~CheckProbe();
  CheckProbe(const CheckProbe&) = delete;
  CheckProbe& operator=(const CheckProbe&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::machine
