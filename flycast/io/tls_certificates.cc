#include "flycast/io/tls_certificates.h"

#include <algorithm>

namespace sixpn::flycast {

TlsCertificates::TlsCertificates(const FlycastOptions& options)
    : self_(options.self), root_key_(options.root_key), seed_(options.tls_seed) {}

Result<TlsCredentialsPtr> TlsCertificates::credentials(const Snapshot& snapshot,
                                                       const TlsOffer& offer, WallTime now) {
  if (!seed_) return Error("this proxy has no key for TLS");
  const Ip6& address = offer.names.addresses.front();
  auto known = leaves_.find(address);
  if (known != leaves_.end()) {
    const Leaf& leaf = known->second;
    bool same = leaf.source == source_of(snapshot, offer.org) && leaf.names == offer.names;
    if (same && is_leaf_fresh(leaf.times, leaf.issuer_until, now)) return leaf.credentials;
    leaves_.erase(known);
  }
  auto made = make(snapshot, offer, now);
  if (!made) return std::move(made).error();
  make_room();
  ++made_;
  return leaves_.emplace(address, std::move(*made)).first->second.credentials;
}

TlsCertificates::Source TlsCertificates::source_of(const Snapshot& snapshot,
                                                   const std::string& org) const {
  auto grant = [&](HostId host) {
    auto found = snapshot.tls_grants.find(tls_grant_key(org, host).id);
    return found == snapshot.tls_grants.end() ? nullptr : found->second;
  };
  return {grant(HostId{}), grant(self_)};
}

Result<TlsCertificates::Leaf> TlsCertificates::make(const Snapshot& snapshot, const TlsOffer& offer,
                                                    WallTime now) {
  if (!key_) key_ = host_tls_key(*seed_);
  auto issuer = find_issuer(snapshot, offer.org, self_, key_->public_key(), root_key_, now);
  if (!issuer) return std::move(issuer).error();
  TlsKey leaf_key = TlsKey::generate();
  Leaf leaf{source_of(snapshot, offer.org), offer.names, leaf_times(now, issuer->times.until),
            issuer->times.until, nullptr};
  auto certificate =
      make_leaf(*key_, issuer->certificate, offer.names, leaf_key.public_key(), leaf.times);
  if (!certificate) return std::move(certificate).error();
  auto secret = private_key_der(leaf_key);
  if (!secret) return std::move(secret).error();
  auto loaded = TlsCredentials::load(*certificate, issuer->certificate, *secret);
  if (!loaded) return std::move(loaded).error();
  leaf.credentials = std::move(*loaded);
  return leaf;
}

void TlsCertificates::make_room() {
  if (leaves_.size() < kMaxLeaves) return;
  leaves_.erase(std::min_element(leaves_.begin(), leaves_.end(), [](const auto& a, const auto& b) {
    return a.second.times.from < b.second.times.from;
  }));
}

std::shared_ptr<const TlsContext> TlsCertificates::context(Instant now) {
  if (!context_ || now - context_since_ >= kTicketKeyLife) {
    context_ = std::make_shared<const TlsContext>();
    context_since_ = now;
  }
  return context_;
}

}  // namespace sixpn::flycast
