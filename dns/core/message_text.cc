#include "dns/core/message_text.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "dns/core/codes.h"
#include "dns/core/rdata_text.h"
#include "dns/core/render.h"
#include "dns/core/wire_name.h"
#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

constexpr std::uint16_t kFlagAuthentic = 0x0020;
constexpr std::uint16_t kOpcodeMask = 0x7800, kRcodeMask = 0x000f;
constexpr std::uint16_t kOptionExtendedError = 15;

constexpr std::array<std::pair<std::uint16_t, const char*>, 7> kFlags{
    {{kFlagResponse, "qr"},
     {kFlagAuthoritative, "aa"},
     {kFlagTruncated, "tc"},
     {kFlagRecursionDesired, "rd"},
     {kFlagRecursionAvailable, "ra"},
     {kFlagAuthentic, "ad"},
     {kFlagCheckingDisabled, "cd"}}};

constexpr std::array<std::string_view, 3> kSections{"answer", "authority", "additional"};

// IANA "DNS RCODEs".
std::string rcode_text(unsigned rcode) {
  static constexpr std::array<const char*, 12> kBase{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                                     "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                                     "NXRRSET", "NOTAUTH", "NOTZONE",  "DSOTYPENI"};
  static constexpr std::array<const char*, 8> kExtended{
      "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC", "BADCOOKIE"};
  constexpr unsigned kFirstExtended = 16;
  if (rcode < kBase.size()) return kBase[rcode];
  if (rcode >= kFirstExtended && rcode - kFirstExtended < kExtended.size())
    return kExtended[rcode - kFirstExtended];
  return fmt::format("RCODE{}", rcode);
}

std::string class_text(std::uint16_t klass) {
  switch (klass) {
    case kClassIn:
      return "IN";
    case kClassChaos:
      return "CH";
    case 4:
      return "HS";
    case 254:
      return "NONE";
    case 255:
      return "ANY";
    default:
      return fmt::format("CLASS{}", klass);
  }
}

// IANA "Extended DNS Error Codes".
std::string_view error_name(std::uint16_t code) {
  static constexpr std::array<std::string_view, 30> kNames{"Other",
                                                           "Unsupported DNSKEY Algorithm",
                                                           "Unsupported DS Digest Type",
                                                           "Stale Answer",
                                                           "Forged Answer",
                                                           "DNSSEC Indeterminate",
                                                           "DNSSEC Bogus",
                                                           "Signature Expired",
                                                           "Signature Not Yet Valid",
                                                           "DNSKEY Missing",
                                                           "RRSIGs Missing",
                                                           "No Zone Key Bit Set",
                                                           "NSEC Missing",
                                                           "Cached Error",
                                                           "Not Ready",
                                                           "Blocked",
                                                           "Censored",
                                                           "Filtered",
                                                           "Prohibited",
                                                           "Stale NXDOMAIN Answer",
                                                           "Not Authoritative",
                                                           "Not Supported",
                                                           "No Reachable Authority",
                                                           "Network Error",
                                                           "Invalid Data",
                                                           "Signature Expired before Valid",
                                                           "Too Early",
                                                           "Unsupported NSEC3 Iterations Value",
                                                           "Unable to conform to policy",
                                                           "Synthesized"};
  return code < kNames.size() ? kNames[code] : std::string_view();
}

struct Record {
  Name owner;
  RrType type = 0;
  std::uint16_t klass = 0;
  std::uint32_t ttl = 0;
  std::size_t at = 0;  // its data
  std::string_view data;
};

class Walk {
 public:
  explicit Walk(std::string_view message) : message_(message), reader_(message) {}

  Result<MessageText> describe() {
    reader_.u16();  // the id is the asker's
    auto flags = reader_.u16();
    auto questions = reader_.u16();
    std::array<std::uint16_t, 3> counts{};
    for (auto& count : counts) count = reader_.u16();
    if (!reader_.ok()) return Error("it is shorter than a header");
    if ((flags & kFlagResponse) == 0) return Error("it is no reply");
    if ((flags & kOpcodeMask) != 0) return Error("it is no reply to a query");
    if (questions != 1) return Error(fmt::format("it has {} questions, not one", questions));
    rcode_ = flags & kRcodeMask;
    for (const auto& [flag, name] : kFlags)
      if ((flags & flag) != 0) out_.flags.emplace_back(name);
    if (!read_question()) return Error("its question is malformed");
    for (std::size_t section = 0; section < counts.size(); ++section)
      if (auto read = read_section(section, counts[section]); !read) return read.error();
    if (!reader_.at_end()) return Error("something stands behind its last record");
    out_.rcode = rcode_text(rcode_);
    return std::move(out_);
  }

 private:
  bool read_question() {
    auto name = read_name(message_, reader_);
    auto type = reader_.u16();
    auto klass = reader_.u16();
    if (!name || !reader_.ok()) return false;
    out_.question =
        fmt::format("{}\t{}\t{}", to_string(*name), class_text(klass), rr_type_name(type));
    return true;
  }

  Result<void> read_section(std::size_t section, std::size_t count) {
    auto& lines = *std::array{&out_.answers, &out_.authority, &out_.additional}[section];
    for (std::size_t number = 1; number <= count; ++number) {
      auto within = [&](std::string_view what) {
        return Error(
            fmt::format("{} in record {} of the {} section", what, number, kSections[section]));
      };
      auto record = read_record();
      if (!record) return within("it is malformed");
      if (record->type == kTypeOpt) {
        if (section != 2 || !take_opt(*record)) return within("it has a malformed OPT");
        continue;
      }
      auto line = line_of(*record);
      if (!line) return within("data malformed for type " + rr_type_name(record->type));
      text_bytes_ += line->size();
      if (text_bytes_ > kMostMessageText)
        return Error(fmt::format("it is more than {} bytes of text", kMostMessageText));
      lines.push_back(std::move(*line));
    }
    return {};
  }

  std::optional<Record> read_record() {
    Record record;
    auto owner = read_name(message_, reader_);
    record.type = reader_.u16();
    record.klass = reader_.u16();
    record.ttl = reader_.u32();
    auto size = reader_.u16();
    record.at = reader_.position();
    record.data = reader_.bytes(size);
    if (!owner || !reader_.ok()) return std::nullopt;
    record.owner = std::move(*owner);
    return record;
  }

  [[nodiscard]] std::optional<std::string> line_of(const Record& record) const {
    auto data = rdata_text(message_, record.at, record.data.size(), record.type, record.klass);
    if (!data) return std::nullopt;
    return fmt::format("{}\t{}\t{}\t{}\t{}", to_string(record.owner), record.ttl,
                       class_text(record.klass), rr_type_name(record.type), *data);
  }

  // RFC 6891 section 6.1.2: one, at the root; its options fill it.
  bool take_opt(const Record& record) {
    constexpr int kExtendedRcodeAt = 24, kBaseBits = 4;
    if (has_opt_ || record.owner != Name()) return false;
    has_opt_ = true;
    rcode_ |= (record.ttl >> kExtendedRcodeAt) << kBaseBits;
    WireReader options(record.data);
    while (options.ok() && !options.at_end()) {
      auto code = options.u16();
      auto value = options.bytes(options.u16());
      if (options.ok() && code == kOptionExtendedError && !take_error(value)) return false;
    }
    return options.ok();
  }

  bool take_error(std::string_view value) {
    WireReader reader(value);
    auto code = reader.u16();
    if (!reader.ok()) return false;
    auto name = error_name(code);
    auto line = name.empty() ? std::to_string(code) : fmt::format("{} ({})", code, name);
    // Some end it as a C string (RFC 8914 section 2: it may, and is not to be relied on).
    auto text = reader.rest();
    if (text.ends_with('\0')) text.remove_suffix(1);
    if (!text.empty()) line += ": (" + escaped_text(text) + ")";
    text_bytes_ += line.size();
    out_.extended_errors.push_back(std::move(line));
    return true;
  }

  std::string_view message_;
  WireReader reader_;
  MessageText out_;
  unsigned rcode_ = 0;
  bool has_opt_ = false;
  std::size_t text_bytes_ = 0;
};

}  // namespace

Result<MessageText> describe_message(std::string_view message) {
  if (message.size() > kMaxMessageBytes) return Error("it is longer than a message can be");
  return Walk(message).describe();
}

}  // namespace sixpn::dns
