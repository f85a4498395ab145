// A cluster with hosts that are enrolled for real, their signed host records, and snapshots that
// know them.
#pragma once

#include <string>
#include <vector>

#include "mesh/core/knock.h"
#include "mesh/io/identity_store.h"
#include "registry/core/certificate.h"
#include "registry/core/signed_record.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh::test {

inline constexpr WallTime kWall = from_unix_ms(1'790'000'000'000);
inline constexpr Instant kMono{std::chrono::hours(1)};
inline constexpr Now kNow{kMono, kWall};

inline Now later(Now now, std::chrono::milliseconds by) {
  return {now.mono + by, now.wall + by};
}

struct EnrolledHost {
  Identity identity;
  HostRecord record;
  SignedRecordPtr signed_record;
};

inline SignedRecordPtr sign_host(const HostRecord& host, const SigningKey& key,
                                 std::uint64_t version = 1) {
  return sign_record({.key = host_key(host.id),
                      .writer = host.id,
                      .stamp = {1, version},
                      .tombstone = false,
                      .deleted = {},
                      .org = "",
                      .value = host},
                     key)
      .value();
}

struct Cluster {
  SigningKey root = SigningKey::generate();
  Secret cluster_key = Secret::random();

  [[nodiscard]] Token invite(const std::string& name, HostId id, WallTime expires,
                             std::optional<WallTime> valid_until = {}) const {
    auto text = make_invite({.name = name,
                             .region = "fra",
                             .expires = expires,
                             .host_id = id,
                             .seeds = {},
                             .cluster_key = cluster_key,
                             .valid_until = valid_until},
                            root);
    return decode_token(text.value()).value();
  }

  [[nodiscard]] EnrolledHost enrol_by(const Token& token, WallTime now = kWall) const {
    SigningKey key = SigningKey::generate();
    HostCertificate certificate = enrol(token, key.public_key(), now).value();
    Secret wireguard_key = generate_wireguard_key();
    HostRecord record{.id = certificate.invite.host,
                      .name = certificate.invite.name,
                      .region = certificate.invite.region,
                      .certificate = certificate.encoded,
                      .wireguard_key = wireguard_public_key(wireguard_key),
                      .endpoints = {*parse_endpoint("192.0.2.7:51820")},
                      .knock_port = 51821,
                      .version = "0.1.0"};
    Identity identity{certificate, key, wireguard_key, cluster_key, root.public_key(), {}};
    return {identity, record, sign_host(record, key)};
  }

  [[nodiscard]] EnrolledHost host(const std::string& name, std::uint32_t id) const {
    return enrol_by(invite(name, HostId(id), kWall + std::chrono::hours(24)));
  }

  [[nodiscard]] Knock knock_of(const EnrolledHost& host, std::uint64_t nonce,
                               WallTime sent = kWall) const {
    return {cluster_id(root.public_key()), nonce, sent, host.signed_record->wire()};
  }
};

inline Snapshot knowing(const std::vector<EnrolledHost>& hosts) {
  Snapshot snapshot;
  if (!hosts.empty()) snapshot.self = hosts.front().record.id;
  for (const auto& host : hosts) snapshot.hosts[host.record.id] = HostView{.record = host.record};
  return snapshot;
}

}  // namespace sixpn::mesh::test
