// The wire forms of forwarding: the query that goes upstream, the upstream's reply as a value that
// may be kept, and that value as a reply to one client. Replies are walked with bounds checks and
// passed on as bytes; nothing in them is followed or trusted beyond their own question. Pure;
// called by dns/io/forwarder.cc, by the workers for what is kept (dns/io/forward_front.cc), and by
// the fuzzer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/core/answer.h"
#include "dns/core/foreign_query.h"

namespace sixpn::dns {

// The most that a reply from upstream is believed: of records, and of what does not exist
// (RFC 8767 section 4 asks for a cap of days at most, RFC 2308 section 5 for hours).
inline constexpr std::uint32_t kMaxTtl = 24 * 3600;
inline constexpr std::uint32_t kMaxNegativeTtl = 3600;

// Header, question in the given spelling and, last, a bare OPT of 11 bytes (c-ares cuts exactly
// these off to retry without EDNS). The client's own options stay here: cookies and client subnets
// are between it and us. RD, CD and DO are the client's.
std::string make_upstream_query(const ForeignQuery& client, std::string_view spelling,
                                std::uint16_t id);
// The same query without its OPT, for upstreams from before EDNS.
std::string without_opt(std::string upstream_query);
void set_id(std::string& message, std::uint16_t id);

// The name with the case of each letter drawn from `bits` (0x20, draft-vixie-dnsext-dns0x20): an
// off-path forger has to guess it, beside id and port. 64 letters at most are turned.
std::string spell_randomly(std::string_view lower_name, std::uint64_t bits);

// Whether a query in this spelling can only be our own question that came back to us: it has enough
// letters, and they are not as the client wrote them.
bool is_telling(const ForeignQuery& client, std::string_view spelling);

// An upstream's reply without its header and question. At most 64 kB; values.
struct ForwardReply {
  // Where one record's TTL stands and where the record ends, from the start of `records`.
  struct Mark {
    std::uint16_t ttl_at = 0;
    std::uint16_t end = 0;
  };
  std::uint8_t rcode = 0;           // the low four bits
  std::uint8_t extended_rcode = 0;  // of its OPT
  bool had_edns = false;
  bool truncated = false;
  std::array<std::uint16_t, 3> counts{};  // answer, authority, additional; OPT is not among them
  std::string records;                    // as they follow the question, TTLs capped
  std::vector<Mark> marks;                // one for each record
  // How long it may be kept, in seconds; 0: not at all. The least TTL of all records; of a negative
  // answer (RFC 2308) never more than its SOA's minimum, and 0 without SOA.
  std::uint32_t lifetime = 0;

  [[nodiscard]] bool is_failure() const { return rcode != 0 && rcode != 3; }
  [[nodiscard]] std::size_t bytes() const {
    return sizeof *this + records.capacity() + marks.capacity() * sizeof(Mark);
  }
};

enum class Mismatch {
  kNone,
  kSpelling,  // the right question in another case: an upstream that does not keep it, or a forger
  kOther,     // malformed, or no reply to this question
};

struct ReadReply {
  Mismatch mismatch = Mismatch::kOther;
  ForwardReply reply;
};

// `spelling` and `type`: what was asked.
ReadReply read_upstream_reply(std::string_view spelling, RrType type, std::string_view message);

// How a reply is told: seconds since it came, or that it is stale (every TTL is then 30, RFC 8767
// section 5.2), why it is what it is (RFC 8914), and what else its OPT says.
struct Telling {
  std::uint32_t age = 0;
  bool stale = false;
  std::optional<ExtendedErrorCode> why;
  std::string_view text = {};     // beside `why`
  std::string_view options = {};  // ReplyOptions::bytes(), of the responder: the client's cookie
};
inline constexpr std::uint32_t kStaleTtl = 30;
Telling stale(const ForwardReply& reply);
Telling cached_failure();
Telling unreachable(std::string_view why);
Telling upstream_failed();  // one answered, with the code that is passed on
Telling undecided();        // who is to be asked depends on what is not known yet
inline constexpr std::string_view kTooManyForwarded = "too many queries are being forwarded";

// How many bytes write_reply() needs at most for this client.
std::size_t reply_room(const ForwardReply& reply, const ForeignQuery& client);
// The reply in `out`: the client's id, spelling and OPT; AA and AD cleared (we vouch for neither),
// RA set. What exceeds the client's limit is left out by whole records from the end, TC set when an
// answer, or the authority of a negative one, is missing (RFC 2181 section 9). Returns its size.
std::size_t write_reply(const ForwardReply& reply, const ForeignQuery& client,
                        const Telling& telling, char* out);
// The same in a message of its own.
std::string make_reply(const ForwardReply& reply, const ForeignQuery& client,
                       const Telling& telling);

// A reply without records.
ForwardReply make_failure(Rcode rcode);

}  // namespace sixpn::dns
