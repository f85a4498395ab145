#include "dns/core/query.h"

#include <algorithm>

#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

constexpr std::uint32_t kEdnsDnssecOk = 0x8000;

struct Header {
  std::uint16_t id, flags, questions, answers, authorities, additionals;
};

Header read_header(WireReader& reader) {
  Header header{};
  for (auto* field : {&header.id, &header.flags, &header.questions, &header.answers,
                      &header.authorities, &header.additionals})
    *field = reader.u16();
  return header;
}

std::optional<DnsQuestion> read_question(WireReader& reader) {
  auto name = Name::from_wire(reader.rest());
  if (!name) return std::nullopt;
  reader.bytes(name->wire().size());
  DnsQuestion question{std::move(*name), reader.u16(), reader.u16()};
  if (!reader.ok()) return std::nullopt;
  return question;
}

// Options fill the rdata exactly (RFC 6891 section 6.1.2).
bool are_options_whole(std::string_view rdata) {
  WireReader reader(rdata);
  while (reader.ok() && !reader.at_end()) {
    reader.u16();
    reader.bytes(reader.u16());
  }
  return reader.ok();
}

// Reads the additional section into `edns`; false when it is malformed or has more than one OPT.
bool read_additionals(WireReader& reader, std::uint16_t count, std::optional<Edns>& edns) {
  for (; count > 0 && reader.ok(); --count) {
    bool root_owner = reader.skip_name();
    auto type = reader.u16();
    auto klass = reader.u16();
    auto ttl = reader.u32();
    auto rdata = reader.bytes(reader.u16());
    if (!reader.ok()) return false;
    if (type != kTypeOpt) continue;
    if (edns || !root_owner || !are_options_whole(rdata)) return false;
    edns = Edns{klass, static_cast<std::uint8_t>(ttl >> 16), (ttl & kEdnsDnssecOk) != 0};
  }
  return reader.ok();
}

Rcode judge_question(const DnsQuestion& question) {
  switch (question.type) {
    case kTypeOpt:
    case kTypeTsig:
    case kTypeTkey:
      return Rcode::kFormErr;
    case kTypeAxfr:
    case kTypeIxfr:
      return Rcode::kRefused;
    default:
      return question.klass == kClassIn ? Rcode::kNoError : Rcode::kRefused;
  }
}

// What is wrong with a query of opcode QUERY, reading the rest of it; kNoError when nothing is.
Rcode read_body(WireReader& reader, const Header& header, Query& query) {
  if (header.questions != 1) return Rcode::kFormErr;
  query.question = read_question(reader);
  if (!query.question) return Rcode::kFormErr;
  // IXFR carries an authority record (RFC 1995): refuse it for what it is.
  auto judged = judge_question(*query.question);
  if (judged == Rcode::kRefused && header.authorities != 0) return judged;
  if (header.answers != 0 || header.authorities != 0) return Rcode::kFormErr;
  std::optional<Edns> edns;
  if (!read_additionals(reader, header.additionals, edns) || !reader.at_end())
    return Rcode::kFormErr;
  query.edns = edns;
  if (edns && edns->version > 0) return Rcode::kBadVers;
  return judged;
}

}  // namespace

std::size_t Query::udp_limit() const {
  if (!edns) return kMinUdpBytes;
  return std::clamp<std::size_t>(edns->payload_size, kMinUdpBytes, kMaxUdpBytes);
}

ParsedQuery parse_query(std::string_view message) {
  WireReader reader(message);
  Header header = read_header(reader);
  ParsedQuery parsed;
  if (!reader.ok() || (header.flags & kFlagResponse) != 0) return parsed;
  parsed.verdict = Verdict::kReject;
  parsed.query.id = header.id;
  parsed.query.opcode = static_cast<std::uint8_t>(header.flags >> 11 & 0xf);
  if (parsed.query.opcode != kOpcodeQuery) {
    parsed.rcode = Rcode::kNotImp;
    return parsed;
  }
  parsed.query.recursion_desired = (header.flags & kFlagRecursionDesired) != 0;
  parsed.query.checking_disabled = (header.flags & kFlagCheckingDisabled) != 0;
  parsed.rcode = read_body(reader, header, parsed.query);
  if (parsed.rcode == Rcode::kNoError) parsed.verdict = Verdict::kAnswer;
  return parsed;
}

}  // namespace sixpn::dns
