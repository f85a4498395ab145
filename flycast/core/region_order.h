// RegionOrder: how far the regions of a service are from this proxy, steadily: a region changes its
// place only for a round trip that differs by more than a tenth from the one that gave it its
// place. Pure; one per service, for as long as its choice should not flap.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

class RegionOrder {
 public:
  static constexpr double kHysteresis = 0.1;

  // Of every region with a candidate: the round trip to its nearest one, zero for those of this
  // host, Duration::max() where none is measured. Regions without a candidate are forgotten.
  std::map<std::string, Duration> update(const std::vector<Candidate>& candidates);

 private:
  Duration hold(const std::string& region, Duration measured);

  std::map<std::string, Duration> held_;  // round trip that gave a region its place
};

}  // namespace sixpn::flycast
