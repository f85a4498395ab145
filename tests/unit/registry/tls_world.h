// A snapshot of a host that may issue for orgs, and the root key that says so: for tests of TLS.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "registry/core/tls_authority.h"
#include "tests/unit/registry/trust_fixture.h"

namespace sixpn::test {

inline constexpr WallTime kNow = kInvited;
inline constexpr HostId kHost{0x00020003};  // of TrustFixture's certificate too
inline constexpr HostId kOther{0x00020004};

struct TlsWorld {
  SigningKey root{secret_of('r')};
  TlsKey key = host_tls_key(secret_of('t'));
  Snapshot snapshot;

  TlsWorld() {
    HostView view;
    view.record.id = kHost;
    view.record.name = "b";
    snapshot.hosts = std::map<HostId, HostView>{{kHost, view}};
    snapshot.self = kHost;
  }

  void put(const std::string& org, HostId host, const std::string& statement) {
    std::map<std::string, TlsGrantPtr> all(snapshot.tls_grants.begin(), snapshot.tls_grants.end());
    all[tls_grant_key(org, host).id] =
        std::make_shared<const TlsGrantRecord>(TlsGrantRecord{org, host, statement});
    snapshot.tls_grants = std::move(all);
  }
  TlsGrant authority(const SigningKey& by, const std::string& org,
                     std::chrono::hours life = std::chrono::hours(1000)) {
    return *make_authority_grant(by, org, {kNow - std::chrono::hours(1), kNow + life}, kNow);
  }
  void add_authority(const std::string& org, std::chrono::hours life = std::chrono::hours(1000)) {
    put(org, HostId{}, sign_tls_grant(authority(root, org, life), root));
  }
  TlsGrant issuer(const std::string& org, std::chrono::hours life = std::chrono::hours(100)) {
    auto found = find_authority(snapshot, org, root.public_key());
    return *make_issuer_grant(root, *found, {kHost, "b", key.public_key(), kNow + life}, kNow);
  }
  void add_issuer(const std::string& org, std::chrono::hours life = std::chrono::hours(100)) {
    put(org, kHost, sign_tls_grant(issuer(org, life), root));
  }
  Result<TlsIssuer> find(WallTime now = kNow) {
    return find_issuer(snapshot, "acme", kHost, key.public_key(), root.public_key(), now);
  }
};

}  // namespace sixpn::test
