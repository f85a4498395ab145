// RestedLinks: connections to other hosts' proxies that have carried an exchange (exchange_frame.h)
// and await the next one's preamble, by the proxy's address. They serve exchanges only; those on
// which nobody has spoken yet are HopLinks'. What its last machine said too late may come yet over
// one that was quiet when it was taken: the nonce of a preamble tells its reply from that. Loop
// thread.
#pragma once

#include "flycast/io/kept_streams.h"

namespace sixpn::flycast {

class RestedLinks : public KeptStreams<IpEndpoint> {
 public:
  // `idle`: less than a proxy waits for a preamble (5 s).
  RestedLinks(EventLoop& loop, Duration idle) : KeptStreams(loop, {1024, 4096, 64, idle}) {}
};

}  // namespace sixpn::flycast
