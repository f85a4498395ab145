#include "dns/core/rdata_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "base/encoding.h"
#include "base/ip.h"
#include "dns/core/render.h"
#include "dns/core/svcb_text.h"
#include "dns/core/wire_name.h"
#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

// dig breaks long hexadecimal and base64 into words of so many characters ("+split").
constexpr std::size_t kWord = 56;

// Takes the data apart from the front and puts words of text together, with blanks between them.
class Printer {
 public:
  // `message` ends where the data do.
  Printer(std::string_view message, std::size_t at) : message_(message), reader_(message) {
    reader_.bytes(at);
  }

  void add(std::string_view word) {
    if (!text_.empty()) text_ += ' ';
    text_ += word;
  }
  void add_name() {
    auto name = read_name(message_, reader_);
    if (name) add(to_string(*name));
    whole_ = whole_ && name.has_value();
  }
  void add_u8() { add(std::to_string(byte())); }
  void add_u16() { add(std::to_string(reader_.u16())); }
  void add_u32() { add(std::to_string(reader_.u32())); }
  void add_string() { add(quoted_text(reader_.bytes(byte()))); }
  void add_hex() {
    auto hex = to_hex(rest());
    for (char& c : hex) c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 32 : c);
    add_words(hex);
  }
  void add_base64() { add_words(to_base64(rest())); }
  void add_generic() {
    auto size = reader_.rest().size();
    add(fmt::format("\\# {}", size));
    if (size > 0) add_hex();
  }
  void add_type() { add(rr_type_name(reader_.u16())); }
  // RFC 4034 section 3.1.5: YYYYMMDDHHmmSS in UTC, of seconds that are counted modulo 2^32.
  void add_time() {
    std::chrono::sys_seconds time{std::chrono::seconds(reader_.u32())};
    auto day = std::chrono::floor<std::chrono::days>(time);
    std::chrono::year_month_day date(day);
    std::chrono::hh_mm_ss clock(time - day);
    add(fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    clock.hours().count(), clock.minutes().count(), clock.seconds().count()));
  }
  // RFC 4034 section 4.1.2: windows of 256 types, ascending, each with up to 32 bytes of bits.
  void add_types() {
    for (int before = -1; more();) {
      int window = byte();
      auto bits = bytes(byte());
      if (window <= before || bits.empty() || bits.size() > 32) return fail();
      before = window;
      for (std::size_t i = 0; i < 8 * bits.size(); ++i)
        if ((bits[i / 8] & 0x80 >> i % 8) != 0)
          add(rr_type_name(static_cast<RrType>(static_cast<std::size_t>(window) << 8 | i)));
    }
  }

  std::uint8_t byte() {
    auto one = reader_.bytes(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }
  std::string_view bytes(std::size_t n) { return reader_.bytes(n); }
  std::string_view rest() { return reader_.bytes(reader_.rest().size()); }
  [[nodiscard]] bool more() const { return reader_.ok() && !reader_.at_end(); }
  void fail() { whole_ = false; }

  // Nothing when it was cut, or there is more.
  [[nodiscard]] std::optional<std::string> text() const {
    if (!whole_ || !reader_.ok() || !reader_.at_end()) return std::nullopt;
    return text_;
  }

 private:
  void add_words(std::string_view text) {
    whole_ = whole_ && !text.empty();
    for (; !text.empty(); text.remove_prefix(std::min(kWord, text.size())))
      add(text.substr(0, kWord));
  }

  std::string_view message_;
  WireReader reader_;
  std::string text_;
  bool whole_ = true;
};

void print_a(Printer& out) {
  auto ip = out.bytes(4);
  if (ip.size() == 4) out.add(ip4_text(ip));
}

void print_aaaa(Printer& out) {
  auto ip = out.bytes(sizeof(Ip6::bytes));
  if (!ip.empty()) out.add(ip6_text(ip));
}

void print_strings(Printer& out) {
  do out.add_string();
  while (out.more());
}

// RFC 8659 section 4.1: flags, a tag of letters and digits, and the rest.
void print_caa(Printer& out) {
  out.add_u8();
  auto tag = out.bytes(out.byte());
  auto is_of_tag = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (tag.empty() || !std::all_of(tag.begin(), tag.end(), is_of_tag)) return out.fail();
  out.add(tag);
  out.add(quoted_text(out.rest()));
}

