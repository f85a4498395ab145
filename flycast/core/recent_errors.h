// RecentErrors: the last connections and requests that got no machine, for the operator. A ring;
// the oldest goes. Pure; one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "base/ip.h"
#include "base/time.h"

namespace sixpn::flycast {

struct RecentError {
  Instant at{};
  std::string app;  // "" while the address was not known
  IpEndpoint client;
  IpEndpoint dialled;
  int attempts = 0;
  std::string why;
};

class RecentErrors {
 public:
  static constexpr std::size_t kMost = 64;

  void add(RecentError error) {
    if (errors_.size() == kMost) errors_.pop_front();
    errors_.push_back(std::move(error));
  }
  // Oldest first.
  [[nodiscard]] const std::deque<RecentError>& all() const { return errors_; }

 private:
  std::deque<RecentError> errors_;
};

}  // namespace sixpn::flycast
