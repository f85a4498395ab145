// ForeignAsking: a foreign name asked by the host itself as a machine or peer of it would, for
// `sixpn dig`: by the rule that holds for its network, with its places in ForwardBudget, from the
// replies that are kept and by the forwarder. Unlike a worker it asks nobody upstream from its own
// loop.
//
// Owned by DnsService, on the dns loop. `rules`, `shared` and `forwarder` outlive it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "dns/core/foreign_query.h"
#include "dns/core/forward_rules.h"
#include "dns/io/forward_shared.h"
#include "dns/io/forwarder.h"
#include "dns/io/stats.h"
#include "registry/core/record.h"

namespace sixpn::dns {

struct ForeignQuestion {
  Name name;
  RrType type = 0;
  Ip6 source;  // who asks, in `network`
  NetworkRecord network;
};

struct ForeignReply {
  std::string message;              // as to a client over TCP with EDNS
  bool is_kept = false;             // from the cache, at once
  bool is_refused = false;          // here, at once: nobody was asked
  std::vector<IpEndpoint> servers;  // of the rule, or those for everything
};

class ForeignAsking {
 public:
  // Once, on any loop: at once, or when the forwarder has an answer or gives up (its deadline).
  // Never, when that ends first.
  using Done = std::function<void(ForeignReply reply)>;

  ForeignAsking(const ForwardRules& rules, ForwardShared& shared, Forwarder& forwarder)
      : rules_(rules), shared_(shared), forwarder_(forwarder) {}

  void ask(const ForeignQuestion& question, Done done);
  void add_to(Stats& stats) const { stats.add(counts_); }

 private:
  // What is kept, if it may be told; what is to be fetched anew is handed to the forwarder.
  std::string find_kept(const ForwardRequest& request);

  const ForwardRules& rules_;
  ForwardShared& shared_;
  Forwarder& forwarder_;
  Stats counts_;
};

}  // namespace sixpn::dns
