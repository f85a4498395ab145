#include "dns/core/forward.h"

#include <array>

#include "dns/core/render.h"
#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kRcodeMask = 0x000f;

void append_u16(std::string& bytes, unsigned value) {
  bytes += static_cast<char>(value >> 8);
  bytes += static_cast<char>(value);
}

void append_question(std::string& bytes, const DnsQuestion& question) {
  bytes += question.name.wire();
  append_u16(bytes, question.type);
  append_u16(bytes, question.klass);
}

std::uint16_t client_flags(const Query& client) {
  return static_cast<std::uint16_t>((client.recursion_desired ? kFlagRecursionDesired : 0) |
                                    (client.checking_disabled ? kFlagCheckingDisabled : 0));
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

bool is_same_question(WireReader& reader, const DnsQuestion& asked) {
  auto name = Name::from_wire(reader.rest());
  if (!name || !(*name == asked.name)) return false;
  reader.bytes(name->wire().size());
  return reader.u16() == asked.type && reader.u16() == asked.klass && reader.ok();
}

// What of a reply is passed on: whole records up to `end`.
struct Kept {
  std::array<std::uint16_t, 3> records{};
  std::size_t end = 0;
  bool truncated = false;
  std::optional<std::uint8_t> extended_rcode;  // set when the reply had an OPT
};

// Walks every record, keeping a prefix of them within `limit` bytes. OPT, and what follows it, is
// not kept: the client gets its own. False when the reply is malformed.
bool walk_records(WireReader& reader, const Header& header, std::size_t limit, Kept& kept) {
  bool keeping = true;
  kept.end = reader.position();
  for (std::size_t section = 0; section < header.records.size(); ++section) {
    for (int left = header.records[section]; left > 0; --left) {
      reader.skip_name();
      auto type = reader.u16();
      reader.u16();
      auto ttl = reader.u32();
      reader.bytes(reader.u16());
      if (!reader.ok()) return false;
      if (type == kTypeOpt) kept.extended_rcode = static_cast<std::uint8_t>(ttl >> 24);
      keeping = keeping && type != kTypeOpt && reader.position() <= limit;
      if (!keeping) continue;
      kept.end = reader.position();
      ++kept.records[section];
    }
  }
  bool answers_cut = kept.records[0] < header.records[0];
  bool negative_cut = header.records[0] == 0 && kept.records[1] < header.records[1];
  kept.truncated = answers_cut || negative_cut;
  return reader.ok();
}

}  // namespace

std::string make_upstream_query(const Query& client, std::uint16_t id, UpstreamEdns edns) {
  bool with = edns == UpstreamEdns::kWith;
  std::string bytes;
  for (unsigned word : {unsigned{id}, unsigned{client_flags(client)}, 1U, 0U, 0U, with ? 1U : 0U})
    append_u16(bytes, word);
  append_question(bytes, *client.question);
  if (with) bytes += render_opt(kMaxUdpBytes, 0, client.edns && client.edns->dnssec_ok);
  return bytes;
}

std::optional<UpstreamReply> adapt_upstream_reply(const Query& client, std::string_view reply,
                                                  std::size_t limit) {
  WireReader reader(reply);
  auto header = read_header(reader);
  bool is_reply = (header.flags & (kFlagResponse | kOpcodeMask)) == kFlagResponse;
  if (!reader.ok() || !is_reply || header.questions != 1) return std::nullopt;
  if (!is_same_question(reader, *client.question)) return std::nullopt;
  auto after_question = reader.position();

  std::string opt;
  if (client.edns) opt = render_opt(kMaxUdpBytes, 0, client.edns->dnssec_ok);
  Kept kept;
  if (!walk_records(reader, header, limit - opt.size(), kept)) return std::nullopt;
  auto extended = kept.extended_rcode.value_or(0);
  if (extended != 0 && !client.edns) return std::nullopt;  // a code that it could not read
  if (client.edns) opt = render_opt(kMaxUdpBytes, extended, client.edns->dnssec_ok);

  auto rcode = static_cast<std::uint8_t>(header.flags & kRcodeMask);
  unsigned flags = kFlagResponse | kFlagRecursionAvailable | client_flags(client) | rcode;
  if (kept.truncated || (header.flags & kFlagTruncated) != 0) flags |= kFlagTruncated;
  std::string bytes;
  bytes.reserve(kept.end + opt.size());
  auto additionals = kept.records[2] + (opt.empty() ? 0U : 1U);
  for (unsigned word : {unsigned{client.id}, flags, 1U, unsigned{kept.records[0]},
                        unsigned{kept.records[1]}, additionals})
    append_u16(bytes, word);
  append_question(bytes, *client.question);  // as long as the upstream's: pointers stay right
  bytes += reply.substr(after_question, kept.end - after_question);
  return UpstreamReply{bytes + opt, rcode, kept.extended_rcode.has_value()};
}

}  // namespace sixpn::dns
