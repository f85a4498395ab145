// ForwardFront: a worker's side of forwarding. It looks for a foreign query's answer in the shared
// cache, and writes it into the send buffer without allocating and without another thread. What is
// not kept it asks upstream itself (direct_forward.h), or hands to the forwarder.
//
// One per worker, on its loop. `rules`, `shared` and `forwarder` outlive it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "dns/core/foreign_query.h"
#include "dns/core/forward_rules.h"
#include "dns/io/asker.h"
#include "dns/io/direct_forward.h"
#include "dns/io/forward_shared.h"
#include "dns/io/forwarder.h"
#include "dns/io/stats.h"

namespace sixpn::dns {

class ForwardFront {
 public:
  ForwardFront(EventLoop& loop, const ForwardRules& rules, ForwardShared& shared,
               Forwarder& forwarder, Stats& counts, DirectForward::Callbacks callbacks)
      : rules_(rules),
        shared_(shared),
        forwarder_(forwarder),
        counts_(counts),
        done_(callbacks.done),
        direct_(loop, shared, forwarder, counts, std::move(callbacks)) {}

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
  // forwarded. A name whose rule depends on a network that is not known yet gets SERVFAIL: nobody
  // but the rule's servers may see it.
  std::size_t answer(const Asked& asked, Instant now, char* out);
  // What answer() did not have. The reply comes by one of the callbacks, or never. The size of the
  // reply in `out` where too many wait already, else 0.
  std::size_t forward(const Asked& asked, Asker asker, Instant now, char* out);

  // What is to be forwarded is handed over together, at the end of a batch: whether there is
  // something, and the handing over.
  [[nodiscard]] bool has_outgoing() const { return !outgoing_.empty(); }
  void hand_over();

  // Whether any rule depends on who asks: only then Asked::record is looked at.
  [[nodiscard]] bool has_rules() const { return !rules_.empty(); }

 private:
  // Of what is at hand; without `done` and options, which a prefetch does not have.
  ForwardRequest request(const Asked& asked) const;

  // A failure, and why: that too many wait, say.
  std::size_t refuse(const Asked& asked, Telling why, char* out) const;

  const ForwardRules& rules_;
  ForwardShared& shared_;
  Forwarder& forwarder_;
  Stats& counts_;
  ForeignQuery query_;  // the one at hand, its group and the hash of its key
  bool readable_ = false;
  std::uint16_t group_ = 0;
  std::uint64_t hash_ = 0;
  std::vector<ForwardRequest> outgoing_;  // places are reserved
  std::function<std::function<void(std::string)>(const Asker&)> done_;
  DirectForward direct_;
};

}  // namespace sixpn::dns
