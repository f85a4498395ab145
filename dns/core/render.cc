#include "dns/core/render.h"

#include <ldns/ldns.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

#include "dns/core/svcb.h"

namespace sixpn::dns {
namespace {

struct LdnsFree {
  void operator()(ldns_buffer* buffer) const { ldns_buffer_free(buffer); }
  void operator()(ldns_rdf* rdf) const { ldns_rdf_deep_free(rdf); }
  void operator()(ldns_rr* rr) const { ldns_rr_free(rr); }
  void operator()(char* text) const { LDNS_FREE(text); }
  void operator()(ldns_rbtree_t* tree) const {
    ldns_traverse_postorder(tree, free_node, nullptr);
    ldns_rbtree_free(tree);
  }
  static void free_node(ldns_rbnode_t* node, void*) {
    ldns_rdf_deep_free(static_cast<ldns_rdf*>(const_cast<void*>(node->key)));
    LDNS_FREE(node);
  }
};
template <class T>
using Owned = std::unique_ptr<T, LdnsFree>;

constexpr std::size_t kFlagsOffset = 2;
constexpr std::size_t kCountsOffset = 4;
constexpr std::size_t kStringBytes = 255;
// Of a question's name, that records may point at.
constexpr std::uint8_t kMostSuffixes = 12;
// SOA timers beside the minimum: the least that testers of zones take for sensible; no secondary
// reads them.
constexpr std::uint32_t kSoaRefresh = 14400, kSoaRetry = 3600, kSoaExpire = 604800;

// ---- typed records to ldns
// ---------------------------------------------------------------------------

ldns_rdf* make_rdf(ldns_rdf_type type, std::string_view bytes) {
  return ldns_rdf_new_frm_data(type, bytes.size(), bytes.data());
}

ldns_rdf* make_dname(const Name& name) {
  return make_rdf(LDNS_RDF_TYPE_DNAME, name.wire());
}

ldns_rdf* make_number(std::uint32_t value) {
  return ldns_native2rdf_int32(LDNS_RDF_TYPE_INT32, value);
}

void push_rdata(ldns_rr* rr, const Ip6& ip) {
  std::string_view bytes(reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size());
  bool v4 = ldns_rr_get_type(rr) == LDNS_RR_TYPE_A;
  ldns_rr_push_rdf(
      rr, v4 ? make_rdf(LDNS_RDF_TYPE_A, bytes.substr(12)) : make_rdf(LDNS_RDF_TYPE_AAAA, bytes));
}

// Character-strings of 255 bytes; an empty text is one empty string (RFC 1035 section 3.3.14).
void push_rdata(ldns_rr* rr, const Text& text) {
  std::string_view rest = text.value;
  do {
    auto part = rest.substr(0, kStringBytes);
    std::string counted(1, static_cast<char>(part.size()));
    counted += part;
    ldns_rr_push_rdf(rr, make_rdf(LDNS_RDF_TYPE_STR, counted));
    rest.remove_prefix(part.size());
  } while (!rest.empty());
}

void push_rdata(ldns_rr* rr, const Name& name) {
  ldns_rr_push_rdf(rr, make_dname(name));
}

void push_rdata(ldns_rr* rr, const Soa& soa) {
  ldns_rr_push_rdf(rr, make_dname(soa.primary));
  ldns_rr_push_rdf(rr, make_dname(soa.mailbox));
  for (auto number : {soa.serial, kSoaRefresh, kSoaRetry, kSoaExpire, kTtlSeconds})
    ldns_rr_push_rdf(rr, make_number(number));
}

void push_rdata(ldns_rr* rr, const Srv& srv) {
  for (auto number : {srv.priority, srv.weight, srv.port})
    ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, number));
  ldns_rr_push_rdf(rr, make_dname(srv.target));
}

// ldns has no words for the parameters: they go as bytes.
void push_rdata(ldns_rr* rr, const Svcb& svcb) {
  ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, svcb.priority));
  ldns_rr_push_rdf(rr, make_dname(Name()));
  ldns_rr_push_rdf(rr, make_rdf(LDNS_RDF_TYPE_HEX, svcb_params(svcb)));
}

