#include "registry/core/selection.h"

#include <algorithm>
#include <iterator>

namespace sixpn::registry {

bool Selection::contains(NetworkId network) const {
  return all || network == NetworkId{} ||
         std::binary_search(networks.begin(), networks.end(), network);
}

Selection selection_of(const InterestRecord* interest) {
  if (interest == nullptr || interest->all) return {};
  return {false, interest->networks};
}

Selection intersection(const Selection& a, const Selection& b) {
  if (a.all) return b;
  if (b.all) return a;
  Selection out{false, {}};
  std::set_intersection(a.networks.begin(), a.networks.end(), b.networks.begin(), b.networks.end(),
                        std::back_inserter(out.networks));
  return out;
}

bool wants(const InterestRecord* interest, NetworkId network) {
  return interest == nullptr || interest->all || network == NetworkId{} ||
         std::binary_search(interest->networks.begin(), interest->networks.end(), network);
}

bool holds(const InterestRecord* interest, NetworkId network) {
  if (interest == nullptr) return true;
  const auto& filling = interest->filling;
  if (network == NetworkId{}) return interest->all && filling.empty();
  const auto& named = interest->networks;
  if (std::binary_search(named.begin(), named.end(), network))
    return !std::binary_search(filling.begin(), filling.end(), network);
  return interest->all && !std::binary_search(filling.begin(), filling.end(), NetworkId{});
}

}  // namespace sixpn::registry
