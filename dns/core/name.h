// Name: a domain name (RFC 1035 section 3.1) as a value, kept in uncompressed wire form with the
// case it came in; comparison ignores the case of ASCII letters (RFC 4343). At most 255 bytes,
// labels of at most
// 63. Pure.
#pragma once

#include <compare>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sixpn::dns {

inline constexpr std::size_t kMaxNameBytes = 255;
inline constexpr std::size_t kMaxLabelBytes = 63;

class Name {
 public:
  Name() : wire_(1, '\0') {}  // the root

  // Leftmost label first. Nothing when a label is empty or too long, or the name is.
  static std::optional<Name> from_labels(std::span<const std::string_view> labels);
  static std::optional<Name> from_labels(std::initializer_list<std::string_view> labels) {
    return from_labels(std::span(labels.begin(), labels.size()));
  }
  // Master file form (RFC 1035 section 5.1): "\." and "\DDD" escapes, the final dot optional,
  // always absolute. Nothing for what is no name.
  static std::optional<Name> from_text(std::string_view text);
  // The name at the start of `bytes`, uncompressed: a pointer or a reserved label type is refused.
  static std::optional<Name> from_wire(std::string_view bytes);

  [[nodiscard]] const std::string& wire() const { return wire_; }  // with the root's zero byte
  // Leftmost first, without the root; views into this name.
  [[nodiscard]] std::vector<std::string_view> labels() const;
  [[nodiscard]] Name lower() const;
  [[nodiscard]] bool is_below_or_equal(const Name& ancestor) const;

  friend bool operator==(const Name& a, const Name& b) {
    return a.lower().wire_ == b.lower().wire_;
  }

 private:
  explicit Name(std::string wire) : wire_(std::move(wire)) {}
  std::string wire_;
};

std::string to_string(const Name& name);  // "web.internal.", escaped where needed

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
std::string to_lower(std::string_view text);

}  // namespace sixpn::dns
