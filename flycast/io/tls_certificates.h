// TlsCertificates: the leaves that this host shows to clients, one for each Flycast address that is
// dialled, made when they are needed by the authority of the certificate that the org gave this
// host (tls_authority.h), each with a key of its own, all in memory. Also the TlsContext of now.
// One thread at a time. Limits: kMaxLeaves; what is oldest goes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/core/options.h"
#include "flycast/core/service_table.h"
#include "flycast/core/tls_offer.h"
#include "flycast/io/tls_server.h"
#include "registry/core/tls_authority.h"

namespace sixpn::flycast {

inline constexpr std::size_t kMaxLeaves = 4096;

class TlsCertificates {
 public:
  explicit TlsCertificates(const FlycastOptions& options);

  // The credentials for an offer at the address that it is for. Errors: this host may not issue in
  // the org's name, and the command that mends it.
  Result<TlsCredentialsPtr> credentials(const Snapshot& snapshot, const TlsOffer& offer,
                                        WallTime now);
  // Of new connections; others keep theirs.
  std::shared_ptr<const TlsContext> context(Instant now);
  [[nodiscard]] std::uint64_t made() const { return made_; }

 private:
  // What an issuer was read from: the same objects mean the same issuer.
  struct Source {
    TlsGrantPtr authority;
    TlsGrantPtr issuer;
    friend bool operator==(const Source&, const Source&) = default;
  };
  struct Leaf {
    Source source;
    LeafNames names;
    CertificateTimes times;
    WallTime issuer_until{};
    TlsCredentialsPtr credentials;
  };

  Source source_of(const Snapshot& snapshot, const std::string& org) const;
  Result<Leaf> make(const Snapshot& snapshot, const TlsOffer& offer, WallTime now);
  void make_room();

  HostId self_;
  PublicKey root_key_;
  std::optional<Secret> seed_;  // nothing: this proxy ends no TLS
  std::optional<TlsKey> key_;   // made when it is first needed
  std::map<Ip6, Leaf> leaves_;  // by address
  std::shared_ptr<const TlsContext> context_;
  Instant context_since_{};
  std::uint64_t made_ = 0;
};

}  // namespace sixpn::flycast
