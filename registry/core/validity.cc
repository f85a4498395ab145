#include "registry/core/validity.h"

namespace sixpn {

std::string_view to_string(Standing standing) {
  switch (standing) {
    case Standing::kGood:
      return "good";
    case Standing::kExpired:
      return "expired";
    case Standing::kShutOut:
      return "shut out";
  }
  return "unknown";
}

std::optional<WallTime> valid_until(const HostCertificate& certificate,
                                    const RenewalRecord* renewal) {
  if (renewal != nullptr && renewal->certificate == certificate_digest(certificate.encoded))
    return renewal->valid_until;
  return certificate.invite.valid_until;
}

Standing standing_at(std::optional<WallTime> valid_until, WallTime now,
                     std::chrono::milliseconds grace) {
  if (!valid_until || now < *valid_until) return Standing::kGood;
  return now < *valid_until + grace ? Standing::kExpired : Standing::kShutOut;
}

std::optional<WallTime> next_turn(std::optional<WallTime> valid_until, WallTime now,
                                  std::chrono::milliseconds grace) {
  switch (standing_at(valid_until, now, grace)) {
    case Standing::kGood:
      return valid_until;
    case Standing::kExpired:
      return *valid_until + grace;
    case Standing::kShutOut:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace sixpn
