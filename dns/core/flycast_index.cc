#include "dns/core/flycast_index.h"

#include <algorithm>
#include <utility>

#include "dns/core/fast_hash.h"

namespace sixpn::dns {

FlycastIndex::FlycastIndex(Records records) : records_(std::move(records)) {
  by_app_.reserve(records_.size());
  for (const auto& [address, record] : records_)
    by_app_.emplace_back(fast_hash(record.app), &record);
  std::stable_sort(by_app_.begin(), by_app_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
}

std::vector<const FlycastRecord*> FlycastIndex::find(std::string_view app) const {
  auto hash = fast_hash(app);
  auto at = std::lower_bound(by_app_.begin(), by_app_.end(), hash,
                             [](const auto& entry, auto wanted) { return entry.first < wanted; });
  std::vector<const FlycastRecord*> found;
  for (; at != by_app_.end() && at->first == hash; ++at)
    if (at->second->app == app) found.push_back(at->second);
  return found;
}

}  // namespace sixpn::dns
