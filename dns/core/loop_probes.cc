#include "dns/core/loop_probes.h"

#include <utility>

namespace sixpn::dns {
namespace {

// Not below .invalid or another name that resolvers keep to themselves: it must be forwarded.
constexpr std::string_view kSuffix("\x10sixpn-loop-probe\0", 18);

}  // namespace

std::string LoopProbes::begin(std::size_t upstream, std::uint64_t random) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::size_t kDigitCount = 16;
  std::string name(1, static_cast<char>(kDigitCount));
  for (std::size_t i = 0; i < kDigitCount; ++i, random >>= 4) name += kDigits[random & 0xf];
  name += kSuffix;
  all_[upstream] = {name, false};
  return name;
}

bool LoopProbes::is_probe(std::string_view name) {
  return name.ends_with(kSuffix);
}

std::optional<std::size_t> LoopProbes::came_back(std::string_view name) {
  if (!is_probe(name)) return std::nullopt;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].name != name) continue;
    all_[i].came_back = true;
    return i;
  }
  return std::nullopt;
}

bool LoopProbes::end(std::size_t upstream) {
  return std::exchange(all_[upstream], {}).came_back;
}

}  // namespace sixpn::dns
