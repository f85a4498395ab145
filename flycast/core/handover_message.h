// What a proxy that ends tells the one that takes its place on the same host, over a unix socket:
// each message is one packet of kHandoverBytes, with the sockets it speaks of beside it
// (SCM_RIGHTS).
//
// Wire, network order: version 1, kind, internal port (16 bits), count (32 bits), machine (64
// bits). The two may be of different releases: kinds may be added, and what is not known is left
// alone. Pure. Used by io/departure.h and io/inheritance.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "flycast/core/limits.h"

namespace sixpn::flycast {

inline constexpr std::size_t kHandoverBytes = 16;

enum class HandoverKind : std::uint8_t {
  // First, once: two sockets, of clients and of hops; or none are left to give. Behind it come so
  // many kOpen, without which nobody is to be let in (older builds say 0).
  kListeners = 1,
  kClient = 2,   // one: a client's connection of which nothing is left unanswered
  kHop = 3,      // one: another host's proxy that has said nothing yet
  kOpen = 4,     // how many connections of that service are still open over there, in all
  kServing = 5,  // from the successor, once: it accepts, so nobody depends on the other any more
};

struct HandoverMessage {
  HandoverKind kind{};
  ServiceKey key;          // kOpen
  std::uint32_t open = 0;  // kOpen, kListeners
  friend bool operator==(const HandoverMessage&, const HandoverMessage&) = default;
};

std::string encode_handover(const HandoverMessage& message);
// Errors: another size or version. A kind of a newer version is passed on as it is.
Result<HandoverMessage> decode_handover(std::string_view bytes);

}  // namespace sixpn::flycast
