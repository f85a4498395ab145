// Lists of actions, as the lifecycle puts them together. Included by the lifecycle*.cc, by nothing
// else. Pure.
#pragma once

#include <iterator>
#include <string>
#include <utility>

#include "machine/core/lifecycle.h"

namespace sixpn::machine {

inline Action plain(ActionKind kind) {
  return Action{.kind = kind};
}

inline Action answer(Request request, std::string error = {}) {
  return Action{.kind = ActionKind::kAnswer, .request = request, .error = std::move(error)};
}

inline Actions operator+(Actions first, Actions second) {
  std::move(second.begin(), second.end(), std::back_inserter(first));
  return first;
}

// "10 s".
std::string seconds_text(Duration duration);

}  // namespace sixpn::machine
