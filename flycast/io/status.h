// What an operator asks of the running proxy: its status, and why a connection would go where it
// goes. Reads the room's state; opens nothing. Loop thread.
#pragma once

#include <string>
#include <variant>

#include "flycast/core/explain.h"
#include "flycast/core/status.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// Without its stats, which the service has.
FlycastStatus status_of(ProxyState& state);
// For an app of network `home`, by external port; 0: its first TCP service.
// Forgets the meters of machines that the registry does not know any more.
MeterReadings readings_of(ProxyState& state);

std::variant<Explanation, LookupFailure> explain_in(ProxyState& state, NetworkId home,
                                                    const std::string& app,
                                                    std::uint16_t external_port);

}  // namespace sixpn::flycast
