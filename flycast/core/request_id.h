// Request ids: what Fly-Request-Id says, one per client request, the same in every try and replay
// of it: a ULID (48 bits of milliseconds, 80 random bits, in Crockford's base 32: 26 characters, in
// the order of time), a hyphen and the region of the proxy that took the request. For people and
// logs, not a secret. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/rng.h"
#include "base/time.h"

namespace sixpn::flycast {

inline constexpr std::size_t kUlidChars = 26;

// "01KAKT2W8Z3V7N5C9QX4M6R0TB-iad"
std::string make_request_id(WallTime now, Rng& rng, std::string_view region);

}  // namespace sixpn::flycast
