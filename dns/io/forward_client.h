// ForwardClient: who asked for a foreign name, and what its reply has to carry. What waits for one
// adds how the reply gets there. A value.
#pragma once

#include <string>

#include "base/ids.h"
#include "base/ip.h"
#include "dns/core/foreign_query.h"

namespace sixpn::dns {

struct ForwardClient {
  ForeignQuery query;
  Ip6 client;
  NetworkId network;
  std::string options;  // Telling::options of the reply
};

}  // namespace sixpn::dns
