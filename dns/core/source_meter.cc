#include "dns/core/source_meter.h"

namespace sixpn::dns {

RateMeter::RateMeter(const Rate& rate) {
  if (rate.per_second == 0) return;
  constexpr std::int64_t kSecond = 1'000'000'000;
  interval_ = kSecond / rate.per_second;
  burst_ = interval_ * rate.burst;
}

}  // namespace sixpn::dns
