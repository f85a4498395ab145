// edit_app(): an app of a network view that a test makes by hand, made when it is missing, for
// changing in place. Of a view that is not published yet.
#pragma once

#include <memory>
#include <string>

#include "registry/core/snapshot.h"

namespace sixpn {

inline AppView& edit_app(NetworkView& network, const std::string& name) {
  AppPtr& place = network.apps[name];
  // A published view may share the app: the test edits a copy.
  auto copy = place ? std::make_shared<AppView>(*place) : std::make_shared<AppView>();
  place = copy;
  return *copy;
}

}  // namespace sixpn
