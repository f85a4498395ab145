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

// Without errors and stats.
FlycastStatus status_of(ProxyState& state);
// Of one loop, the newest first; and of all of them.
std::vector<FlycastStatus::Error> errors_of(const ProxyState& state);
std::vector<FlycastStatus::Error> newest(std::vector<std::vector<FlycastStatus::Error>> said);

// Of one loop. Forgets the meters of machines that the registry does not know any more.
MeterReadings readings_of(ProxyState& state);
// What this host's machines were given; likewise.
void add_hosted(MeterReadings& readings, ProxyState& state);

// For an app of network `home`, by external port; 0: its first TCP service.
std::variant<Explanation, LookupFailure> explain_in(ProxyState& state, NetworkId home,
                                                    const std::string& app,
                                                    std::uint16_t external_port);

}  // namespace sixpn::flycast
