// answer(): what the registry says to one question, as typed records in the order they should be
// sent. The heart of the room: everything that DESIGN section 7 and docs/dns.md promise about names
// is decided below this function. Pure: no bytes, no clock; randomness (the shuffle within a tier)
// is passed in.
//
// Called by resolve.h for the network and by explain.h for `sixpn dig`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/rng.h"
#include "dns/core/codes.h"
#include "dns/core/name.h"
#include "dns/core/query.h"
#include "dns/core/vantage.h"
#include "registry/core/snapshot.h"

namespace sixpn::dns {

class NameIndex;

// Who asks, and from where.
struct Viewer {
  Vantage vantage;
  Ip6 source;
};

// The text of a TXT record before it is split into strings of at most 255 bytes.
struct Text {
  std::string value;
  friend bool operator==(const Text&, const Text&) = default;
};

struct Soa {
  Name primary;
  Name mailbox;
  std::uint32_t serial = 0;
  friend bool operator==(const Soa&, const Soa&) = default;
};

// RFC 2782. The target is never compressed.
struct Srv {
  std::uint16_t priority = 0;  // the lowest is tried first
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  Name target;
  friend bool operator==(const Srv&, const Srv&) = default;
};

// SVCB and HTTPS: RFC 9460, ServiceMode with the target ".": the owner's own name.
struct Svcb {
  std::uint16_t priority = 1;
  std::vector<std::string> alpn;  // empty: not said
  std::uint16_t port = 0;         // 0: the scheme's own, not said
  std::vector<Ip6> ipv6hint;
  bool no_default_alpn = false;  // not what the scheme means without `alpn`
  friend bool operator==(const Svcb&, const Svcb&) = default;
};

// By type: A (v4-mapped) and AAAA, TXT, PTR and NS, SOA, SRV, SVCB and HTTPS.
using Rdata = std::variant<Ip6, Text, Name, Soa, Srv, Svcb>;

struct ResourceRecord {
  Name owner;
  RrType type = 0;
  Rdata rdata;  // class IN, TTL kTtlSeconds
  friend bool operator==(const ResourceRecord&, const ResourceRecord&) = default;
};

enum class AnswerKind {
  kAuthoritative,  // ours, also when it says no
  kForward,        // somebody else's name; nothing below is set
};

struct Answer {
  AnswerKind kind = AnswerKind::kAuthoritative;
  Rcode rcode = Rcode::kNoError;
  std::vector<ResourceRecord> answers;    // one RRset, nearest first
  std::vector<ResourceRecord> authority;  // the SOA of a negative answer (RFC 2308)
  // Addresses of the names in `answers`; what of them does not fit is left out, and nobody is told
  // (RFC 2181 section 9).
  std::vector<ResourceRecord> additional;
  std::optional<ExtendedError> extended_error;
  std::string_view rule;  // what the name stands for, for people; of a name that exists
  bool lasting = true;    // the same as long as the network and the hosts are
  bool list_cut = false;  // a TXT list did not fit a message and lost whole entries
};

// A network that the snapshot does not know has no names; one that is not synced yet, or
// whose machines this host does not hold, answers SERVFAIL with "not ready" (RFC 8914) for own
// zones.
Answer answer(NameIndex& index, NetworkId network, const Ip6& source, const DnsQuestion& question,
              Rng& rng);
// The same for a single question, with nothing kept.
Answer answer(const Snapshot& snapshot, NetworkId network, const Viewer& viewer,
              const DnsQuestion& question, Rng& rng);

// SERVFAIL, "not ready": of a network whose machines are not all here.
Answer not_held();

// SERVFAIL, "not ready": also the answer while there is no snapshot at all.
Answer not_ready();

}  // namespace sixpn::dns
