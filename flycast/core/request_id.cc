#include "flycast/core/request_id.h"

#include <cstdint>

namespace sixpn::flycast {
namespace {

constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// The lowest 5 * `chars` bits, the highest first.
void append_base32(std::string& out, std::uint64_t bits, int chars) {
  for (int i = chars - 1; i >= 0; --i) out += kCrockford[bits >> (5 * i) & 31];
}

}  // namespace

std::string make_request_id(WallTime now, Rng& rng, std::string_view region) {
  std::string id;
  id.reserve(kUlidChars + 1 + region.size());
  append_base32(id, static_cast<std::uint64_t>(unix_ms(now)) & 0xffff'ffff'ffff, 10);
  append_base32(id, rng(), 8);
  append_base32(id, rng(), 8);
  id += '-';
  id += region;
  return id;
}

}  // namespace sixpn::flycast
