#include "dns/core/wire_name.h"

#include <string>

#include "dns/core/codes.h"

namespace sixpn::dns {
namespace {

constexpr std::size_t kPointer = 0xc0;

std::size_t at(std::string_view message, std::size_t place) {
  return static_cast<unsigned char>(message[place]);
}

}  // namespace

std::optional<Name> read_name(std::string_view message, WireReader& reader) {
  std::size_t place = reader.position();
  reader.skip_name();
  if (!reader.ok()) return std::nullopt;
  std::string wire;
  std::size_t piece = place;
  for (int pointers = 0; place < message.size();) {
    std::size_t length = at(message, place);
    if (length >= kPointer) {
      if (message.size() - place < 2 || ++pointers > kMostPointers) return std::nullopt;
      place = (length - kPointer) << 8 | at(message, place + 1);
      if (place >= piece || place < kHeaderBytes) return std::nullopt;
      piece = place;
      continue;
    }
    if (length > kMaxLabelBytes || wire.size() + 1 + length > kMaxNameBytes) return std::nullopt;
    if (message.size() - place < 1 + length) return std::nullopt;
    wire += message.substr(place, 1 + length);
    if (length == 0) return Name::from_wire(wire);
    place += 1 + length;
  }
  return std::nullopt;
}

}  // namespace sixpn::dns
