// MachineCall: asks a machine of this host for a connection, for a client of this host or for
// another host's proxy: admission, a place in line, the start of one that sleeps, and the connect;
// for an exchange a kept connection will do. It is what HopCall is for machines elsewhere. Calls
// back exactly once; destroying it cancels. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/ids.h"
#include "base/time.h"
#include "flycast/core/limits.h"
#include "flycast/core/preamble.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/kept_machines.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

struct MachineRequest {
  Preamble preamble;
  HostId asked_by{};           // whose proxy asks; HostId{}: this one
  std::uint16_t hop_port = 0;  // of its end, see MachineEnd
  // The socket of who asks: what has come over it already goes to the machine at once. -1: none.
  int speaker = -1;
  bool has_spoken = false;  // what was read of it does
  bool for_relay = false;   // joined with the speaker's stream, unless it is kept
  bool fresh = false;       // a kept connection will not do
  Duration connect_timeout{};
  Duration waited_timeout{};  // the same, of one that had to wait for its place
  Instant wake_until{};       // for the start and the port of one that sleeps
  // Asked when it has waited for its place: false is kLimit. Empty: always wanted.
  std::function<bool()> is_wanted;
};

struct MachineOutcome {
  HopStatus status = HopStatus::kOk;  // or why there is no connection
  int error = 0;                      // with kConnectFailed
  Fd stream;                          // none where it was only to be started (Wake::kStart)
  std::unique_ptr<HttpStream> kept;   // or this, which has carried exchanges before
  AdmissionTicket admission;
  // Granted: it counts for one exchange, and then can be kept under this name.
  std::optional<KeptMachines::Key> keep_as;
  MachineEnd end;      // nobody's where the machine was not even admitted to
  bool woken = false;  // it slept, or its port was not open yet
};

class MachineCall {
 public:
  using Done = std::function<void(MachineOutcome)>;

  // `state` must outlive it.
  MachineCall(ProxyState& state, MachineRequest request, Done done);
  ~MachineCall();
  MachineCall(const MachineCall&) = delete;
  MachineCall& operator=(const MachineCall&) = delete;

  // Once. May call back before it returns; the callback may destroy the call.
  void start();
  // For a place, or for a machine that starts.
  [[nodiscard]] bool is_waiting() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
