#include "dns/io/tcp_quota.h"

namespace sixpn::dns {
namespace {

template <class Counts, class Key>
std::size_t count_of(const Counts& counts, const Key& key) {
  auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

template <class Counts, class Key>
void count_down(Counts& counts, const Key& key) {
  auto found = counts.find(key);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

TcpQuota::NetworkKey TcpQuota::network_key(const Ip6& source) {
  return std::uint64_t{source.word(0)} << 32 | source.dword(1);
}

TcpQuota::Verdict TcpQuota::admit(const Ip6& source) {
  std::lock_guard hold(lock_);
  if (open_ >= limits_.connections) return Verdict::kFull;
  if (count_of(by_source_, source) >= limits_.connections_per_source) return Verdict::kSourceFull;
  if (count_of(by_network_, network_key(source)) >= limits_.connections_per_network)
    return Verdict::kNetworkFull;
  ++by_source_[source];
  ++by_network_[network_key(source)];
  ++open_;
  return Verdict::kAdmitted;
}

void TcpQuota::release(const Ip6& source) {
  std::lock_guard hold(lock_);
  count_down(by_source_, source);
  count_down(by_network_, network_key(source));
  --open_;
}

}  // namespace sixpn::dns
