#include "registry/core/machine_id.h"

#include "base/encoding.h"
#include "registry/core/keys.h"

namespace sixpn {

MachineId machine_id_of(const Ip6& address) {
  constexpr std::size_t kIdBytes = 7;
  std::string text = "sixpn machine";
  text += '\0';
  text += as_bytes(address.bytes);
  Hash digest = hash(text);
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < kIdBytes; ++i) id = id << 8 | digest.at(i);
  return MachineId{id == 0 ? 1 : id};
}

}  // namespace sixpn
