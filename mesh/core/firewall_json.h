// The nft JSON form (libnftables-json(5)) of the firewall, both ways: documents to load, and the
// listing read back. Also what other people's tables say about dropping our packets. Pure text;
// running nft is mesh/io/nft.h.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesh/core/firewall.h"
#include "mesh/core/steps.h"

namespace sixpn::mesh {

// One transaction that replaces the table, whether or not it stood, with all elements.
std::string firewall_document(const Firewall& firewall);
// One transaction that changes elements.
std::string firewall_update_document(const UpdateFirewall& update);
// One transaction that removes the table, whether or not it stands.
std::string firewall_removal_document();

// Identifies a structure: carried as the comment of the table's first rule.
std::string firewall_fingerprint(const FirewallStructure& structure);

struct PacketCounter {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const PacketCounter&, const PacketCounter&) = default;
};

struct FirewallListing {
  std::string fingerprint;  // of the comment; "" when there is none
  std::string structure;    // hash over chains and rules as nft prints them: changes when they do
  std::set<SetElement> elements;
  std::map<std::string, PacketCounter> counters;
};

// Reads `nft -j list table inet sixpn`. Errors: not such a listing.
Result<FirewallListing> parse_firewall_listing(std::string_view json);

// Base chains of other tables, from `nft -j list chains`, that drop by default what we let through:
// policy drop at the forward or input hook of ip6 or inet. "inet filter forward". Errors: no such
// listing.
Result<std::vector<std::string>> parse_dropping_chains(std::string_view json);

}  // namespace sixpn::mesh
