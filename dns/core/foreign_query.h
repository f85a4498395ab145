// ForeignQuery: what forwarding needs of a client's query for a name that is not ours, in one flat
// value that is read without allocating and copied between threads. It is read from messages that
// the responder has judged already (Fate::kForward). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dns/core/codes.h"
#include "dns/core/name.h"
#include "dns/core/resolve.h"

namespace sixpn::dns {

struct ForeignQuery {
  // Bits of `flags`: what of a query decides which reply it gets, beside its question.
  static constexpr std::uint8_t kRecursionDesired = 1;
  static constexpr std::uint8_t kCheckingDisabled = 2;
  static constexpr std::uint8_t kDnssecOk = 4;

  std::uint16_t id = 0;
  RrType type = 0;
  std::uint16_t limit = kMinUdpBytes;  // of the reply, in bytes
  std::uint8_t flags = 0;
  bool edns = false;
  std::uint8_t name_size = 0;  // with the root's zero
  // Wire form; only the first name_size bytes are set.
  std::array<char, kMaxNameBytes> spelled_bytes;  // as the client wrote it (0x20)
  std::array<char, kMaxNameBytes> lower_bytes;

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  [[nodiscard]] std::string_view spelled() const { return {spelled_bytes.data(), name_size}; }
  [[nodiscard]] std::string_view name() const { return {lower_bytes.data(), name_size}; }
};

// False when `message` is no query of class IN with one question and readable records behind it;
// `out` is half written then.
bool read_foreign_query(std::string_view message, Transport transport, ForeignQuery& out);

// What a client asks over TCP, with EDNS and RD as most do.
ForeignQuery make_foreign_query(const Name& name, RrType type);

// Under which a reply is kept, and equal queries are joined. `group`: who is asked
// (forward_rules.h).
struct ForwardKey {
  std::string_view name;  // wire form, lower case
  RrType type = 0;
  std::uint8_t flags = 0;  // ForeignQuery::flags
  std::uint16_t group = 0;
  friend bool operator==(const ForwardKey&, const ForwardKey&) = default;
};

inline ForwardKey key_of(const ForeignQuery& query, std::uint16_t group) {
  return {query.name(), query.type, query.flags, group};
}
std::uint64_t hash_of(const ForwardKey& key);

}  // namespace sixpn::dns
