// The records behind an answer, a line each, for people: which were used, which were not and why.
// Pure; part of explain.h, which says what a line looks like.
#pragma once

#include <string>
#include <vector>

#include "dns/core/answer.h"

namespace sixpn::dns {

// Of the names of apps every machine, of .flycast every address of the app, of the reverse zone and
// peers the one that was found. Nothing for what has no records of its own (lists of the network).
std::vector<std::string> records_behind(const Snapshot& snapshot, const NetworkView& names,
                                        const Ip6& source, const Name& asked, const Answer& said);

}  // namespace sixpn::dns