Owned<ldns_rr> make_rr(const ResourceRecord& record) {
  Owned<ldns_rr> rr(ldns_rr_new());
  ldns_rr_set_owner(rr.get(), make_dname(record.owner));
  ldns_rr_set_type(rr.get(), static_cast<ldns_rr_type>(record.type));
  ldns_rr_set_class(rr.get(), LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(rr.get(), kTtlSeconds);
  std::visit([&](const auto& rdata) { push_rdata(rr.get(), rdata); }, record.rdata);
  return rr;
}

// ---- a message, record by record
// ---------------------------------------------------------------------

std::uint16_t header_flags(const Query& query, Rcode rcode, bool authoritative) {
  auto flags = static_cast<std::uint16_t>(kFlagResponse | query.opcode << 11 |
                                          (static_cast<std::uint16_t>(rcode) & 0xf));
  if (query.opcode != kOpcodeQuery) return flags;
  flags |= kFlagRecursionAvailable;
  if (query.recursion_desired) flags |= kFlagRecursionDesired;
  if (query.checking_disabled) flags |= kFlagCheckingDisabled;
  if (authoritative) flags |= kFlagAuthoritative;
  return flags;
}

class Message {
 public:
  Message(const Query& query, std::uint16_t flags, std::size_t limit)
      : buffer_(ldns_buffer_new(kMinUdpBytes)),
        names_(ldns_rbtree_create(ldns_dname_compare_v)),
        flags_(flags),
        limit_(limit) {
    for (std::uint16_t word :
         {query.id, flags, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}})
      write_u16(word);
    if (query.question) add_question(*query.question);
  }

  // False, and nothing is written, once a record has not fitted.
  bool add(const ResourceRecord& record, ldns_pkt_section section) {
    return add(*make_rr(record), section);
  }
  bool add(const ldns_rr& rr, ldns_pkt_section section) {
    truncated_ = truncated_ || !write(rr, section);
    return !truncated_;
  }

  // Addresses that nobody asked for: as many as fit, and what does not fit is not missed.
  void add_additional(const std::vector<ResourceRecord>& records) {
    for (const auto& record : records)
      if (truncated_ || !write(*make_rr(record), LDNS_SECTION_ADDITIONAL)) return;
  }

  [[nodiscard]] std::size_t size() const { return ldns_buffer_position(buffer_.get()); }

  // The room for it was kept free by the limit.
  void add_raw(std::string_view record, ldns_pkt_section section) {
    reserve(record.size());
    ldns_buffer_write(buffer_.get(), record.data(), record.size());
    ++counts_[section];
  }

  Reply finish() && {
    if (truncated_) ldns_buffer_write_u16_at(buffer_.get(), kFlagsOffset, flags_ | kFlagTruncated);
    for (std::size_t i = 0; i < counts_.size(); ++i)
      ldns_buffer_write_u16_at(buffer_.get(), kCountsOffset + 2 * i, counts_[i]);
    return {std::string(data(), ldns_buffer_position(buffer_.get())), truncated_};
  }

 private:
  // From a record's beginning to behind its length: a name, type, class and TTL.
  static constexpr std::size_t kLongestToLength = 255 + 2 + 2 + 4 + 2;

  // False, and nothing is written, when the record does not fit.
  bool write(const ldns_rr& rr, ldns_pkt_section section) {
    auto start = ldns_buffer_position(buffer_.get());
    // ldns knows the place of a record's length by 16 bits: of one that begins below 64 kB and ends
    // beyond it the length is written over the beginning of the message.
    bool crosses = start + ldns_rr_uncompressed_size(&rr) > kMaxMessageBytes;
    std::string beginning;
    if (crosses) beginning.assign(data(), std::min(start, kLongestToLength));
    auto status = ldns_rr2buffer_wire_compress(buffer_.get(), &rr, section, names_.get());
    bool fits = status == LDNS_STATUS_OK && ldns_buffer_position(buffer_.get()) <= limit_;
    if (fits)
      ++counts_[section];
    else
      ldns_buffer_set_position(buffer_.get(), start);
    if (crosses && !fits)
      ldns_buffer_write_at(buffer_.get(), 0, beginning.data(), beginning.size());
    return fits;
  }
  [[nodiscard]] const char* data() const {
    return reinterpret_cast<const char*>(ldns_buffer_begin(buffer_.get()));
  }
  void reserve(std::size_t bytes) {
    if (!ldns_buffer_reserve(buffer_.get(), bytes)) throw std::bad_alloc();
  }
  void write_u16(std::uint16_t word) {
    reserve(2);
    ldns_buffer_write_u16(buffer_.get(), word);
  }
  void add_question(const DnsQuestion& question) {
    Owned<ldns_rdf> name(make_dname(question.name));
    if (ldns_dname_label_count(name.get()) <= kMostSuffixes)
      ldns_dname2buffer_wire_compress(buffer_.get(), name.get(), names_.get());
    else
      add_long_name(std::move(name));
    write_u16(question.type);
    write_u16(question.klass);
    ++counts_[LDNS_SECTION_QUESTION];
  }

  // ldns takes time by the cube of the labels to note a name with all its suffixes, and nothing of
  // ours points into a reverse name but at the whole of it.
  void add_long_name(Owned<ldns_rdf> name) {
    auto at = static_cast<std::intptr_t>(ldns_buffer_position(buffer_.get()));
    reserve(ldns_rdf_size(name.get()));
    ldns_buffer_write(buffer_.get(), ldns_rdf_data(name.get()), ldns_rdf_size(name.get()));
    auto* node = LDNS_MALLOC(ldns_rbnode_t);
    if (node == nullptr) throw std::bad_alloc();
    node->key = name.release();
    node->data = reinterpret_cast<void*>(at);  // as ldns_dname2buffer_wire_compress() does
    ldns_rbtree_insert(names_.get(), node);
  }

  Owned<ldns_buffer> buffer_;
  Owned<ldns_rbtree_t> names_;  // what later names may point at
  std::uint16_t flags_;
  std::size_t limit_;
  std::array<std::uint16_t, 4> counts_{};  // by ldns_pkt_section
  bool truncated_ = false;
};

