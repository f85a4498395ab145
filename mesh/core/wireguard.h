// What both WireGuard backends speak: the state read back from a device, and the changes of peers.
#pragma once

#include <map>
#include <variant>

#include "mesh/core/observed.h"
#include "mesh/core/steps.h"

namespace sixpn::mesh {

struct WireguardState {
  PublicKey public_key{};  // zero: no private key set
  std::uint16_t listen_port = 0;
  std::map<PublicKey, ObservedPeer> peers;
  friend bool operator==(const WireguardState&, const WireguardState&) = default;
};

using PeerStep = std::variant<SetPeer, RemovePeer>;

}  // namespace sixpn::mesh
