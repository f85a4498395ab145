// Response: a reply put together from parts that were rendered before, in the caller's buffer,
// without allocating: the client's header and question, whole records as long as they fit, the SOA
// of a negative answer, OPT. Names in the parts are pointers into the question (RFC 1035 section
// 4.1.4), so they fit every question of their kind. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/rng.h"
#include "dns/core/codes.h"
#include "dns/core/plain_query.h"

namespace sixpn::dns {

// One AAAA record, its owner a pointer to the question's name: 28 bytes as they are sent.
inline constexpr std::size_t kAddressBlockBytes = 28;
using AddressBlock = std::array<char, kAddressBlockBytes>;
// The address in the block that starts at `block`.
inline Ip6 address_in(const char* block) {
  Ip6 ip;
  std::memcpy(ip.bytes.data(), block + kAddressBlockBytes - ip.bytes.size(), ip.bytes.size());
  return ip;
}

// Records as they follow one question, and where each of them ends: first the answers, then the
// additional ones.
struct RenderedRecords {
  std::string bytes;
  std::vector<std::uint32_t> ends;
  std::size_t answers = 0;
  // Where the answers of one worth end, by their place: of addresses all, of services those of one
  // priority. Empty: the answers keep their order.
  std::vector<std::uint32_t> tiers = {};
  std::optional<ExtendedError> extended_error = {};  // that the OPT says with them
  bool list_cut = false;                             // as Answer's
};

// The SOA record of a zone as it follows a question inside the zone.
struct SoaTemplate {
  struct Pointer {
    std::uint16_t at = 0;
    std::uint16_t target = 0;  // where in the record; 0: the apex in the question
  };
  std::string bytes;
  std::vector<Pointer> pointers;
  std::uint16_t serial = 0;  // where the serial stands
};

class Response {
 public:
  // `out` holds at least `limit` bytes; nothing is written beyond it. Limits are 512 and more.
  // `options`: the rdata of the OPT, written by finish(); it must live until then.
  Response(std::string_view message, const PlainQuery& query, std::string_view options,
           std::size_t limit, char* out);

  // How many records of `bytes` each fit.
  [[nodiscard]] std::size_t room_for(std::size_t bytes) const { return (end_ - at_) / bytes; }
  // Where to write them; then say how many were written of how many there are.
  [[nodiscard]] char* next() { return out_ + at_; }
  void wrote_answers(std::size_t records, std::size_t bytes, std::size_t of);
  // As many as fit, each tier in an order drawn anew (draw.h), so that of a set that is cut no record
  // is always missing; additional ones only behind all answers, and without a word when some are
  // left.
  void add_records(const RenderedRecords& records, Rng& rng);
  // `apex`: where in the question's name the zone's apex starts.
  void add_soa(const SoaTemplate& soa, std::size_t apex, std::uint32_t serial);

  // Sends the client to TCP, whatever was added.
  void truncate() { truncated_ = true; }

  // The size of the message. AA unless `authoritative` is false.
  std::size_t finish(Rcode rcode, bool authoritative = true);
  [[nodiscard]] bool truncated() const { return truncated_; }

 private:
  // Of the records `from` up to `to` as many as fit, and how many these are.
  std::size_t copy(const RenderedRecords& records, std::size_t from, std::size_t to);

  const PlainQuery& query_;
  std::string_view options_;
  char* out_;
  std::size_t at_;
  std::size_t end_;  // room for records ends here: before the OPT
  std::uint16_t answers_ = 0;
  std::uint16_t authorities_ = 0;
  std::uint16_t additionals_ = 0;
  bool truncated_ = false;
};

}  // namespace sixpn::dns
