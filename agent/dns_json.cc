#include "agent/dns_json.h"

namespace sixpn::agent {

namespace json = boost::json;
using Health = dns::UpstreamChoice::Health;

namespace {

std::string_view to_text(Health health) {
  switch (health) {
    case Health::kUp:
      return "up";
    case Health::kDown:
      return "down";
    case Health::kLooping:
      return "looping";
  }
  return "?";
}

json::object upstream_json(const dns::UpstreamStats& upstream) {
  return {{"address", to_string(upstream.endpoint)},
          {"health", to_text(upstream.health)},
          {"round_trip_us", upstream.round_trip.count()},
          {"answered", upstream.answered},
          {"unanswered", upstream.unanswered},
          {"edns", upstream.edns}};
}

json::object forwarding_json(const dns::Stats& stats) {
  json::object out{{"hits", stats.forward_hits},
                   {"failure_hits", stats.forward_failure_hits},
                   {"stale", stats.forward_stale},
                   {"forwarded", stats.forwarded},
                   {"joined", stats.forward_joined},
                   {"prefetched", stats.forward_prefetched},
                   {"tries", stats.forward_tries},
                   {"answered", stats.forward_answered},
                   {"failed", stats.forward_failed},
                   {"rejected", stats.forward_rejected},
                   {"queue_full", stats.forward_queue_full},
                   {"mismatched", stats.forward_mismatched},
                   {"misspelled", stats.forward_misspelled},
                   {"loops", stats.forward_loops},
                   {"in_flight", stats.forward_in_flight},
                   {"cache_replies", stats.forward_cache_replies},
                   {"cache_bytes", stats.forward_cache_bytes},
                   {"cache_evicted", stats.forward_cache_evicted}};
  json::array upstreams;
  for (const auto& upstream : stats.upstreams) upstreams.push_back(upstream_json(upstream));
  out["upstreams"] = std::move(upstreams);
  return out;
}

}  // namespace

json::object dns_json(const dns::Stats& stats) {
  return {{"udp_queries", stats.udp_queries},   {"tcp_queries", stats.tcp_queries},
          {"dropped", stats.dropped},           {"refused_sources", stats.refused_sources},
          {"truncated", stats.truncated},       {"lists_cut", stats.lists_cut},
          {"send_failed", stats.send_failed},   {"tcp_accepted", stats.tcp_accepted},
          {"tcp_rejected", stats.tcp_rejected}, {"tcp_timed_out", stats.tcp_timed_out},
          {"tcp_open", stats.tcp_open},         {"forwarding", forwarding_json(stats)}};
}

std::vector<std::string> dns_warnings(const dns::Stats& stats) {
  std::vector<std::string> out;
  for (const auto& upstream : stats.upstreams) {
    auto name = "upstream resolver " + to_string(upstream.endpoint);
    if (upstream.health == Health::kDown)
      out.push_back(name + " does not answer; others are asked, or what is kept is told");
    if (upstream.health == Health::kLooping)
      out.push_back(name +
                    " asks this host in turn, and is not asked any more: take this host's "
                    "resolver out of its configuration, or it out of dns.upstreams");
  }
  return out;
}

}  // namespace sixpn::agent