std::string opt_for(const Query& query, Rcode rcode, const std::optional<ExtendedError>& error,
                    std::string_view options) {
  if (!query.edns) return {};
  std::string rdata(options);
  if (error) {
    ReplyOptions option;
    option.add_extended_error(error->code, error->text);
    rdata += option.bytes();
  }
  auto extended = static_cast<std::uint8_t>(static_cast<std::uint16_t>(rcode) >> 4);
  std::string opt(kBareOptBytes + rdata.size(), '\0');
  write_opt(opt.data(), extended, query.edns->dnssec_ok, rdata);
  return opt;
}

// A message without records but `opt`.
std::string render_empty(const Query& query, std::uint16_t flags, std::string_view opt) {
  Message message(query, flags, kMaxMessageBytes);
  if (!opt.empty()) message.add_raw(opt, LDNS_SECTION_ADDITIONAL);
  return std::move(message).finish().message;
}

// A zone that the question's name lies in is spelled as there, which a pointer to it does by
// itself: names of many labels are not noted with their suffixes.
ResourceRecord spelled_as_asked(ResourceRecord record, const Query& query) {
  if (!query.question || !query.question->name.is_below_or_equal(record.owner)) return record;
  const std::string& asked = query.question->name.wire();
  record.owner =
      *Name::from_wire(std::string_view(asked).substr(asked.size() - record.owner.wire().size()));
  return record;
}

}  // namespace

Reply render_answer(const Query& query, const Answer& answer, std::size_t limit,
                    std::string_view options) {
  auto opt = opt_for(query, answer.rcode, answer.extended_error, options);
  bool authoritative = answer.rcode == Rcode::kNoError || answer.rcode == Rcode::kNxDomain;
  Message message(query, header_flags(query, answer.rcode, authoritative), limit - opt.size());
  for (const auto& record : answer.answers)
    if (!message.add(record, LDNS_SECTION_ANSWER)) break;
  for (const auto& record : answer.authority)
    if (!message.add(spelled_as_asked(record, query), LDNS_SECTION_AUTHORITY)) break;
  message.add_additional(answer.additional);
  if (!opt.empty()) message.add_raw(opt, LDNS_SECTION_ADDITIONAL);
  return std::move(message).finish();
}

std::string render_error(const Query& query, Rcode rcode, const std::optional<ExtendedError>& error,
                         std::string_view options) {
  return render_empty(query, header_flags(query, rcode, false),
                      opt_for(query, rcode, error, options));
}

std::string render_truncated(const Query& query, std::string_view options) {
  return render_empty(query, header_flags(query, Rcode::kNoError, false) | kFlagTruncated,
                      opt_for(query, Rcode::kNoError, {}, options));
}

std::string render_chaos(const Query& query, std::string_view text, std::string_view options) {
  Owned<ldns_rr> rr(ldns_rr_new());
  ldns_rr_set_owner(rr.get(), make_dname(query.question->name));
  ldns_rr_set_type(rr.get(), LDNS_RR_TYPE_TXT);
  ldns_rr_set_class(rr.get(), LDNS_RR_CLASS_CH);
  ldns_rr_set_ttl(rr.get(), 0);
  push_rdata(rr.get(), Text{std::string(text)});
  Message message(query, header_flags(query, Rcode::kNoError, true), kMaxMessageBytes);
  message.add(*rr, LDNS_SECTION_ANSWER);
  auto opt = opt_for(query, Rcode::kNoError, {}, options);
  if (!opt.empty()) message.add_raw(opt, LDNS_SECTION_ADDITIONAL);
  return std::move(message).finish().message;
}

// ---- parts
// -----------------------------------------------------------------------------------------

