// MessageStream: takes the bytes of a TCP stream apart into messages behind two-byte lengths (RFC
// 1035 section 4.2.2), however they arrive. Whole messages are handed on from where they lie; what
// is begun is kept. A message above kMaxQueryBytes is no query: it is passed over, and its header
// alone is handed on at its end, so that a stream keeps few bytes. Pure; one per connection
// (dns/io/tcp_session.h), and driven by the fuzzer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "dns/core/codes.h"

namespace sixpn::dns {

class MessageStream {
 public:
  static constexpr std::size_t kMaxQueryBytes = 4096;

  // `take(message)` gets each whole message of what is kept and then of `bytes`, in order, until it
  // returns false; what is left is kept. It must not feed the stream.
  template <class Take>
  void feed(std::string_view bytes, Take take) {
    if (kept_.empty()) {
      kept_.assign(bytes.substr(hand_on(bytes, take)));
      return;
    }
    kept_ += bytes;
    kept_.erase(0, hand_on(kept_, take));
    if (kept_.empty()) kept_.shrink_to_fit();
  }

  // As they come: whoever must wait has them handed on later, by feed({}).
  void keep(std::string_view bytes) { kept_ += bytes; }

  // A whole message is kept: take() had enough before it.
  [[nodiscard]] bool has_message() const {
    return left_of_large_ > 0 ? kept_.size() >= left_of_large_
                              : kept_.size() >= 2 && kept_.size() >= 2 + length_of(kept_);
  }
  [[nodiscard]] std::size_t kept_bytes() const { return kept_.size(); }

 private:
  static std::size_t length_of(std::string_view bytes) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) << 8 |
           static_cast<unsigned char>(bytes[1]);
  }

  // How many bytes were used.
  template <class Take>
  std::size_t hand_on(std::string_view bytes, Take take) {
    std::size_t at = 0;
    bool more = true;
    while (more) {
      auto rest = bytes.substr(at);
      if (left_of_large_ > 0) {
        auto passed = std::min(left_of_large_, rest.size());
        at += passed;
        left_of_large_ -= passed;
        if (left_of_large_ > 0) break;
        more = take(std::string_view(header_of_large_));
        continue;
      }
      if (rest.size() < 2) break;
      auto length = length_of(rest);
      if (length > kMaxQueryBytes && rest.size() >= 2 + kHeaderBytes) {
        header_of_large_ = rest.substr(2, kHeaderBytes);
        left_of_large_ = length - kHeaderBytes;
        at += 2 + kHeaderBytes;
        continue;
      }
      if (rest.size() < 2 + length) break;
      at += 2 + length;
      more = take(rest.substr(2, length));
    }
    return at;
  }

  std::string kept_;
  std::string header_of_large_;
  std::size_t left_of_large_ = 0;
};

}  // namespace sixpn::dns
