// Forwarder: names that are not ours, where the quickest upstream did not simply answer the worker
// that asked it (direct_forward.h). It joins equal queries while one of them is in flight, asks the
// quickest upstream that is well (dns/core/upstream_choice.h) and the next when that takes too long
// or fails, keeps what comes (shared_cache.h), tells clients what is stale when nobody answers in
// time (RFC 8767), fetches anew what is about to end, and finds loops. Sockets are UpstreamPool's.
//
// Owned by DnsService; lives on the forward loop, a thread of its own, so that nothing upstream
// does delays the workers. Limits: ForwardLimits; over a budget a query gets SERVFAIL at once, and
// so does everything when no upstream answers within `deadline` (below the 5 s at which stub
// resolvers give up: they are told, not left waiting).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "dns/core/foreign_query.h"
#include "dns/io/forward_client.h"
#include "dns/io/forward_shared.h"
#include "dns/io/stats.h"
#include "dns/io/upstreams.h"

namespace sixpn::dns {

// What became of a question that a worker asked itself: the first try of a request.
struct DirectTry {
  enum class End {
    kLate,          // no answer yet; a DirectOutcome will follow
    kUnanswered,    // nor will there be one
    kFailed,        // SERVFAIL, REFUSED and the like: `failure`
    kAgain,         // the upstream does not know EDNS, or an answer was lost in strays
    kAgainOverTcp,  // it was cut, or came in another spelling
  };
  std::size_t upstream = 0;  // UpstreamBoard::upstreams()
  End end = End::kLate;
  Rcode failure = Rcode::kServFail;
};

// A query to forward.
struct ForwardRequest : ForwardClient {
  std::uint16_t group = 0;  // forward_rules.h
  // Called once with the reply, on the forward loop; never when the forwarder ends first. Empty:
  // what is kept is to be fetched anew.
  std::function<void(std::string reply)> done;
  Instant since{};           // when it came; not set: now
  bool is_admitted = false;  // it has its place in ForwardBudget
  bool is_counted = false;   // it waited at its worker: Stats has it as forwarded or joined
  // What came of that; of several that waited together only one has it.
  std::optional<DirectTry> tried;
};

// A question that a worker asked itself has ended, and others wait for it here, or its reply could
// not be kept at once.
struct DirectOutcome {
  ForeignQuery query;
  std::uint16_t group = 0;
  std::uint64_t hash = 0;
  UpstreamOutcome::What what = UpstreamOutcome::What::kNothing;
  ForwardReply reply;
  bool was_late = false;  // it is what a DirectTry::End::kLate announced
};

// What a worker has learned, to be told together.
struct DirectNews {
  std::vector<DirectReport> reports;
  std::vector<DirectOutcome> outcomes;
};

class Forwarder {
 public:
  // `shared` outlives it.
  Forwarder(EventLoop& loop, ForwardShared& shared);
  ~Forwarder();  // on the loop, or after it ended; queries in flight are forgotten
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Any thread. A place in the queue for one request; false: it is full.
  bool reserve();
  // Any thread; a place was reserved for each. Together, because each hand-over wakes the loop.
  void submit(std::vector<ForwardRequest> requests, DirectNews news = {});

  // On the loop.
  void add_to(Stats& stats) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
