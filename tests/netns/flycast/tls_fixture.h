// A host whose proxy has a certificate for the org of `web`, and clients that speak TLS with it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/io/clock.h"
#include "machine/io/tls_client.h"
#include "registry/core/tls_authority.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {

// A client that believes any certificate.
class TlsEnd {
 public:
  explicit TlsEnd(const std::string& name = "web.flycast", Tcp tcp = dial_web())
      : tls_(name, false), tcp_(std::move(tcp)) {}

  bool shake_hands() {
    while (tls_.advance() == machine::TlsClient::State::kHandshake) {
      push();
      std::string wire = tcp_.read_some();
      if (wire.empty()) return false;
      tls_.receive(wire);
    }
    push();
    return tls_.advance() == machine::TlsClient::State::kOpen;
  }
  void write(std::string_view plain) {
    tls_.write(plain);
    push();
  }
  // Until the other side takes no more.
  void write_until_stuck() {
    tls_.write(std::string(20'000'000, 'u'));
    std::string wire = tls_.take_outgoing();
    while (true) {
      std::size_t sent = tcp_.write_until_stuck(wire, 1).size();
      if (sent == 0) return;
      wire.erase(0, sent);
    }
  }
  std::string read(std::size_t size) {
    std::string plain = tls_.read();
    while (plain.size() < size && !tls_.ended()) {
      std::string wire = tcp_.read_some();
      if (wire.empty()) break;
      tls_.receive(wire);
      plain += tls_.read();
    }
    return plain;
  }
  // To the end, and whether that was a proper one.
  bool ends_cleanly() {
    read(static_cast<std::size_t>(-1));
    return tls_.ended() && tls_.error().empty();
  }
  Tcp& tcp() { return tcp_; }
  [[nodiscard]] const std::string& error() const { return tls_.error(); }

 private:
  void push() { tcp_.write_all(tls_.take_outgoing()); }
  machine::TlsClient tls_;
  Tcp tcp_;
};

struct TlsFlycast : testing::Test {
  TlsFlycast() {
    options.tls_seed = Secret::random();
    options.root_key = root.public_key();
    for (std::uint32_t id : {2u, 3u, 4u})
      cluster.machines[MachineId{id}].state = MachineState::kStopped;
    handlers({"tls"});
    const WallTime now = wall_now();
    TlsGrant authority = *make_authority_grant(
        root, "acme", {now - kCertificateBackdate, now + std::chrono::hours(24)}, now);
    put(authority);
    TlsKey key = host_tls_key(*options.tls_seed);
    put(*make_issuer_grant(
        root, {"acme", authority.certificate, *read_certificate(authority.certificate)},
        {host(1), "h1", key.public_key(), now + std::chrono::hours(1)}, now));
  }
  void put(const TlsGrant& grant) {
    TlsGrantRecord record{grant.org, grant.host, sign_tls_grant(grant, root)};
    cluster.tls_grants[tls_grant_key(grant.org, grant.host).id] =
        std::make_shared<const TlsGrantRecord>(record);
  }
  void handlers(std::vector<std::string> names) {
    cluster.app.services[0].ports[0].handlers = std::move(names);
  }

  SigningKey root = SigningKey::generate();
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
  FlycastOptions options;
};

}  // namespace sixpn::flycast
