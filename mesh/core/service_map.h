// The service map: a second nftables table, which hands new connections to some Flycast ports
// straight to machines (DNAT), as the kernel services say. There only while an app of this host's
// networks asks for it, for its chains turn on connection tracking. Each change replaces the table
// in one transaction; connections that stand keep their machine, since the kernel remembers it for
// each. Pure text; loading it is mesh/io's work. Why it is made so: decisions/0107.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "registry/core/attachment.h"
#include "registry/core/kernel_services.h"

namespace sixpn::mesh {

inline constexpr const char* kServiceTable = "sixpn_services";

struct ServiceMap {
  KernelServices kernel;
  // A machine of this host, and a Flycast address behind which it stands itself: it could be handed
  // its own connection, so the proxy takes it.
  std::vector<std::pair<Ip6, Ip6>> own;
  [[nodiscard]] bool wanted() const { return kernel.wanted; }
  friend bool operator==(const ServiceMap&, const ServiceMap&) = default;
};

ServiceMap make_service_map(KernelServices kernel, const std::vector<Attachment>& attachments);

// One transaction that makes the table so, or removes it when it is not wanted.
std::string service_map_document(const ServiceMap& map);
// Names the contents, carried as the comment of a rule; "" when the table is not wanted.
std::string service_map_fingerprint(const ServiceMap& map);

struct ServiceMapListing {
  std::string fingerprint;  // "" when there is none
  std::string print;        // hash of all that nft prints of it: changes when anything does
};

// Reads `nft -j list table inet sixpn_services`. Errors: no such listing.
Result<ServiceMapListing> parse_service_map_listing(std::string_view json);

}  // namespace sixpn::mesh
