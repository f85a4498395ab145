#include "dns/core/name.h"

#include <algorithm>

namespace sixpn::dns {
namespace {

constexpr std::size_t length_at(std::string_view wire, std::size_t at) {
  return static_cast<unsigned char>(wire[at]);
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The byte that an escape stands for, `rest` moved past it; nothing when it is cut or above 255.
std::optional<char> unescape(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  if (!is_digit(rest[0])) {
    char c = rest[0];
    rest.remove_prefix(1);
    return c;
  }
  if (rest.size() < 3 || !is_digit(rest[1]) || !is_digit(rest[2])) return std::nullopt;
  int value = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
  if (value > 255) return std::nullopt;
  rest.remove_prefix(3);
  return static_cast<char>(value);
}

void append_escaped(std::string& text, char c) {
  static constexpr std::string_view kSpecial = "\".;\\()@$";
  auto byte = static_cast<unsigned char>(c);
  if (byte <= ' ' || byte >= 0x7f) {
    text += '\\';
    text += static_cast<char>('0' + byte / 100);
    text += static_cast<char>('0' + byte / 10 % 10);
    text += static_cast<char>('0' + byte % 10);
    return;
  }
  if (kSpecial.find(c) != std::string_view::npos) text += '\\';
  text += c;
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

std::optional<Name> Name::from_labels(std::span<const std::string_view> labels) {
  std::string wire;
  for (auto label : labels) {
    if (label.empty() || label.size() > kMaxLabelBytes) return std::nullopt;
    wire += static_cast<char>(label.size());
    wire += label;
  }
  wire += '\0';
  if (wire.size() > kMaxNameBytes) return std::nullopt;
  return Name(std::move(wire));
}

std::optional<Name> Name::from_text(std::string_view text) {
  if (text == ".") return Name();
  std::vector<std::string> labels(1);
  while (!text.empty()) {
    char c = text[0];
    text.remove_prefix(1);
    if (c == '.') {
      if (!text.empty()) labels.emplace_back();
      if (labels.size() > kMaxNameBytes) return std::nullopt;
      continue;
    }
    if (c == '\\') {
      auto byte = unescape(text);
      if (!byte) return std::nullopt;
      c = *byte;
    }
    labels.back() += c;
  }
  std::vector<std::string_view> views(labels.begin(), labels.end());
  return from_labels(views);
}

std::optional<Name> Name::from_wire(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && at < kMaxNameBytes) {
    std::size_t length = length_at(bytes, at);
    if (length == 0) return Name(std::string(bytes.substr(0, at + 1)));
    if (length > kMaxLabelBytes) return std::nullopt;  // a pointer, or types 01 and 10 (RFC 6891)
    at += 1 + length;
  }
  return std::nullopt;
}

std::vector<std::string_view> Name::labels() const {
  std::vector<std::string_view> labels;
  std::string_view wire = wire_;
  for (std::size_t at = 0; wire[at] != '\0'; at += 1 + length_at(wire, at))
    labels.push_back(wire.substr(at + 1, length_at(wire, at)));
  return labels;
}

// A length byte is at most 63, below 'A': lowering the whole wire form leaves it alone.
Name Name::lower() const {
  return Name(to_lower(wire_));
}

bool Name::is_below_or_equal(const Name& ancestor) const {
  auto mine = labels();
  auto theirs = ancestor.labels();
  if (theirs.size() > mine.size()) return false;
  return std::equal(theirs.rbegin(), theirs.rend(), mine.rbegin(),
                    [](auto a, auto b) { return to_lower(a) == to_lower(b); });
}

std::string to_string(const Name& name) {
  std::string text;
  for (auto label : name.labels()) {
    for (char c : label) append_escaped(text, c);
    text += '.';
  }
  return text.empty() ? "." : text;
}

}  // namespace sixpn::dns
