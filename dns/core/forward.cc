#include "dns/core/forward.h"

#include <algorithm>

#include "dns/core/edns_options.h"
#include "dns/core/wire_reader.h"
#include "dns/core/wire_writer.h"

namespace sixpn::dns {
namespace {

constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kRcodeMask = 0x000f;
constexpr std::size_t kTypeAndClass = 4;
// So many letters spelled as we spelled them at random were read from our query, not guessed.
constexpr int kTellingLetters = 8;
// Two root names and five numbers.
constexpr std::size_t kLeastSoaBytes = 22;

// Whatever the client's limit is, there is room for all but the records.
static_assert(kHeaderBytes + kMaxNameBytes + kTypeAndClass + kBareOptBytes +
                  ReplyOptions::kMostBytes <=
              kMinUdpBytes);

std::uint32_t u32_at(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::uint16_t client_flags(const ForeignQuery& client) {
  bool rd = client.has(ForeignQuery::kRecursionDesired);
  bool cd = client.has(ForeignQuery::kCheckingDisabled);
  return static_cast<std::uint16_t>((rd ? kFlagRecursionDesired : 0) |
                                    (cd ? kFlagCheckingDisabled : 0));
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}

struct Header {
  std::uint16_t id = 0, flags = 0, questions = 0;
  std::array<std::uint16_t, 3> records{};  // answer, authority, additional
};

Header read_header(WireReader& reader) {
  Header header{reader.u16(), reader.u16(), reader.u16(), {}};
  for (auto& count : header.records) count = reader.u16();
  return header;
}

// One record as it was walked over.
struct Walked {
  RrType type = 0;
  std::uint32_t ttl = 0;
  std::size_t ttl_at = 0;
  std::string_view rdata;
};

Walked walk_record(WireReader& reader) {
  Walked record;
  reader.skip_name();
  record.type = reader.u16();
  reader.u16();
  record.ttl_at = reader.position();
  record.ttl = reader.u32();
  record.rdata = reader.bytes(reader.u16());
  return record;
}

std::uint32_t capped_ttl(const Walked& record, bool in_authority) {
  std::uint32_t ttl = std::min(record.ttl, kMaxTtl);
  bool is_soa = record.type == kTypeSoa && record.rdata.size() >= kLeastSoaBytes;
  if (!in_authority || !is_soa) return ttl;
  auto minimum = u32_at(record.rdata.data() + record.rdata.size() - 4);
  return std::min({ttl, minimum, kMaxNegativeTtl});
}

// Walks every record. OPT, and what follows it, is not kept: pointers behind it would lead astray,
// and the client gets an OPT of its own. False when the reply is malformed.
bool read_records(WireReader& reader, const Header& header, std::string_view message,
                  ForwardReply& out) {
  std::size_t start = reader.position(), end = start;
  std::uint32_t least = kMaxTtl;
  bool keeping = true, has_soa = false;
  std::vector<std::uint32_t> ttls;
  for (std::size_t section = 0; section < header.records.size(); ++section) {
    for (int left = header.records[section]; left > 0; --left) {
      Walked record = walk_record(reader);
      if (!reader.ok()) return false;
      if (record.type == kTypeOpt) {
        out.had_edns = true;
        out.extended_rcode = static_cast<std::uint8_t>(record.ttl >> 24);
        keeping = false;
      }
      if (!keeping) continue;
      bool in_authority = section == 1;
      has_soa = has_soa || (in_authority && record.type == kTypeSoa);
      ttls.push_back(capped_ttl(record, in_authority));
      least = std::min(least, ttls.back());
      end = reader.position();
      out.marks.push_back({static_cast<std::uint16_t>(record.ttl_at - start),
                           static_cast<std::uint16_t>(end - start)});
      ++out.counts[section];
    }
  }
  out.records = message.substr(start, end - start);
  for (std::size_t i = 0; i < ttls.size(); ++i)
    put_u32(out.records.data() + out.marks[i].ttl_at, ttls[i]);
  out.marks.shrink_to_fit();
  bool lost = out.counts[0] < header.records[0] || out.counts[1] < header.records[1];
  out.truncated = out.truncated || lost;
  bool negative = out.rcode != 0 || out.counts[0] == 0;
  bool keep = !out.truncated && !out.is_failure() && out.extended_rcode == 0;
  out.lifetime = keep && (!negative || has_soa) ? least : 0;
  return true;
}

// How much of a reply fits: whole records, and how many of each section.
struct Fitting {
  std::array<std::size_t, 3> counts{};
  std::size_t records = 0;
  bool truncated = false;
};

Fitting fit(const ForwardReply& reply, std::size_t room) {
  Fitting out;
  out.records = reply.marks.size();
  if (reply.records.size() > room)
    out.records = static_cast<std::size_t>(
        std::upper_bound(reply.marks.begin(), reply.marks.end(), room,
                         [](std::size_t most, const auto& mark) { return most < mark.end; }) -
        reply.marks.begin());
  std::size_t left = out.records;
  for (std::size_t section = 0; section < out.counts.size(); ++section) {
    out.counts[section] = std::min<std::size_t>(left, reply.counts[section]);
    left -= out.counts[section];
  }
  bool answers_cut = out.counts[0] < reply.counts[0];
  bool negative_cut = reply.counts[0] == 0 && out.counts[1] < reply.counts[1];
  out.truncated = reply.truncated || answers_cut || negative_cut;
  return out;
}

void tell_ttls(const ForwardReply& reply, std::size_t count, const Telling& telling,
               char* records) {
  if (telling.age == 0 && !telling.stale) return;
  for (std::size_t i = 0; i < count; ++i) {
    char* at = records + reply.marks[i].ttl_at;
    auto ttl = u32_at(at);
    put_u32(at, telling.stale ? kStaleTtl : ttl - std::min(ttl, telling.age));
  }
}

char* put_opt(char* at, const ForeignQuery& client, std::uint8_t extended_rcode,
              std::string_view options) {
  return at + write_opt(at, extended_rcode, client.has(ForeignQuery::kDnssecOk), options);
}

}  // namespace

std::string make_upstream_query(const ForeignQuery& client, std::string_view spelling,
                                std::uint16_t id) {
  std::string bytes(kHeaderBytes + spelling.size() + kTypeAndClass + kBareOptBytes, '\0');
  char* at = bytes.data();
  for (std::size_t word : {std::size_t{id}, std::size_t{client_flags(client)}, std::size_t{1},
                           std::size_t{0}, std::size_t{0}, std::size_t{1}})
    at = put_u16(at, word);
  at = put_bytes(at, spelling);
  at = put_u16(put_u16(at, client.type), kClassIn);
  put_opt(at, client, 0, {});
  return bytes;
}

std::string without_opt(std::string upstream_query) {
  upstream_query.resize(upstream_query.size() - kBareOptBytes);
  put_u16(upstream_query.data() + kHeaderBytes - 2, 0);
  return upstream_query;
}

void set_id(std::string& message, std::uint16_t id) {
  put_u16(message.data(), id);
}

std::string spell_randomly(std::string_view lower_name, std::uint64_t bits) {
  constexpr char kCaseBit = 0x20;
  std::string spelled(lower_name);
  for (char& c : spelled) {
    if (c < 'a' || c > 'z') continue;
    if ((bits & 1) != 0) c = static_cast<char>(c ^ kCaseBit);
    bits >>= 1;
  }
  return spelled;
}

bool is_telling(const ForeignQuery& client, std::string_view spelling) {
  auto letters = std::count_if(client.name().begin(), client.name().end(),
                               [](char c) { return c >= 'a' && c <= 'z'; });
  return letters >= kTellingLetters && spelling != client.spelled();
}

ReadReply read_upstream_reply(std::string_view spelling, RrType type, std::string_view message) {
  ReadReply out;
  if (message.size() > kMaxMessageBytes) return out;
  WireReader reader(message);
  auto header = read_header(reader);
  bool is_reply = (header.flags & (kFlagResponse | kOpcodeMask)) == kFlagResponse;
  if (!reader.ok() || !is_reply || header.questions != 1) return out;
  auto name = reader.bytes(spelling.size());
  bool same = reader.u16() == type && reader.u16() == kClassIn && reader.ok();
  if (!same || !same_ignoring_case(name, spelling)) return out;
  ForwardReply& reply = out.reply;
  reply.rcode = static_cast<std::uint8_t>(header.flags & kRcodeMask);
  reply.truncated = (header.flags & kFlagTruncated) != 0;
  if (!read_records(reader, header, message, reply)) return out;
  out.mismatch = name == spelling ? Mismatch::kNone : Mismatch::kSpelling;
  return out;
}

std::size_t reply_room(const ForwardReply& reply, const ForeignQuery& client) {
  std::size_t all = kHeaderBytes + client.name_size + kTypeAndClass + reply.records.size() +
                    kBareOptBytes + ReplyOptions::kMostBytes;
  return std::min<std::size_t>(all, client.limit);
}

std::size_t write_reply(const ForwardReply& reply, const ForeignQuery& client,
                        const Telling& telling, char* out) {
  std::size_t start = kHeaderBytes + client.name_size + kTypeAndClass;
  ReplyOptions options;
  options.add(telling.options);
  if (telling.why) options.add_extended_error(*telling.why, telling.text);
  std::size_t opt = client.edns ? kBareOptBytes + options.bytes().size() : 0;
  Fitting fitting = fit(reply, client.limit - start - opt);
  std::uint8_t rcode = reply.rcode;
  if (reply.extended_rcode != 0 && !client.edns) {  // a code that it could not read
    fitting = {};
    rcode = static_cast<std::uint8_t>(Rcode::kServFail);
  }
  unsigned flags = kFlagResponse | kFlagRecursionAvailable | client_flags(client) | rcode;
  if (fitting.truncated) flags |= kFlagTruncated;
  char* at = put_u16(put_u16(put_u16(out, client.id), flags), 1);
  at = put_u16(put_u16(at, fitting.counts[0]), fitting.counts[1]);
  at = put_u16(at, fitting.counts[2] + (client.edns ? 1 : 0));
  // As long as the upstream's name: pointers stay right.
  at = put_bytes(at, client.spelled());
  at = put_u16(put_u16(at, client.type), kClassIn);
  std::size_t bytes = fitting.records == 0 ? 0 : reply.marks[fitting.records - 1].end;
  char* records = at;
  at = put_bytes(at, std::string_view(reply.records).substr(0, bytes));
  tell_ttls(reply, fitting.records, telling, records);
  if (client.edns) at = put_opt(at, client, reply.extended_rcode, options.bytes());
  return static_cast<std::size_t>(at - out);
}

std::string make_reply(const ForwardReply& reply, const ForeignQuery& client,
                       const Telling& telling) {
  std::string message(reply_room(reply, client), '\0');
  message.resize(write_reply(reply, client, telling, message.data()));
  return message;
}

Telling stale(const ForwardReply& reply) {
  bool no_such_name = reply.rcode == static_cast<std::uint8_t>(Rcode::kNxDomain);
  return {
      .stale = true,
      .why = no_such_name ? ExtendedErrorCode::kStaleNxDomain : ExtendedErrorCode::kStaleAnswer};
}

Telling cached_failure() {
  return {.why = ExtendedErrorCode::kCachedError, .text = "upstream failed a moment ago"};
}

Telling unreachable(std::string_view why) {
  return {.why = ExtendedErrorCode::kNoReachableAuthority, .text = why};
}

Telling upstream_failed() {
  return {.why = ExtendedErrorCode::kNetworkError,
          .text = "an upstream resolver answered that it failed"};
}

Telling undecided() {
  return {.why = ExtendedErrorCode::kNotReady,
          .text = "whom to ask depends on the network, which is not known yet"};
}

ForwardReply make_failure(Rcode rcode) {
  ForwardReply reply;
  reply.rcode = static_cast<std::uint8_t>(rcode);
  return reply;
}

}  // namespace sixpn::dns
