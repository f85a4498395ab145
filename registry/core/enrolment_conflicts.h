// EnrolmentConflicts: host ids that were enrolled twice, as far as this host has met both. Told to
// operators, on every host; which one stands is the store's decision. A value; bounded. Control
// loop only.
#pragma once

#include <map>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/certificate.h"

namespace sixpn::registry {

inline constexpr std::size_t kMaxConflicts = 256;

struct EnrolmentConflict {
  HostCertificate standing;
  HostCertificate lost;
  WallTime seen{};  // the lost one was last presented
};

class EnrolmentConflicts {
 public:
  // `lost` was refused for `standing`, or displaced by it.
  void note(const HostCertificate& standing, const HostCertificate& lost, WallTime now) {
    HostId host = standing.invite.host;
    if (standing.encoded == lost.encoded) return;
    if (all_.size() >= kMaxConflicts && !all_.contains(host)) return;
    all_.insert_or_assign(host, EnrolmentConflict{standing, lost, now});
  }
  [[nodiscard]] const std::map<HostId, EnrolmentConflict>& all() const { return all_; }

 private:
  std::map<HostId, EnrolmentConflict> all_;
};

}  // namespace sixpn::registry
