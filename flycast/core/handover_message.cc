#include "flycast/core/handover_message.h"

namespace sixpn::flycast {
namespace {

constexpr std::uint64_t kVersion = 1;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
}

std::uint64_t take(std::string_view& bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (char c : bytes.substr(0, count)) value = value << 8 | static_cast<unsigned char>(c);
  bytes.remove_prefix(count);
  return value;
}

}  // namespace

std::string encode_handover(const HandoverMessage& message) {
  std::string out;
  put(out, kVersion, 1);
  put(out, static_cast<std::uint64_t>(message.kind), 1);
  put(out, message.key.internal_port, 2);
  put(out, message.open, 4);
  put(out, message.key.machine.value, 8);
  return out;
}

Result<HandoverMessage> decode_handover(std::string_view bytes) {
  if (bytes.size() != kHandoverBytes)
    return Error("a handover message of " + std::to_string(bytes.size()) + " bytes");
  if (auto version = take(bytes, 1); version != kVersion)
    return Error("handover messages of version " + std::to_string(version));
  HandoverMessage message;
  message.kind = static_cast<HandoverKind>(take(bytes, 1));
  message.key.internal_port = static_cast<std::uint16_t>(take(bytes, 2));
  message.open = static_cast<std::uint32_t>(take(bytes, 4));
  message.key.machine.value = take(bytes, 8);
  return message;
}

}  // namespace sixpn::flycast
