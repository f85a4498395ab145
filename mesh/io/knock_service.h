// KnockService: the knock's UDP socket, the one thing of sixpn that listens outside the tunnel
// (DESIGN section 4). Answers hosts that knock here, and knocks elsewhere for as long as this host
// has no contact: at the seeds it was enrolled with and at the hosts of the registry. What is
// accepted, refused and when is decided in mesh/core/knock_gate.h and mesh/core/knocker.h;
// admitting a host to the registry is the agent's.
//
// Control loop only. Bounds: see the two cores; a refusal is logged in one sentence, at most one a
// second after a burst.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/ip.h"
#include "base/result.h"
#include "mesh/io/identity_store.h"
#include "registry/core/signed_record.h"
#include "registry/core/snapshot.h"

namespace sixpn {
class EventLoop;
}

namespace sixpn::mesh {

struct GateCounters;
struct KnockerCounters;

inline constexpr std::uint16_t kKnockPort = 51821;

struct KnockCallbacks {
  // A host knocked here and is accepted: admit its record. `observed` is where its knock came from,
  // an address that whoever replays a knock could choose: a hint for WireGuard, which authenticates
  // anew.
  std::function<void(SignedRecordPtr host_record, IpEndpoint observed)> on_admit;
  // This host's newest signed host record; nullptr while there is none (then nothing is sent).
  std::function<SignedRecordPtr()> own_record;
  // Another host accepted this one. `observed_self`: the underlay address it sees this host at.
  std::function<void(SignedRecordPtr peer_record, Ip6 observed_self)> on_accepted;
  // A host knocked under another certificate than its id is known by, and was refused.
  std::function<void(const HostCertificate& refused)> on_second_enrolment;
  // Another host refused this one, with the reason in a sentence. Knocking goes on elsewhere.
  std::function<void(const std::string& reason)> on_refused;
};

class KnockService {
 public:
  KnockService(EventLoop& loop, const Identity& identity, KnockCallbacks callbacks,
               std::uint16_t port = kKnockPort);
  ~KnockService();
  KnockService(const KnockService&) = delete;
  KnockService& operator=(const KnockService&) = delete;

  // Opens [::]:port (IPv6 and IPv4; port 0: any free one) and starts to knock, as long as
  // set_connected(true) has not been called. Errors: the port is taken, no permission.
  Result<void> start();
  [[nodiscard]] std::uint16_t port() const;

  // Until the first snapshot, knocks from others are dropped: there is nothing to judge them by.
  void set_snapshot(SnapshotPtr snapshot);
  // Whether this host has an alive peer. False (the initial state) knocks with backoff up to 30 s.
  void set_connected(bool connected);
  // Starts over at once, without waiting for the backoff.
  void knock_seeds();
  // Knocks at one host now, connected or not (its WireGuard key rotated, it came back after long).
  void knock(const HostRecord& host);

  // The newest refusal of this host by another, for `sixpnd --join` to print.
  [[nodiscard]] const std::optional<std::string>& last_refusal() const;
  [[nodiscard]] const GateCounters& gate_counters() const;
  [[nodiscard]] const KnockerCounters& knocker_counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::mesh
