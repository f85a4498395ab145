// Exchange frames: how a client's proxy sends one HTTP exchange after another over one stream to
// the proxy of the machines' host. Behind a preamble that asks for an exchange, and an answer that
// grants it, what is for the machine goes in frames, until a frame that says that the exchange is
// over; then the stream awaits the next preamble. The other way the machine's bytes go as they are:
// the client's proxy reads the response and knows its end, and says that it is over only then.
//
// A frame: 'B', then the number of its bytes (24 bits, network order), then those; or 'E' and three
// zeros: the exchange is over, and both of the machine's directions are at rest between two
// messages. A stream that ends without an 'E' takes the machine's connection with it.
//
// A machine may answer before it took all of its request, and never take the rest. So the owner
// reads on as far as kMostReadOn, to the end of any exchange of kMostOfRestedLink; behind more than
// that the client's proxy does not put the stream at rest: nobody could tell whether what it says
// next is read.
//
// Decoding takes bytes from outside. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sixpn::flycast {

inline constexpr std::size_t kExchangeHeaderBytes = 4;
inline constexpr std::size_t kMaxExchangeBytes = (std::size_t{1} << 24) - 1;
inline constexpr std::size_t kMostOfRestedLink = 64 * 1024;
inline constexpr std::size_t kMostReadOn = 2 * kMostOfRestedLink;  // some went with the preamble

// `size`: 1 to kMaxExchangeBytes.
std::string encode_bytes_header(std::size_t size);
std::string encode_exchange_end();

class ExchangeReader {
 public:
  enum class State : std::uint8_t {
    kMore,   // all bytes are taken
    kPiece,  // piece() is for the machine
    kEnd,    // the exchange is over; what is left is the next preamble's
    kFault,  // no frame: final
  };
  // Takes from the front of `bytes`.
  State next(std::string_view& bytes);
  [[nodiscard]] std::string_view piece() const { return piece_; }

 private:
  State on_header();

  std::array<char, kExchangeHeaderBytes> header_{};
  std::size_t have_ = 0;  // of the header
  std::size_t left_ = 0;  // of the frame
  std::string_view piece_;
  bool fault_ = false;
};

}  // namespace sixpn::flycast
