// What an operator asks of the running proxy: its status, and why a connection would go where it
// goes. Reads the room's state; opens nothing. Loop thread.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "flycast/core/explain.h"
#include "flycast/core/status.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// Of one loop: the services that it was asked for, and its errors.
FlycastStatus status_of(ProxyState& state);
// What the loops said, as one; without stats.
FlycastStatus merge(std::vector<FlycastStatus> said);
// Of all loops: what is open to this host's machines. Called on the first one.
std::vector<FlycastStatus::Hosted> hosted_of(ProxyState& state);

// Of one loop. Forgets the meters of machines that the registry does not know any more.
MeterReadings readings_of(ProxyState& state);
// What this host's machines were given; likewise.
void add_hosted(MeterReadings& readings, ProxyState& state);

// Of one loop. For an app of network `home`, by external port; 0: its first TCP service.
std::variant<Explanation, LookupFailure> explain_in(ProxyState& state, NetworkId home,
                                                    const std::string& app,
                                                    std::uint16_t external_port);

}  // namespace sixpn::flycast
