// BackgroundStart: wakes one more machine of a service whose running ones are all over their soft
// limit, while the connection that noticed is served by one of those. One per service and region at
// a time, and none for 20 s after one that came about (core/autostart.h). Loop thread.
#pragma once

#include <string_view>

#include "flycast/core/preamble.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// So many owners may refuse a start because their machine was stopped lately; the next one asked
// has to start it. Or a region full of machines that were all stopped would be asked one by one.
inline constexpr int kMaxRestRefusals = 2;

// Every machine of that region is over the soft limit, and others may be started.
bool wants_another(const ServicePool& pool, std::string_view region, const Service& service,
                   Instant now);

// `region`: of the machines that are over the limit, the only one that is looked at. `client` and
// `dialled` are of the connection that noticed: the owner of the machine asks for whom.
void start_in_background(ProxyState& state, const Route& route, std::string_view region,
                         const IpEndpoint& client, const IpEndpoint& dialled);

}  // namespace sixpn::flycast
