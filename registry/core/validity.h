// Validity: until when a host's certificate is good, and what follows from it at a given time
// (decisions/0024). Judged by time, when snapshots are built, knocks are answered and members are
// counted; never when records merge, so that all stores stay equal. Pure values.
//
//   invited ... valid_until: good | + grace: expired, reported, nothing is cut | after: shut out
//
// A host that is shut out is treated like a revoked one, until a renewal arrives. Revocation is for
// ever.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/certificate.h"
#include "registry/core/record.h"

namespace sixpn {

// An expired certificate cuts nothing for so long. The same on all hosts of a cluster.
inline constexpr std::chrono::milliseconds kCertificateGrace = std::chrono::hours(7 * 24);
// The end of a certificate is announced from so long before.
inline constexpr std::chrono::milliseconds kExpiryNotice = std::chrono::hours(30 * 24);

enum class Standing : std::uint8_t { kGood = 1, kExpired, kShutOut };
std::string_view to_string(Standing standing);  // "good", "expired", "shut out"

// `renewal` may be null; it counts only for the certificate that it names. Nothing: for ever.
std::optional<WallTime> valid_until(const HostCertificate& certificate,
                                    const RenewalRecord* renewal);

Standing standing_at(std::optional<WallTime> valid_until, WallTime now,
                     std::chrono::milliseconds grace);
// When standing_at() gives the next other answer; nothing when it never will.
std::optional<WallTime> next_turn(std::optional<WallTime> valid_until, WallTime now,
                                  std::chrono::milliseconds grace);

}  // namespace sixpn
