// What fields are to the framing of a message and to one connection, by their names; which names
// imitate those; and which may be trailers. One place for every version of HTTP: what one of them
// refuses must not come in by another. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "flycast/core/header_list.h"

namespace sixpn::flycast {

// What a field means to one connection.
enum class FieldRole : std::uint8_t {
  kNone,
  kHost,
  kLength,
  kCoding,
  kConnection,
  kUpgrade,
  kExpect,
  kHop
};
FieldRole role_of(std::string_view name);

// With every mark taken for a hyphen, and without case: programs that put fields into variables
// (CGI and its like) make CONTENT_LENGTH of "Content-Length", "content_length" and, some of them,
// "content.length".
bool reads_as(std::string_view name, std::string_view lower_case);
// "Content_Length": such programs take it for the other.
bool imitates_framing(std::string_view name);

// RFC 9110 section 6.5.1. What frames or routes is an attack, or is taken for one; what only makes
// no sense behind the body is dropped.
enum class TrailerRule : std::uint8_t { kKeep, kDrop, kRefuse };
TrailerRule rule_of_trailer(std::string_view name);

// The trailers of an HTTP/2 message, as they come one by one; within the limits of HTTP/1's.
class Http2Trailers {
 public:
  // False: the message is malformed, or has too many.
  bool add(std::string_view name, std::string_view value);
  [[nodiscard]] const HeaderList& fields() const { return fields_; }

 private:
  HeaderList fields_;
  std::size_t lines_ = 0;
  std::size_t bytes_ = 0;  // as HTTP/1 writes them
};

}  // namespace sixpn::flycast
