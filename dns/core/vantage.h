// Vantage: from where answers are ordered and who answers them. A value.
#pragma once

#include <string>

#include "base/ids.h"

namespace sixpn::dns {

// The host that answers, which is the host that the asker is on, and its region.
struct Vantage {
  HostId self;
  std::string region;
};

}  // namespace sixpn::dns
