// A cluster's keys and a valid invite, token and certificate, for tests of the trust chain.
#pragma once

#include <string>

#include "registry/core/certificate.h"

namespace sixpn::test {

inline constexpr WallTime kInvited = from_unix_ms(1'790'000'000'000);
inline constexpr WallTime kExpires = kInvited + std::chrono::hours(24);

inline Secret secret_of(char fill) {
  return *Secret::from_bytes(std::string(32, fill));
}

struct TrustFixture {
  SigningKey root{secret_of('r')};
  SigningKey enrolment{secret_of('e')};
  SigningKey host{secret_of('h')};

  [[nodiscard]] Invite invite() const {
    return Invite{.cluster = cluster_id(root.public_key()),
                  .serial = 7,
                  .host = HostId(0x00020003),
                  .name = "b",
                  .region = "fra",
                  .orgs = {"acme", "globex"},
                  .expires = kExpires,
                  .enrolment_key = enrolment.public_key()};
  }
  [[nodiscard]] Token token() const { return token_of(invite()); }
  [[nodiscard]] Token token_of(const Invite& invite) const {
    return Token{
        root.public_key(), secret_of('c'), enrolment.seed(), sign_invite(invite, root), {}};
  }
  [[nodiscard]] HostCertificate certificate() const {
    return enrol(token(), host.public_key(), kInvited).value();
  }
};

}  // namespace sixpn::test
