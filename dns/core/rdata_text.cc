#include "dns/core/rdata_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/ip.h"
#include "dns/core/svcb_text.h"
#include "dns/core/wire_name.h"
#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

constexpr RrType kTypeCname = 5, kTypeMx = 15, kTypeDname = 39, kTypeCaa = 257;

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
  void add_generic() {
    auto bytes = rest();
    add(fmt::format("\\# {}", bytes.size()));
    auto hex = to_hex(bytes);
    for (char& c : hex) c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 32 : c);
    if (!hex.empty()) add(hex);
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

void print_soa(Printer& out) {
  out.add_name();
  out.add_name();
  for (int number = 0; number < 5; ++number) out.add_u32();
}

void print_strings(Printer& out) {
  do out.add_string();
  while (out.more());
}

void print_srv(Printer& out) {
  for (int number = 0; number < 3; ++number) out.add_u16();
  out.add_name();
}

void print_mx(Printer& out) {
  out.add_u16();
  out.add_name();
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

using Print = void (*)(Printer&);

struct Form {
  RrType type;
  bool only_in;  // another class may mean something else by the number
  Print print;
};

void print_name(Printer& out) {
  out.add_name();
}

constexpr std::array<Form, 13> kForms{{{kTypeA, true, print_a},
                                       {kTypeNs, false, print_name},
                                       {kTypeCname, false, print_name},
                                       {kTypeSoa, false, print_soa},
                                       {kTypePtr, false, print_name},
                                       {kTypeMx, false, print_mx},
                                       {kTypeTxt, false, print_strings},
                                       {kTypeAaaa, true, print_aaaa},
                                       {kTypeSrv, true, print_srv},
                                       {kTypeDname, false, print_name},
                                       {kTypeSvcb, true, print_svcb},
                                       {kTypeHttps, true, print_svcb},
                                       {kTypeCaa, false, print_caa}}};

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
  const auto* form = std::find_if(kForms.begin(), kForms.end(),
                                  [&](const Form& known) { return known.type == type; });
  if (form == kForms.end() || (form->only_in && klass != kClassIn))
    out.add_generic();
  else
    form->print(out);
  return out.text();
}

}  // namespace sixpn::dns
