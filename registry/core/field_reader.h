// FieldReader: the fields of one protobuf message in the order of their numbers, each at most once,
// none that is zero: as protobuf writes them, and nothing that it would write otherwise. Field
// numbers below 16, whose tags are one byte. What it does not take is for protobuf's own parser.
// Values are views into the bytes. Pure; never throws, reads nothing past the end.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace sixpn::registry {

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

  // The field's value; its zero when the next field is another.
  std::uint64_t varint(unsigned number) {
    if (!take_tag(number, 0)) return 0;
    std::uint64_t value = plain_varint();
    if (value == 0) fail();
    return value;
  }
  template <std::unsigned_integral Value>
  Value fixed(unsigned number) {
    constexpr unsigned kType = sizeof(Value) == 8 ? 1 : 5;
    if (!take_tag(number, kType)) return 0;
    Value value = 0;
    std::string_view bytes = take(sizeof(Value));
    for (std::size_t i = bytes.size(); i > 0; --i)
      value = static_cast<Value>(value << 8U | static_cast<unsigned char>(bytes[i - 1]));
    if (value == 0) fail();
    return value;
  }
  std::string_view bytes(unsigned number) {
    auto value = message(number);
    if (value && value->empty()) fail();
    return value.value_or(std::string_view());
  }
  // As bytes, but an empty one is written too where it is one of many.
  std::optional<std::string_view> message(unsigned number) {
    if (!take_tag(number, 2)) return std::nullopt;
    std::uint64_t size = plain_varint();
    return take(static_cast<std::size_t>(std::min<std::uint64_t>(size, kTooMany)));
  }
  bool boolean(unsigned number) { return number_below(number, 2) != 0; }
  std::uint64_t number_below(unsigned number, std::uint64_t limit) {
    std::uint64_t value = varint(number);
    if (value >= limit) fail();
    return value;
  }
  void fail() { good_ = false; }
  // All was read, and all of it is as it would be written.
  [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

 private:
  static constexpr std::uint64_t kTooMany = std::numeric_limits<std::uint32_t>::max();

  bool take_tag(unsigned number, unsigned type) {
    if (rest_.empty() || static_cast<unsigned char>(rest_.front()) != (number << 3U | type))
      return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      fail();
      rest_ = {};
      return {};
    }
    std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  // At most 64 bits, in as few bytes as it needs.
  std::uint64_t plain_varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      std::string_view next = take(1);
      if (next.empty()) return 0;
      auto byte = static_cast<unsigned char>(next.front());
      std::uint64_t bits = byte & 0x7fU;
      if (shift == 63 && bits > 1) break;
      value |= bits << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) fail();
        return value;
      }
    }
    fail();
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace sixpn::registry
