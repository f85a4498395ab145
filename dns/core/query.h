// The strict parser that every message from the network meets first: header, exactly one question,
// an optional OPT (RFC 1035 section 4, RFC 6891, RFC 9619). It never follows a compression pointer,
// looks at each byte at most once, and decides what a message deserves before anything else sees
// it. Pure; called for each message that is no plain query (plain_query.h), for each one
// that is forwarded, and by the fuzzer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dns/core/codes.h"
#include "dns/core/edns_options.h"
#include "dns/core/name.h"

namespace sixpn::dns {

struct DnsQuestion {
  Name name;  // as it came: its case is echoed (0x20)
  RrType type = 0;
  std::uint16_t klass = kClassIn;
};

// What a client's OPT said, but for its options.
struct Edns {
  std::uint16_t payload_size = 0;
  std::uint8_t version = 0;
  bool dnssec_ok = false;
};

struct Query {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  std::optional<DnsQuestion>
      question;  // absent only in a reply to a message without a readable one
  std::optional<Edns> edns;

  // How large a UDP reply may be.
  [[nodiscard]] std::size_t udp_limit() const;
};

enum class Verdict {
  kDrop,    // QR=1 or shorter than a header: a reply could start a loop
  kReject,  // reply with `rcode` and nothing else
  kAnswer,  // a question to be answered, of class IN, or one of ours in class CH
  kCookie,  // no question, but a cookie: the reply is a cookie alone (RFC 7873 section 5.4)
};

struct ParsedQuery {
  Verdict verdict = Verdict::kDrop;
  Rcode rcode = Rcode::kNoError;
  Query query;
  EdnsOptions options;  // views into the message
  // Why it is rejected, for an extended error; empty: there is nothing to add.
  ExtendedErrorCode why = ExtendedErrorCode::kOther;
  std::string_view why_text;

  // To be answered by what names say.
  [[nodiscard]] bool is_of_names() const {
    return verdict == Verdict::kAnswer && query.question->klass == kClassIn;
  }
};

// FORMERR: QDCOUNT other than 1 (0 with a cookie is kCookie), a bad or compressed name, records cut
// short, trailing bytes, answer or authority records, two OPT, an OPT with an owner or broken
// options, meta types OPT, TSIG, TKEY asked for. NOTIMP: any opcode but QUERY. REFUSED: a class
// other than IN, unless chaos_text_of() the question is something, AXFR and IXFR. BADVERS: EDNS
// version above 0.
ParsedQuery parse_query(std::string_view message);

// What is asked of the server itself, TXT or ANY in class CH (RFC 4892 section 2, and BIND's older
// names).
enum class ChaosText { kNone, kVersion, kServerId };
ChaosText chaos_text_of(const DnsQuestion& question);

}  // namespace sixpn::dns
