// The fuzz target for names and texts that the registry's records hold; the others are in
// dns_targets.h.
#pragma once

#include <string_view>

namespace sixpn::dns::testing {

// A byte that chooses what is asked, then zero-terminated fields: what the records of a machine, a
// peer and a service call themselves, and the text of a name. A broken promise aborts.
inline constexpr unsigned kNameChoices = 52;
void fuzz_names(std::string_view input);

}  // namespace sixpn::dns::testing
