// ForwardShared: what the workers and the forwarder share: kept replies, what is being asked, who
// is to be asked, how many wait. Each part says who may use it and how; none makes a worker wait.
//
// Owned by DnsService; outlives them all.
#pragma once

#include <vector>

#include "base/ip.h"
#include "dns/io/asked_questions.h"
#include "dns/io/forward_budget.h"
#include "dns/io/limits.h"
#include "dns/io/shared_cache.h"
#include "dns/io/upstream_board.h"

namespace sixpn::dns {

struct ForwardShared {
  // `groups`: the servers of each, as ForwardRules::groups().
  ForwardShared(const ForwardLimits& bounds, const std::vector<std::vector<IpEndpoint>>& groups)
      : limits(bounds), cache(bounds.cache_bytes), budget(bounds), board(groups) {}

  const ForwardLimits limits;
  SharedCache cache;
  ForwardBudget budget;
  AskedQuestions asked;
  UpstreamBoard board;
};

}  // namespace sixpn::dns