// RFC 9460 section 2.2: the target is never compressed.
void print_svcb(Printer& out) {
  out.add_u16();
  auto data = out.rest();
  auto target = Name::from_wire(data);
  if (!target) return out.fail();
  out.add(to_string(*target));
  auto params = svcb_params_text(data.substr(target->wire().size()));
  if (!params) return out.fail();
  if (!params->empty()) out.add(*params);
}

// Fields one after the other, by letters: b, s and l numbers of 1, 2 and 4 bytes, n a name, q a
// counted string, Q one or more of them, y a type, d a date, and what goes to the end: Y types,
// x hexadecimal, 6 base64.
void print_fields(Printer& out, std::string_view fields) {
  for (char field : fields) switch (field) {
      case 'b':
        out.add_u8();
        break;
      case 's':
        out.add_u16();
        break;
      case 'l':
        out.add_u32();
        break;
      case 'n':
        out.add_name();
        break;
      case 'q':
        out.add_string();
        break;
      case 'Q':
        print_strings(out);
        break;
      case 'y':
        out.add_type();
        break;
      case 'd':
        out.add_time();
        break;
      case 'Y':
        out.add_types();
        break;
      case 'x':
        out.add_hex();
        break;
      case '6':
        out.add_base64();
        break;
    }
}

using Print = void (*)(Printer&);

struct Form {
  RrType type;
  bool only_in;  // another class may mean something else by the number
  std::string_view fields;
  Print print = nullptr;  // instead of by fields
};

constexpr Form kForms[]{{kTypeA, true, "", print_a},
                        {kTypeNs, false, "n"},
                        {3, false, "n"},  // MD, MF; MB, MG, MR, MINFO (RFC 1035)
                        {4, false, "n"},
                        {5, false, "n"},  // CNAME
                        {kTypeSoa, false, "nnlllll"},
                        {kTypePtr, false, "n"},
                        {7, false, "n"},
                        {8, false, "n"},
                        {9, false, "n"},
                        {13, false, "qq"},  // HINFO
                        {14, false, "nn"},
                        {15, false, "sn"},  // MX
                        {kTypeTxt, false, "Q"},
                        {17, false, "nn"},  // RP, AFSDB, RT (RFC 1183)
                        {18, false, "sn"},
                        {21, false, "sn"},
                        {26, true, "snn"},  // PX (RFC 2163)
                        {kTypeAaaa, true, "", print_aaaa},
                        {kTypeSrv, true, "sssn"},
                        {35, true, "ssqqqn"},      // NAPTR (RFC 3403)
                        {36, true, "sn"},          // KX (RFC 2230)
                        {39, false, "n"},          // DNAME
                        {43, false, "sbbx"},       // DS (RFC 4034)
                        {44, false, "bbx"},        // SSHFP (RFC 4255)
                        {46, false, "ybblddsn6"},  // RRSIG
                        {47, false, "nY"},         // NSEC
                        {48, false, "sbb6"},       // DNSKEY
                        {52, false, "bbbx"},       // TLSA (RFC 6698)
                        {53, false, "bbbx"},       // SMIMEA (RFC 8162)
                        {59, false, "sbbx"},       // CDS (RFC 7344)
                        {60, false, "sbb6"},       // CDNSKEY
                        {kTypeSvcb, true, "", print_svcb},
                        {kTypeHttps, true, "", print_svcb},
                        {257, false, "", print_caa}};

}  // namespace

std::string escaped_text(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x7f) {
      text += fmt::format("\\{:03}", byte);
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

std::string quoted_text(std::string_view bytes) {
  return '"' + escaped_text(bytes) + '"';
}

std::optional<std::string> rdata_text(std::string_view message, std::size_t at, std::size_t size,
                                      RrType type, std::uint16_t klass) {
  if (at > message.size() || message.size() - at < size) return std::nullopt;
  Printer out(message.substr(0, at + size), at);
  const auto* form = std::find_if(std::begin(kForms), std::end(kForms),
                                  [&](const Form& known) { return known.type == type; });
  if (form == std::end(kForms) || (form->only_in && klass != kClassIn))
    out.add_generic();
  else if (form->print != nullptr)
    form->print(out);
  else
    print_fields(out, form->fields);
  return out.text();
}

}  // namespace sixpn::dns
