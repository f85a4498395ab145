// Upstreams: all upstream resolvers of all groups, each once: the forwarder's sockets to them, how
// well and quick they are (by its own tries and what workers report), whether they understand EDNS,
// whether they ask us in turn. A try at one of them ends in exactly one outcome; what is to be
// repeated on the way to it (without EDNS, over TCP when the spelling came back changed) is
// repeated here. Which one to try, and when, is the Forwarder's.
//
// Owned by Forwarder, on the forward loop. Bounds: ForwardLimits::tries; kMaxUpstreams in each of
// at most kMaxForwardRules + 1 groups.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/io/event_loop.h"
#include "base/ip.h"
#include "dns/core/forward.h"
#include "dns/io/forward_budget.h"
#include "dns/io/limits.h"
#include "dns/io/stats.h"
#include "dns/io/upstream_board.h"

namespace sixpn::dns {

struct UpstreamOutcome {
  enum class What {
    kReply,    // something to tell the client
    kFailure,  // SERVFAIL, REFUSED and the like: `reply` has the code
    kNothing,  // silence, or nothing that could be used
  };
  std::uint64_t exchange = 0;
  What what = What::kNothing;
  ForwardReply reply;
};

// What a worker saw of an upstream that it asked itself (direct_forward.h).
struct DirectReport {
  std::size_t upstream = 0;
  std::uint32_t answered = 0, silent = 0;  // questions
  Duration round_trips{};                  // of those that were answered, summed up
  bool without_edns = false;               // it answered without OPT

  [[nodiscard]] bool empty() const { return answered == 0 && silent == 0; }
};

class Upstreams {
 public:
  // Called on the loop, never from inside a call of this class.
  using OnOutcome = std::function<void(UpstreamOutcome)>;
  // How long an upstream that answered without OPT is asked without.
  static constexpr Duration kEdnsMemory = std::chrono::minutes(15);

  // `board` is kept up to date with whom to ask first. All outlive it.
  Upstreams(EventLoop& loop, UpstreamBoard& board, const ForwardBudget& budget,
            const ForwardLimits& limits, OnOutcome on_outcome);
  ~Upstreams();
  Upstreams(const Upstreams&) = delete;
  Upstreams& operator=(const Upstreams&) = delete;

  // Those of a group to try, best first. Empty: it has none, or all of them loop.
  [[nodiscard]] std::vector<std::size_t> order(std::uint16_t group) const;
  [[nodiscard]] bool has_any(std::uint16_t group) const;
  // How long to wait for one before the next is tried too.
  [[nodiscard]] Duration patience(std::size_t upstream) const;
  void on_late(std::size_t upstream);

  // Whether another try may begin.
  [[nodiscard]] bool has_room() const;
  // Whether one may that is not a question's first: a quarter of all is left to those.
  [[nodiscard]] bool has_room_to_spare() const;
  // kUdp: and over TCP what is cut.
  enum class Over { kUdp, kTcp };
  // False: too many tries are in flight. `spelling`: as spell_randomly().
  bool ask(std::uint64_t exchange, std::size_t upstream, const ForeignQuery& query,
           std::string_view spelling, Over over);
  void on_report(const DirectReport& report);

  // A client asks for `name` (wire form, lower case): true when that is a probe of ours that came
  // back.
  bool is_own_probe(std::string_view name);
  // Something else of ours came back from one of these: they are probed at once.
  void suspect_loop(const std::vector<std::size_t>& upstreams);

  void add_to(Stats& stats) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
