#include "dns/io/stats.h"

#include "dns/core/responder.h"

namespace sixpn::dns {
namespace {

// The keys come from outside, so their number is bounded.
void count_type(Stats& stats, RrType type, std::uint64_t times) {
  auto found = stats.by_type.find(type);
  if (found != stats.by_type.end())
    found->second += times;
  else if (stats.by_type.size() < Stats::kMaxTypes)
    stats.by_type.emplace(type, times);
  else
    stats.other_types += times;
}

void count_limits(Stats& stats, const Handled& handled) {
  switch (handled.limited) {
    case Limited::kNo:
      break;
    case Limited::kTruncated:
      ++stats.rate_truncated;
      break;
    case Limited::kBadCookie:
      ++stats.rate_bad_cookie;
      break;
    case Limited::kDropped:
      ++stats.rate_dropped;
      break;
    case Limited::kRefusalDropped:
      ++stats.refusals_dropped;
      break;
  }
}

void count_cookie(Stats& stats, CookieState cookie) {
  if (cookie == CookieState::kValid) ++stats.cookies_valid;
  if (cookie == CookieState::kBad) ++stats.cookies_bad;
  if (cookie == CookieState::kClientOnly) ++stats.cookies_given;
}

}  // namespace

void Stats::add(const Handled& handled, CookieState cookie) {
  if (handled.limited != Limited::kNo) count_limits(*this, handled);
  if (handled.hold > Duration::zero()) ++rate_held;
  if (cookie != CookieState::kNone) count_cookie(*this, cookie);
  if (handled.fate == Fate::kDrop && handled.limited == Limited::kNo) ++dropped;
  if (handled.fate != Fate::kReply) return;
  auto rcode = static_cast<std::size_t>(handled.rcode);
  if (rcode < by_rcode.size()) ++by_rcode[rcode];
  if (handled.refused_source) ++refused_sources;
  if (handled.truncated) ++truncated;
  if (handled.list_cut) ++lists_cut;
  if (handled.own_zone) count_type(*this, handled.type, 1);
}

void Stats::add(const Stats& other) {
  for (auto counter : {&Stats::udp_queries,
                       &Stats::tcp_queries,
                       &Stats::other_types,
                       &Stats::dropped,
                       &Stats::refused_sources,
                       &Stats::rate_truncated,
                       &Stats::rate_bad_cookie,
                       &Stats::rate_dropped,
                       &Stats::rate_held,
                       &Stats::refusals_dropped,
                       &Stats::cookies_valid,
                       &Stats::cookies_bad,
                       &Stats::cookies_given,
                       &Stats::truncated,
                       &Stats::lists_cut,
                       &Stats::send_failed,
                       &Stats::forwarded,
                       &Stats::forward_answered,
                       &Stats::forward_failed,
                       &Stats::forward_rejected,
                       &Stats::forward_in_flight,
                       &Stats::tcp_accepted,
                       &Stats::tcp_rejected,
                       &Stats::tcp_rejected_source,
                       &Stats::tcp_rejected_network,
                       &Stats::tcp_timed_out,
                       &Stats::tcp_evicted,
                       &Stats::tcp_displaced,
                       &Stats::tcp_open,
                       &Stats::forward_hits,
                       &Stats::forward_failure_hits,
                       &Stats::forward_stale,
                       &Stats::forward_queue_full,
                       &Stats::forward_joined,
                       &Stats::forward_prefetched,
                       &Stats::forward_tries,
                       &Stats::forward_mismatched,
                       &Stats::forward_misspelled,
                       &Stats::forward_loops,
                       &Stats::forward_cache_replies,
                       &Stats::forward_cache_bytes,
                       &Stats::forward_cache_evicted})
    this->*counter += other.*counter;
  for (const auto& [type, times] : other.by_type) count_type(*this, type, times);
  for (std::size_t i = 0; i < by_rcode.size(); ++i) by_rcode[i] += other.by_rcode[i];
}

}  // namespace sixpn::dns
