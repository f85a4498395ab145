// The pure half of forwarding: the query that goes upstream, and the upstream's reply made fit for
// the client. Replies are walked with bounds checks and passed on as bytes; nothing in them is
// followed or trusted beyond their own question. Pure; called by dns/io/forwarder.cc and the
// fuzzer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/core/query.h"

namespace sixpn::dns {

enum class UpstreamEdns { kWith, kWithout };

// Header, question and, last, a bare OPT of 11 bytes (c-ares cuts exactly these off to retry
// without EDNS). The client's own options stay here: cookies and client subnets are between it and
// us. RD, CD and DO are the client's.
std::string make_upstream_query(const Query& client, std::uint16_t id, UpstreamEdns edns);

struct UpstreamReply {
  std::string message;     // for the client: its id, its spelling of the question, its OPT or none
  std::uint8_t rcode = 0;  // the low four bits
  bool had_edns = false;
};

// Nothing when the reply is malformed, or no reply to this question. AA and AD are cleared (we
// vouch for neither), RA set. What exceeds `limit` is left out by whole records from the end, TC
// set when an answer, or the authority of a negative one, is missing (RFC 2181 section 9).
std::optional<UpstreamReply> adapt_upstream_reply(const Query& client, std::string_view reply,
                                                  std::size_t limit);

}  // namespace sixpn::dns
