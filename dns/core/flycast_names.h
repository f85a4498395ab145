// The names of .flycast: <app>.flycast and <service>.svc.<app>.flycast, each the Flycast addresses
// that the asker's network may dial, whatever the state of the machines behind them; for SVCB the
// ports that Flycast opens there, for HTTPS the one that ends TLS for HTTP. Pure.
#pragma once

#include <optional>

#include "dns/core/view.h"

namespace sixpn::dns {

// Of one SVCB answer; ranges of ports are not told.
inline constexpr std::size_t kMostServicePorts = 32;

// `labels` is not empty. Nothing: no such name.
std::optional<NameContent> find_flycast(const View& view, Labels labels);

}  // namespace sixpn::dns
