// ForwardFront: a worker's side of forwarding. It looks for a foreign query's answer in the shared
// cache, and writes it into the send buffer without allocating and without another thread; only
// what is not kept goes to the forwarder.
//
// One per worker, on its loop. `rules`, `cache` and `forwarder` outlive it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "dns/core/foreign_query.h"
#include "dns/core/forward_rules.h"
#include "dns/io/forwarder.h"
#include "dns/io/shared_cache.h"
#include "dns/io/stats.h"

namespace sixpn::dns {

class ForwardFront {
 public:
  ForwardFront(const ForwardRules& rules, SharedCache& cache, Forwarder& forwarder)
      : rules_(rules), cache_(cache), forwarder_(forwarder) {}

  // A query that the responder gave up to be forwarded, and who asks.
  struct Asked {
    std::string_view message;
    Ip6 source;
    NetworkId network;
    const NetworkRecord* record = nullptr;  // of the network; null: not known
    Transport transport{};
    std::string_view options = {};  // Responder::reply_options(), for the reply's OPT
  };
  // The size of the reply in `out` (which holds what the responder's does), or 0: it is to be
  // forwarded.
  std::size_t answer(const Asked& asked, Instant now, char* out, Stats& counts);
  // What answer() did not have. `done` is called on the forward loop, or never. The size of the
  // reply in `out` where the forwarder's queue is full, else 0.
  std::size_t forward(const Asked& asked, std::function<void(std::string)> done, char* out,
                      Stats& counts);

  // What is to be forwarded is handed over together, at the end of a batch: whether there is
  // something, and the handing over.
  [[nodiscard]] bool has_outgoing() const { return !outgoing_.empty(); }
  void hand_over();

  // Whether any rule depends on who asks: only then Asked::record is looked at.
  [[nodiscard]] bool has_rules() const { return !rules_.empty(); }

 private:
  // Of what is at hand; without `done` and options, which a prefetch does not have.
  ForwardRequest request(const Asked& asked) const;

  const ForwardRules& rules_;
  SharedCache& cache_;
  Forwarder& forwarder_;
  ForeignQuery query_;  // the one at hand, and its group
  bool readable_ = false;
  std::vector<ForwardRequest> outgoing_;  // places are reserved
  std::uint16_t group_ = 0;
};

}  // namespace sixpn::dns
