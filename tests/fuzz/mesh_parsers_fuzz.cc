// Fuzzes what the mesh reads from other programs: wireguard-go's answers and nft's listings. The
// first byte chooses; any text must give a value or an error, and a value must be within bounds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mesh/core/firewall_json.h"
#include "mesh/core/uapi.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sixpn::mesh;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (auto state = parse_uapi_get(text); state && state->peers.size() * 64 > size) std::abort();
      break;
    case 1:
      static_cast<void>(parse_uapi_set(text));
      break;
    case 2:
      if (auto listing = parse_firewall_listing(text); listing && listing->structure.empty())
        std::abort();
      break;
    default:
      static_cast<void>(parse_dropping_chains(text));
      break;
  }
  return 0;
}