RenderedRecords render_records(const DnsQuestion& question,
                               const std::vector<ResourceRecord>& answers,
                               const std::vector<ResourceRecord>& additional) {
  Query query;
  query.question = question;
  Message message(query, 0, kMaxMessageBytes);
  std::size_t start = message.size();
  RenderedRecords out;
  auto add = [&](const std::vector<ResourceRecord>& records, ldns_pkt_section section) {
    for (const auto& record : records) {
      if (!message.add(record, section)) break;
      out.ends.push_back(static_cast<std::uint32_t>(message.size() - start));
    }
  };
  add(answers, LDNS_SECTION_ANSWER);
  out.answers = out.ends.size();
  add(additional, LDNS_SECTION_ADDITIONAL);
  out.bytes = std::move(message).finish().message.substr(start);
  return out;
}

// Every address record of a question looks the same but for its last 16 bytes.
AddressBlock render_address(const Ip6& ip) {
  static const AddressBlock kTemplate = [] {
    DnsQuestion question{name_server(), kTypeAaaa, kClassIn};
    auto rendered = render_records(question, {{question.name, kTypeAaaa, Ip6{}}});
    AddressBlock block{};
    std::copy_n(rendered.bytes.begin(), std::min(block.size(), rendered.bytes.size()),
                block.begin());
    return block;
  }();
  AddressBlock block = kTemplate;
  std::copy(ip.bytes.begin(), ip.bytes.end(), block.end() - std::ssize(ip.bytes));
  return block;
}

// Rendered after a question for the apex itself, so that each pointer in it is one to the apex, or
// to an earlier name in the record.
SoaTemplate render_soa(const Zone& zone) {
  constexpr std::size_t kOwnerBytes = 2;
  constexpr std::size_t kQuestionTailBytes = 4;
  constexpr std::size_t kFixedBytes = 10;   // type, class, TTL, length
  constexpr std::size_t kNumberBytes = 20;  // serial, refresh, retry, expire, minimum
  auto soa = zone_soa(zone, 0);
  SoaTemplate out;
  out.bytes = render_records({soa.owner, kTypeSoa, kClassIn}, {soa}).bytes;
  out.pointers.push_back({});
  auto byte = [&out](std::size_t at) {
    return at < out.bytes.size() ? static_cast<unsigned char>(out.bytes[at]) : 0U;
  };
  std::size_t before = kHeaderBytes + soa.owner.wire().size() + kQuestionTailBytes;
  std::size_t at = kOwnerBytes + kFixedBytes;
  for (int names = 0; names < 2; ++names) {
    while (byte(at) != 0 && byte(at) <= kMaxLabelBytes) at += 1U + byte(at);
    if (byte(at) != 0) {
      std::size_t target = (byte(at) & 0x3fU) << 8 | byte(at + 1);
      out.pointers.push_back({static_cast<std::uint16_t>(at),
                              static_cast<std::uint16_t>(target < before ? 0 : target - before)});
    }
    at += byte(at) != 0 ? 2 : 1;
  }
  out.serial = static_cast<std::uint16_t>(out.bytes.size() - kNumberBytes);
  return out;
}

std::string to_string(const ResourceRecord& record) {
  if (const auto* svcb = std::get_if<Svcb>(&record.rdata))
    return to_string(record.owner) + "\t" + std::to_string(kTtlSeconds) + "\tIN\t" +
           rr_type_name(record.type) + "\t" + svcb_text(*svcb);
  auto rr = make_rr(record);
  Owned<char> text(ldns_rr2str(rr.get()));
  std::string line = text ? text.get() : "";
  if (line.ends_with('\n')) line.pop_back();
  return line;
}

std::string_view to_string(Rcode rcode) {
  switch (rcode) {
    case Rcode::kNoError:
      return "NOERROR";
    case Rcode::kFormErr:
      return "FORMERR";
    case Rcode::kServFail:
      return "SERVFAIL";
    case Rcode::kNxDomain:
      return "NXDOMAIN";
    case Rcode::kNotImp:
      return "NOTIMP";
    case Rcode::kRefused:
      return "REFUSED";
    case Rcode::kBadVers:
      return "BADVERS";
    case Rcode::kBadCookie:
      return "BADCOOKIE";
  }
  return "unknown";
}

std::optional<RrType> parse_rr_type(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  // ldns takes any number, and what is more than a number, and cuts it to 16 bits.
  constexpr std::string_view kNumbered = "TYPE";
  unsigned long type = 0;
  if (upper.starts_with(kNumbered)) {
    const char* end = upper.data() + upper.size();
    auto read = std::from_chars(upper.data() + kNumbered.size(), end, type);
    if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  } else {
    type = ldns_get_rr_type_by_name(upper.c_str());
  }
  if (type == 0 || type > std::numeric_limits<RrType>::max()) return std::nullopt;
  return static_cast<RrType>(type);
}

std::string rr_type_name(RrType type) {
  Owned<char> text(ldns_rr_type2str(static_cast<ldns_rr_type>(type)));
  return text ? text.get() : "TYPE" + std::to_string(type);
}

}  // namespace sixpn::dns
