#include "machine/core/allocation.h"

#include "registry/core/address.h"

namespace sixpn::machine {

std::uint32_t allocate_machine_field(Rng& rng, const std::function<bool(std::uint32_t)>& taken) {
  constexpr std::uint64_t kFields = (std::uint64_t{1} << 32) - kFirstMachineField;
  for (;;) {
    auto field = static_cast<std::uint32_t>(kFirstMachineField + rng.below(kFields));
    if (!taken(field)) return field;
  }
}

std::string make_ulid(WallTime now, Rng& rng) {
  constexpr char kDigits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string ulid(26, '0');
  auto ms = static_cast<std::uint64_t>(unix_ms(now));
  for (std::size_t i = 10; i-- > 0; ms >>= 5) ulid[i] = kDigits[ms & 31];
  for (std::size_t i = 10; i < ulid.size(); ++i) ulid[i] = kDigits[rng.below(32)];
  return ulid;
}

}  // namespace sixpn::machine
