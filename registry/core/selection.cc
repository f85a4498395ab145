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

}  // namespace sixpn::registry
