// FlycastStats: what the room counts since start, and gauges (marked *). A value; the agent turns
// it into metrics. Every limit of FlycastOptions has its counter here.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sixpn::flycast {

struct FlycastStats {
  std::uint64_t accepted = 0;  // connections taken from clients
  std::uint64_t relayed = 0;   // of those, joined to a machine
  std::uint64_t gave_up = 0;   // of those, reset: no machine could be reached in time
  std::uint64_t unknown_destination =
      0;                       // of those, reset: no such address, or no service on that port
  std::uint64_t attempts = 0;  // on machines, here and elsewhere
  std::uint64_t failed_attempts = 0;  // of those: refused, unreachable or timed out
  std::uint64_t warm_hops = 0;        // attempts elsewhere that a spare link served
  std::uint64_t reused = 0;           // attempts that a kept connection to a machine served
  std::uint64_t waits = 0;            // of those that asked a machine here: waited at its limit
  std::uint64_t waits_refused = 0;    // at machines here: no place in the line, or none in time
  std::uint64_t hops_accepted = 0;    // connections taken from other hosts' proxies
  std::uint64_t hops_admitted = 0;    // of those, joined to a machine
  std::uint64_t hops_refused = 0;     // of those, told to go elsewhere
  std::uint64_t hops_malformed = 0;  // of those, reset: bytes that are no preamble, or none in time
  std::uint64_t hops_unused = 0;     // of those, ended by the other side before a byte: spare links
  std::uint64_t hops_evicted = 0;    // of those, reset: too many silent ones of that host
  std::uint64_t over_host_share = 0;     // of those, told to go elsewhere: that host has its share
  std::uint64_t hops_foreign = 0;        // reset at once: the source is no host of the registry
  std::uint64_t over_session_limit = 0;  // reset at once: max_sessions
  std::uint64_t over_client_limit = 0;   // reset at once: max_sessions_per_client
  std::uint64_t accept_failures = 0;     // accept() failed for want of descriptors or memory
  std::uint64_t replays = 0;             // instructions of machines to replay a request
  std::uint64_t http_requests = 0;       // read on ports with the handler http
  std::uint64_t http_refused = 0;        // of those, and of what was to be one: not understood
  std::uint64_t http_failed = 0;         // of those, answered by the proxy: no machine did
  std::uint64_t http_resends = 0;        // sent once more: a machine took it and gave no answer
  std::uint64_t http_resends_refused = 0;  // not sent once more: the service's budget was spent
  std::uint64_t http_timeouts = 0;      // connections closed: a head or body did not come in time
  std::uint64_t http2_connections = 0;  // of clients
  std::uint64_t http2_sent_away = 0;    // of those, ended: a flood of resets or empty frames
  std::uint64_t tls_handshakes = 0;     // done, on ports with the handler tls
  std::uint64_t tls_resumed = 0;        // of those, without a signature
  std::uint64_t tls_failed = 0;         // not done: refused, not understood, or not in time
  std::uint64_t tls_uncertified = 0;    // reset at once: no certificate for the org here
  std::uint64_t over_tls_limit = 0;     // reset at once: max_tls_handshakes
  std::uint64_t tls_leaves = 0;         // certificates made
  std::uint64_t woken = 0;              // connections that waited for a machine of this host
  std::uint64_t starts_failed = 0;      // of those, in vain: it did not start, or ended
  std::uint64_t put_to_sleep = 0;       // machines of this host, as they were not needed
  std::uint64_t background_starts = 0;  // asked for, as all machines were over their soft limit
  std::uint64_t bytes = 0;              // relayed, both directions
  std::uint64_t idle_timeouts = 0;      // relays reset because nothing passed for their timeout
  std::uint64_t silent_hops = 0;        // relays reset because the other host stopped answering
  std::uint64_t dead_hosts = 0;         // times one was found dead: what was open to it was ended
  std::uint64_t silent_machines = 0;    // of this host: times one was seen to acknowledge nothing
  std::uint64_t silences_heard = 0;     // that owners told of machines of theirs
  std::uint64_t kept_machines = 0;      // * connections to machines here that await a request
  std::uint64_t spare_links = 0;        // * to other hosts' proxies
  std::uint64_t sessions = 0;           // * open, both kinds

  // All of them are of one type, so that none is forgotten here.
  FlycastStats& operator+=(const FlycastStats& other) {
    using Numbers = std::array<std::uint64_t, sizeof(FlycastStats) / sizeof(std::uint64_t)>;
    auto sum = std::bit_cast<Numbers>(*this);
    auto more = std::bit_cast<Numbers>(other);
    for (std::size_t i = 0; i < sum.size(); ++i) sum.at(i) += more.at(i);
    return *this = std::bit_cast<FlycastStats>(sum);
  }
};

}  // namespace sixpn::flycast
