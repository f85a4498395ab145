#include "dns/io/tcp_quota.h"

namespace sixpn::dns {

TcpQuota::Admission TcpQuota::admit(const Ip6& source, const Evict& evict) {
  std::lock_guard hold(lock_);
  if (evict_.size() >= limits_.connections + kMostLeaving) return {Verdict::kFull, 0};
  auto admission = shares_.admit(source);
  if (admission.verdict != Verdict::kAdmitted) return {admission.verdict, 0};
  if (admission.evicted != 0) (*evict_.at(admission.evicted))(admission.evicted);
  evict_.emplace(admission.ticket, &evict);
  open_ = shares_.open();
  return {Verdict::kAdmitted, admission.ticket};
}

void TcpQuota::release(Ticket ticket) {
  std::lock_guard hold(lock_);
  shares_.release(ticket);
  evict_.erase(ticket);
  open_ = shares_.open();
}

}  // namespace sixpn::dns
