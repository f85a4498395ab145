#include "registry/core/network_id.h"

#include <algorithm>

#include "registry/core/keys.h"

namespace sixpn {
namespace {

constexpr std::uint32_t kFirstNetworkId = 0x10000;

std::uint64_t leading_u64(const Hash& digest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest.at(i);
  return value;
}

}  // namespace

NetworkId network_id(const std::string& cluster, const std::string& org, const std::string& name,
                     unsigned attempt) {
  // 0 separates: no name holds it, so no two triples read the same.
  std::string text = "sixpn network" + std::string(1, '\0') + cluster + '\0' + org + '\0' + name +
                     '\0' + std::to_string(attempt);
  auto value = static_cast<std::uint32_t>(leading_u64(hash(text)));
  return NetworkId{std::max(value, kFirstNetworkId)};
}

unsigned attempt_of(const std::string& cluster, const NetworkRecord& network) {
  unsigned attempt = 0;
  while (attempt < kMaxNetworkRehashes &&
         network_id(cluster, network.org, network.name, attempt) != network.id)
    ++attempt;
  return attempt;
}

}  // namespace sixpn
