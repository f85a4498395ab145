// Which apps an app may replay requests to: those of its own org and network; others only as the
// operator says (fly.md 4.5). The client's proxy asks it before it dials, and the owner of the
// machine before it admits, each with its own settings: a proxy that lies about a replay reaches no
// more than its clients reach without one. Pure; reads a snapshot.
#pragma once

#include <string>
#include <variant>

#include "flycast/core/error_code.h"
#include "flycast/core/options.h"
#include "flycast/core/routing_wish.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

// Whether `from` may replay to `to`.
bool may_replay(const ReplayReach& reach, const AppRecord& from, const AppRecord& to);

// The app that `from` means by `name`: the one in its own network, else the first by network that
// it may replay to. kPA04: there is none of that name; kPA05: there is, but it may not.
std::variant<AppName, ErrorCode> find_replay_target(const Snapshot& snapshot,
                                                    const ReplayReach& reach, const AppName& from,
                                                    const std::string& name);

}  // namespace sixpn::flycast
