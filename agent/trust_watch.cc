#include "agent/trust_watch.h"

#include <utility>

#include "base/log.h"

namespace sixpn::agent {

TrustWatch::TrustWatch(EventLoop& control, std::function<std::vector<Notice>()> gather)
    : gather_(std::move(gather)), timer_(control, [this] { look(); }) {}

void TrustWatch::look() {
  for (const auto& notice : memory_.news(gather_()))
    log::write(notice.urgent ? log::Level::kError : log::Level::kWarn, "trust", notice.sentence);
  timer_.arm_after(kTrustWatchInterval);
}

}  // namespace sixpn::agent
