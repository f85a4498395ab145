// Counters of the registry: what happened since start, for metrics, logs and tests. A plain value.
// Each hit of a limit, and each reason to drop something, has its own number.
#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

namespace sixpn::registry {

struct Counters {
  std::uint64_t datagrams_in = 0;
  std::uint64_t datagrams_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t records_accepted = 0;
  std::uint64_t records_duplicate = 0;  // equal to, or older than, what is known
  std::uint64_t syncs_started = 0;
  std::uint64_t syncs_finished = 0;
  std::uint64_t syncs_failed = 0;
  std::uint64_t suspicions = 0;  // raised here or heard
  std::uint64_t refuted = 0;     // suspicions, or downs, that turned out false
  std::uint64_t downs = 0;
  std::uint64_t accusations = 0;  // suspicions of this host's own
  std::uint64_t stalls = 0;       // this loop ran late: nobody was accused
  std::uint64_t self_refutations = 0;
  std::uint64_t local_downs = 0;       // downs that nobody else confirmed: believed here only
  std::uint64_t tcp_only_answers = 0;  // a host that UDP does not reach and TCP does
  std::uint64_t claims_verified = 0;   // signatures of membership checked, good ones and bad ones

  // Dissemination: pushes are datagrams; each record or update in one is a copy.
  std::uint64_t pushes_sent = 0;  // repetitions included
  std::uint64_t pushes_received = 0;
  std::uint64_t copies_received = 0;
  std::uint64_t copies_duplicate = 0;  // of those, known before
  std::uint64_t pushes_retried = 0;
  std::uint64_t pushes_reminded = 0;     // by heads alone
  std::uint64_t pushes_asked_again = 0;  // of those, packets that were lacking
  std::uint64_t pushes_adopted = 0;      // receivers served in place of a silent one
  std::uint64_t pushes_unanswered = 0;   // receivers given up
  std::uint64_t records_pulled = 0;      // asked for, because both trees missed this host

  // Dropped, by reason.
  std::uint64_t dropped_malformed = 0;
  std::uint64_t dropped_stranger = 0;  // datagram from a host without a host record, or revoked
  std::uint64_t dropped_unknown_writer = 0;
  std::uint64_t dropped_bad_signature = 0;
  std::uint64_t dropped_unsigned_claim = 0;  // of an older version, or whose signer is not known
  std::uint64_t dropped_bad_claim = 0;       // membership claims whose signature does not verify
  std::uint64_t dropped_claim_limit = 0;  // ... or were not checked: the sender is over its limit
  std::uint64_t dropped_not_permitted = 0;
  std::uint64_t dropped_clock_ahead = 0;
  std::uint64_t dropped_expired = 0;
  std::uint64_t dropped_full = 0;
  std::uint64_t enrolment_conflicts = 0;
  std::uint64_t dropped_flood = 0;       // of members over their limits (flood_guard.h), unread
  std::uint64_t dropped_unwanted = 0;    // machines of networks that this host does not hold
  std::uint64_t dropped_queue_full = 0;  // pending, relay, fragments or spread queue at its limit
  std::uint64_t fragments_refused = 0;   // records too large to push, and too many at once
  std::uint64_t send_failures = 0;       // the socket would not take a datagram
};

// All of them, for whoever shows them.
struct NamedCounter {
  std::string_view name;
  std::uint64_t Counters::*value;
};
inline constexpr NamedCounter kCounters[] = {
    {"datagrams_in", &Counters::datagrams_in},
    {"datagrams_out", &Counters::datagrams_out},
    {"bytes_in", &Counters::bytes_in},
    {"bytes_out", &Counters::bytes_out},
    {"records_accepted", &Counters::records_accepted},
    {"records_duplicate", &Counters::records_duplicate},
    {"syncs_started", &Counters::syncs_started},
    {"syncs_finished", &Counters::syncs_finished},
    {"syncs_failed", &Counters::syncs_failed},
    {"suspicions", &Counters::suspicions},
    {"refuted", &Counters::refuted},
    {"downs", &Counters::downs},
    {"accusations", &Counters::accusations},
    {"stalls", &Counters::stalls},
    {"self_refutations", &Counters::self_refutations},
    {"local_downs", &Counters::local_downs},
    {"tcp_only_answers", &Counters::tcp_only_answers},
    {"claims_verified", &Counters::claims_verified},
    {"pushes_sent", &Counters::pushes_sent},
    {"pushes_received", &Counters::pushes_received},
    {"copies_received", &Counters::copies_received},
    {"copies_duplicate", &Counters::copies_duplicate},
    {"pushes_retried", &Counters::pushes_retried},
    {"pushes_reminded", &Counters::pushes_reminded},
    {"pushes_asked_again", &Counters::pushes_asked_again},
    {"pushes_adopted", &Counters::pushes_adopted},
    {"pushes_unanswered", &Counters::pushes_unanswered},
    {"records_pulled", &Counters::records_pulled},
    {"dropped_malformed", &Counters::dropped_malformed},
    {"dropped_stranger", &Counters::dropped_stranger},
    {"dropped_unknown_writer", &Counters::dropped_unknown_writer},
    {"dropped_bad_signature", &Counters::dropped_bad_signature},
    {"dropped_unsigned_claim", &Counters::dropped_unsigned_claim},
    {"dropped_bad_claim", &Counters::dropped_bad_claim},
    {"dropped_claim_limit", &Counters::dropped_claim_limit},
    {"dropped_not_permitted", &Counters::dropped_not_permitted},
    {"dropped_clock_ahead", &Counters::dropped_clock_ahead},
    {"dropped_expired", &Counters::dropped_expired},
    {"dropped_full", &Counters::dropped_full},
    {"enrolment_conflicts", &Counters::enrolment_conflicts},
    {"dropped_flood", &Counters::dropped_flood},
    {"dropped_unwanted", &Counters::dropped_unwanted},
    {"dropped_queue_full", &Counters::dropped_queue_full},
    {"fragments_refused", &Counters::fragments_refused},
    {"send_failures", &Counters::send_failures},
};
static_assert(sizeof(Counters) == std::size(kCounters) * sizeof(std::uint64_t),
              "each counter has a name");

}  // namespace sixpn::registry
