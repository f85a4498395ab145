#include "dns/core/fast_hash.h"

#include "registry/core/keys.h"

namespace sixpn::dns {

const std::uint64_t kHashSeed = random_u64();

}  // namespace sixpn::dns
