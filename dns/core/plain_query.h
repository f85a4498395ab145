// PlainQuery: the queries that nearly every client sends, read in one pass without allocating: one
// question of class IN with an uncompressed name and an ordinary type, and at most an OPT of
// version 0. Everything else, right or wrong, is left to parse_query(), which decides what it
// deserves; what is read here is read the same there (a property that the tests and the fuzzer
// hold). A question that only parse_query() understands, for the records that stand beside it, is
// made plain afterwards: nobody gets a dearer answer by the form of his message. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dns/core/codes.h"
#include "dns/core/edns_options.h"
#include "dns/core/name.h"
#include "dns/core/query.h"

namespace sixpn::dns {

// A name in wire form, lower case, in place.
struct QuestionName {
  std::array<char, kMaxNameBytes + 1> wire;
  std::array<std::uint8_t, kMaxNameBytes / 2 + 1> label_at;  // where the length bytes are
  std::uint16_t size = 0;                                    // with the root's zero
  std::uint16_t labels = 0;                                  // without the root

  [[nodiscard]] std::string_view bytes() const { return {wire.data(), size}; }
  // From label `first` up to label `last`, with their length bytes.
  [[nodiscard]] std::string_view between(std::size_t first, std::size_t last) const {
    std::size_t end = last == labels ? size - 1U : label_at[last];
    return {wire.data() + label_at[first], end - label_at[first]};
  }
  // Without its length byte.
  [[nodiscard]] std::string_view label(std::size_t i) const { return between(i, i + 1).substr(1); }
};

struct PlainQuery {
  QuestionName name;
  RrType type = 0;
  std::uint16_t payload_size = 0;  // of the OPT; 0: none
  bool has_edns = false;
  bool dnssec_ok = false;
  bool recursion_desired = false;
  bool checking_disabled = false;
  std::uint16_t question_end = 0;
  EdnsOptions options;  // views into the message

  [[nodiscard]] std::size_t udp_limit() const;
};

// False: not a plain query, and `out` is half written.
bool read_plain_query(std::string_view message, PlainQuery& out);

// The same of a message that parse_query() has read: a question of class IN to be answered.
void make_plain(std::string_view message, const ParsedQuery& parsed, PlainQuery& out);

}  // namespace sixpn::dns
