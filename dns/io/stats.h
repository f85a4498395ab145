// Counters of the DNS room, as one value: what went in, what came out, and each limit that was hit.
// Each
// worker counts its own; a copy may travel anywhere.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "base/ip.h"
#include "dns/core/cookie.h"
#include "dns/core/upstream_choice.h"

namespace sixpn::dns {

struct Handled;  // dns/core/responder.h

// One upstream resolver, in the order of the configuration, each once.
struct UpstreamStats {
  IpEndpoint endpoint;
  UpstreamChoice::Health health = UpstreamChoice::Health::kUp;
  Duration round_trip{};         // smoothed
  std::uint64_t answered = 0;    // replies, good or bad
  std::uint64_t unanswered = 0;  // tries without one
  bool edns = true;              // it understands EDNS, as far as is known
};

struct Stats {
  std::uint64_t udp_queries = 0;
  std::uint64_t tcp_queries = 0;
  std::map<std::uint16_t, std::uint64_t> by_type;  // own zones, well-formed; at most kMaxTypes keys
  std::uint64_t other_types = 0;                   // once by_type is full
  std::array<std::uint64_t, 32> by_rcode{};        // of replies made here, not of forwarded ones
  std::uint64_t dropped = 0;                       // answers (QR=1) and fragments: no reply
  std::uint64_t refused_sources = 0;               // no network's view belongs to the source
  std::uint64_t truncated = 0;
  std::uint64_t lists_cut = 0;  // TXT lists beyond what a message holds
  std::uint64_t send_failed = 0;

  // Over a source's rate: told to use TCP, told to show a cookie, not answered; over TCP, held; and
  // strangers, whom no refusal was sent to.
  std::uint64_t rate_truncated = 0;
  std::uint64_t rate_bad_cookie = 0;
  std::uint64_t rate_dropped = 0;
  std::uint64_t rate_held = 0;
  std::uint64_t refusals_dropped = 0;
  std::uint64_t cookies_valid = 0;
  std::uint64_t cookies_bad = 0;
  std::uint64_t cookies_given = 0;  // to clients that had none of ours

  // Forwarding. Counted by the workers:
  std::uint64_t forward_hits = 0;          // answered from the cache, fresh
  std::uint64_t forward_failure_hits = 0;  // a failure of a moment ago was told
  std::uint64_t forward_stale = 0;         // a stale reply was told
  std::uint64_t forward_queue_full = 0;    // the forwarder's queue was full: SERVFAIL
  // and by the forwarder:
  std::uint64_t forwarded = 0;           // questions taken upstream, retries not counted
  std::uint64_t forward_joined = 0;      // queries that waited with an equal one
  std::uint64_t forward_prefetched = 0;  // of `forwarded`, before the kept reply ended
  std::uint64_t forward_tries = 0;       // messages sent upstream, probes not counted
  std::uint64_t forward_answered = 0;    // clients told what upstream said
  std::uint64_t forward_failed = 0;      // clients told that nobody upstream answered usably
  std::uint64_t forward_rejected = 0;    // over a budget
  std::uint64_t forward_mismatched = 0;  // replies malformed, or to another question
  std::uint64_t forward_misspelled = 0;  // replies in another case than asked: TCP decides
  std::uint64_t forward_loops = 0;       // of our own questions that came back to us
  std::uint64_t forward_in_flight = 0;   // clients that wait
  std::uint64_t forward_cache_replies = 0, forward_cache_bytes = 0, forward_cache_evicted = 0;
  std::vector<UpstreamStats> upstreams;  // the forwarder's only: add() leaves it alone

  std::uint64_t tcp_accepted = 0;
  std::uint64_t tcp_rejected = 0;  // over a connection limit: in all, or one of these
  std::uint64_t tcp_rejected_source = 0;
  std::uint64_t tcp_rejected_network = 0;
  std::uint64_t tcp_timed_out = 0;
  std::uint64_t tcp_evicted = 0;    // did not take its replies
  std::uint64_t tcp_displaced = 0;  // made room for somebody with fewer
  std::uint64_t tcp_open = 0;

  static constexpr std::size_t kMaxTypes = 64;

  void add(const Handled& handled, CookieState cookie);
  void add(const Stats& other);
};

}  // namespace sixpn::dns
