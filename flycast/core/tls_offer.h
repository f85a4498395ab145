// TlsOffer: what a port with the handler `tls` offers to a client that dialled it: by which names
// the app may be called there, and what may be spoken after the handshake. Pure; flycast loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "flycast/core/service_table.h"
#include "registry/core/x509.h"

namespace sixpn::flycast {

// A leaf is made anew for those who come when this much of its life is left.
inline constexpr std::chrono::milliseconds kLeafLife = std::chrono::hours(7 * 24);
inline constexpr std::chrono::milliseconds kLeafLeft = std::chrono::hours(24);

struct TlsOffer {
  std::string org;  // of the network that the client is in: its people trust that authority
  LeafNames names;  // the app's, at the address that was dialled
  std::string id;   // a ticket of one offer resumes no session of another: network and app
  std::vector<std::string> alpn;  // best first; none: nothing is agreed on
  bool only_tls13 = false;
};
// Nothing when nobody can know, or the port ends no TLS.
std::optional<TlsOffer> tls_offer(const ServiceTable& table, NetworkId client_network,
                                  const IpEndpoint& dialled);

// Whether a client may ask for this name (SNI, RFC 6066 section 3); "": it named none.
bool is_offered(const TlsOffer& offer, std::string_view server_name);

// The first of ours that the client lists too. `listed`: as on the wire (RFC 7301 section 3.1).
std::optional<std::string> choose_alpn(const TlsOffer& offer, std::string_view listed);

// Never beyond the issuer's end.
CertificateTimes leaf_times(WallTime now, WallTime issuer_until);
// Whether one made for those times is still for new connections.
bool is_leaf_fresh(const CertificateTimes& times, WallTime issuer_until, WallTime now);

}  // namespace sixpn::flycast
