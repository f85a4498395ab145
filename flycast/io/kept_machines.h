// KeptMachines: connections to machines of this host that have answered a request and may carry
// another. Only where limits count requests: an idle one holds no ticket there, for the machine's
// service counts what it works on. One is used again only for the same client: no two ever share
// one, and the machine may go on trusting its source address.
//
// It does not admit: whoever takes one has a ticket already. Called by MachineCall
// for requests of this host's clients and of others', and by whoever has read a response to its
// end. Loop thread.
#pragma once

#include "flycast/io/kept_streams.h"

namespace sixpn::flycast {

class KeptMachines : public KeptStreams<KeptMachineKey> {
 public:
  using Key = KeptMachineKey;
  static constexpr std::size_t kOfKeyAtRest = 64;

  // Idle for as long as Fly's proxy lets them (fly.md 4.1).
  explicit KeptMachines(EventLoop& loop)
      : KeptStreams(loop, {2048, 4096, kOfKeyAtRest, std::chrono::seconds(4)}) {}
};

}  // namespace sixpn::flycast
