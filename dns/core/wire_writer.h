// The writing of numbers (big endian, RFC 1035 section 2.3.2) and bytes into a buffer that has room
// for them; each returns where the next goes. The counterpart of wire_reader.h, for messages that
// are put together in place; it checks nothing. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sixpn::dns {

// The low 16 bits of `value`.
inline char* put_u16(char* at, std::size_t value) {
  at[0] = static_cast<char>(value >> 8);
  at[1] = static_cast<char>(value);
  return at + 2;
}

inline char* put_u32(char* at, std::uint32_t value) {
  return put_u16(put_u16(at, value >> 16), value & 0xffff);
}

inline char* put_bytes(char* at, std::string_view bytes) {
  return at + bytes.copy(at, bytes.size());
}

}  // namespace sixpn::dns
