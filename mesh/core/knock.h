// The knock on the wire: the one message outside the tunnel (DESIGN section 4). A host that a
// receiver may not know presents its signed host record (certificate, endpoints, WireGuard key);
// the reply accepts it, or says why not. Who knocks when is in knocker.h, what a receiver decides
// in knock_gate.h. Pure.
//
//   byte 0: version 1 | 1: kind | 2..17: MAC | 18..19: length of the content | content | zeros
//
// The MAC (keyed BLAKE2b-128 under the cluster key) covers every other byte after a tag of its
// kind, and is checked before anything else is read. Every knock has exactly kKnockBytes, and no
// reply has more: whoever forges a source address gains nothing. 1200 bytes pass any IPv6 path
// unfragmented (RFC 8200 section 5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/core/certificate.h"
#include "registry/core/keys.h"
#include "registry/core/signed_record.h"

namespace sixpn::mesh {

inline constexpr std::size_t kKnockBytes = 1200;
// A host record that fits both a knock and a reply.
inline constexpr std::size_t kMaxKnockRecordBytes = 1100;
inline constexpr std::size_t kMaxReasonBytes = 256;

struct Knock {
  std::string cluster;
  std::uint64_t nonce = 0;
  WallTime sent{};
  std::string record;  // SignedRecord::wire, not verified
  friend bool operator==(const Knock&, const Knock&) = default;
};

struct KnockReply {
  std::string cluster;
  std::uint64_t nonce = 0;
  bool accepted = false;
  std::string
      reason;  // printable ASCII, at most kMaxReasonBytes; what else comes is replaced by '?'
  std::string
      record;  // SignedRecord::wire, not verified; empty when refused or when it would not fit
  IpEndpoint observed;
  friend bool operator==(const KnockReply&, const KnockReply&) = default;
};

// Why a datagram is dropped unanswered.
enum class KnockGarbage : std::uint8_t { kSize, kVersion, kMac, kMalformed };
using KnockDatagram = std::variant<KnockGarbage, Knock, KnockReply>;

// Errors: a record over kMaxKnockRecordBytes (too many endpoints).
Result<std::string> encode_knock(const Knock& knock, const Secret& cluster_key);
// Leaves out a record that is too large, and cuts a reason that is too long.
std::string encode_reply(const KnockReply& reply, const Secret& cluster_key);
KnockDatagram decode_knock_datagram(std::string_view bytes, const Secret& cluster_key);

// The record as it may be published: without the proofs of its keys when a knock does not hold it
// with them, which long lists of orgs and endpoints bring about. To knock is worth more.
HostRecord fitted(HostRecord record, const SigningKey& key);

// A host record that the root key vouches for, through the certificate in it.
struct VerifiedHost {
  SignedRecordPtr record;
  HostCertificate certificate;
  [[nodiscard]] const HostRecord& host() const {
    return *std::get<HostValue>(record->record.value);
  }
};

// Errors: not a host record, a bad certificate, fields that differ from the certificate, a bad
// signature.
Result<VerifiedHost> verify_host_record(const std::string& wire, const PublicKey& root_key);

// Whether knocks may come from and go to this endpoint: a unicast address outside the mesh.
bool is_underlay(const IpEndpoint& endpoint);

}  // namespace sixpn::mesh
