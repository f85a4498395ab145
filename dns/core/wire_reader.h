// WireReader: walks a DNS message with bounds checks. Failing once makes every later read fail, so
// callers check at the end. skip_name() steps over a compressed name without following it.
#pragma once

#include <cstdint>
#include <string_view>

#include "dns/core/name.h"

namespace sixpn::dns {

class WireReader {
 public:
  explicit WireReader(std::string_view message) : message_(message) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return at_ == message_.size(); }
  [[nodiscard]] std::size_t position() const { return at_; }

  std::uint16_t u16() {
    auto two = bytes(2);
    return ok_ ? static_cast<std::uint16_t>(byte(two, 0) << 8 | byte(two, 1)) : std::uint16_t{0};
  }
  std::uint32_t u32() {
    auto high = static_cast<std::uint32_t>(u16());
    return high << 16 | u16();
  }
  // The next n bytes, or nothing and failure.
  std::string_view bytes(std::size_t n) {
    if (!ok_ || message_.size() - at_ < n) {
      ok_ = false;
      return {};
    }
    auto taken = message_.substr(at_, n);
    at_ += n;
    return taken;
  }
  // Everything not read yet, without reading it.
  [[nodiscard]] std::string_view rest() const { return ok_ ? message_.substr(at_) : ""; }

  // Steps over labels up to the root or a pointer, which must point backwards (RFC 1035
  // section 4.1.4). True when the name was the bare root.
  bool skip_name() {
    std::size_t start = at_;
    while (ok_) {
      auto length = byte(bytes(1), 0);
      if (!ok_ || length == 0) break;
      if (length >= 0xc0) {
        auto low = byte(bytes(1), 0);
        ok_ = ok_ && (static_cast<std::size_t>(length & 0x3f) << 8 | low) < start;
        break;
      }
      ok_ = ok_ && length <= kMaxLabelBytes && at_ - start + length < kMaxNameBytes;
      bytes(length);
    }
    return ok_ && at_ == start + 1;
  }

 private:
  static std::uint8_t byte(std::string_view from, std::size_t i) {
    return i < from.size() ? static_cast<std::uint8_t>(from[i]) : std::uint8_t{0};
  }

  std::string_view message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace sixpn::dns
