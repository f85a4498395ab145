// MachineDrain: a machine's connection whose exchange is over before the machine took all of the
// request: it answered early. The rest is the machine's for kDrainGrace, and holds up nobody's
// stream; then its connection is kept for the next request, or reset. Loop thread. Limits: it is a
// session, and keeps the tickets of its exchange.
#pragma once

#include <memory>

#include "base/time.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/kept_machines.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// For what a machine has not taken when nobody waits for its answer any more.
inline constexpr Duration kDrainGrace = std::chrono::seconds(2);

void start_machine_drain(ProxyState& state, std::unique_ptr<HttpStream> machine,
                         const KeptMachines::Key& keep_as, SessionTickets tickets);

}  // namespace sixpn::flycast
