// FlycastIndex: the Flycast addresses of one network by app, so that a question for a name of
// .flycast costs the same however many there are. Made when a network is asked for one and has
// changed since: a sort of 16 bytes per address (name_index.h keeps it). Pure, immutable.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/core/snapshot.h"

namespace sixpn::dns {

class FlycastIndex {
 public:
  using Records = decltype(NetworkView::flycast);

  explicit FlycastIndex(Records records);

  // Those whose app has this name, in whichever network the app is; in order of address.
  [[nodiscard]] std::vector<const FlycastRecord*> find(std::string_view app) const;
  [[nodiscard]] const Records& records() const { return records_; }

 private:
  Records records_;
  std::vector<std::pair<std::uint64_t, const FlycastRecord*>> by_app_;  // by hash; into records_
};

}  // namespace sixpn::dns
