// What the mesh reads from other programs: wireguard-go's answers and nft's listings. The first
// byte chooses; any text must give a value or an error, and a value must be within bounds.
#include "mesh/core/firewall_json.h"
#include "mesh/core/uapi.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sixpn::fuzz {

void mesh_parsers(std::string_view bytes) {
  using namespace mesh;
  if (bytes.empty()) return;
  std::string_view text = bytes.substr(1);
  switch (static_cast<unsigned char>(bytes[0]) % 4) {
    case 0:
      if (auto state = parse_uapi_get(text))
        SIXPN_PROMISE(state->peers.size() * 64 <= bytes.size());
      break;
    case 1:
      static_cast<void>(parse_uapi_set(text));
      break;
    case 2:
      if (auto listing = parse_firewall_listing(text)) SIXPN_PROMISE(!listing->structure.empty());
      break;
    default:
      static_cast<void>(parse_dropping_chains(text));
      break;
  }
}

}  // namespace sixpn::fuzz
