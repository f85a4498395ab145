#include "dns/core/query.h"

#include <algorithm>

#include "dns/core/judgement.h"
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

// Reads the additional section into `edns` and `options`; false when it is malformed or has more
// than one OPT. What options look like in versions that we do not know is not ours to judge.
bool read_additionals(WireReader& reader, std::uint16_t count, std::optional<Edns>& edns,
                      EdnsOptions& options) {
  for (; count > 0 && reader.ok(); --count) {
    bool root_owner = reader.skip_name();
    auto type = reader.u16();
    auto klass = reader.u16();
    auto ttl = reader.u32();
    auto rdata = reader.bytes(reader.u16());
    if (!reader.ok()) return false;
    if (type != kTypeOpt) continue;
    if (edns || !root_owner) return false;
    edns = Edns{klass, static_cast<std::uint8_t>(ttl >> 16), (ttl & kEdnsDnssecOk) != 0};
    if (edns->version == 0 && !read_edns_options(rdata, options)) return false;
  }
  return reader.ok();
}

Judgement formerr(std::string_view text) {
  return {Rcode::kFormErr, ExtendedErrorCode::kOther, text};
}

// Without a question there may be a cookie (RFC 7873 section 5.4).
Judgement read_without_question(WireReader& reader, const Header& header, ParsedQuery& parsed) {
  std::optional<Edns> edns;
  if (header.answers != 0 || header.authorities != 0) return formerr("");
  bool whole = read_additionals(reader, header.additionals, edns, parsed.options);
  parsed.query.edns = edns;
  if (!whole || !reader.at_end()) return formerr("");
  if (edns && edns->version > 0) return {Rcode::kBadVers};
  if (parsed.options.cookie.empty()) return formerr("a query has one question");
  parsed.verdict = Verdict::kCookie;
  return {};
}

// What is wrong with a query of opcode QUERY, reading the rest of it; kNoError when nothing is.
Judgement read_body(WireReader& reader, const Header& header, ParsedQuery& parsed) {
  if (header.questions == 0) return read_without_question(reader, header, parsed);
  if (header.questions != 1) return formerr("");
  Query& query = parsed.query;
  query.question = read_question(reader);
  if (!query.question) return formerr("");
  // IXFR carries an authority record (RFC 1995): refuse it for what it is.
  auto judged = judge_question(*query.question);
  if (judged.rcode == Rcode::kRefused && header.authorities != 0) return judged;
  if (header.answers != 0 || header.authorities != 0) return formerr("");
  std::optional<Edns> edns;
  bool whole = read_additionals(reader, header.additionals, edns, parsed.options);
  query.edns = edns;
  if (!whole || !reader.at_end()) return formerr(whole ? "bytes follow the message" : "");
  if (edns && edns->version > 0) return {Rcode::kBadVers};
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
  parsed.verdict = Verdict::kAnswer;
  auto judged = read_body(reader, header, parsed);
  if (judged.rcode != Rcode::kNoError) parsed.verdict = Verdict::kReject;
  parsed.rcode = judged.rcode;
  parsed.why = judged.why;
  parsed.why_text = judged.text;
  if (parsed.rcode == Rcode::kFormErr) parsed.options = {};  // half read, or not to be believed
  return parsed;
}

ChaosText chaos_text_of(const DnsQuestion& question) {
  if (question.klass != kClassChaos) return ChaosText::kNone;
  if (question.type != kTypeTxt && question.type != kTypeAny) return ChaosText::kNone;
  auto lower = question.name.lower();
  auto labels = lower.labels();
  if (labels.size() != 2) return ChaosText::kNone;
  bool version = labels[0] == "version" && (labels[1] == "bind" || labels[1] == "server");
  bool id = (labels[0] == "hostname" && labels[1] == "bind") ||
            (labels[0] == "id" && labels[1] == "server");
  return version ? ChaosText::kVersion : id ? ChaosText::kServerId : ChaosText::kNone;
}

}  // namespace sixpn::dns
