// Waker: starts sleeping machines of this host for the connections that wait for them. One start
// per machine however many wait; then one of the waiting, at a time, tries its connection over and
// over until the machine's port is open, and all others follow. So a machine sees no connection
// that is nobody's, and a thousand clients cost one connect per try. It judges no client
// (core/admission.h) and runs no machine (machine_starts.h, which the wakers of all loops share).
//
// A WakeCall is one that waits: calls back exactly once, never from its constructor; destroying it
// cancels. Loop thread. Bounded by the sessions that wait (FlycastOptions::max_sessions).
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "flycast/core/limits.h"
#include "flycast/core/preamble.h"
#include "flycast/io/machine_starts.h"
#include "flycast/io/stream_connector.h"

namespace sixpn::flycast {

// Between two tries of a port that is closed yet: from the first to the last, half as long again
// each time.
inline constexpr Duration kFirstProbePause = std::chrono::milliseconds(1);
inline constexpr Duration kLastProbePause = std::chrono::milliseconds(20);
// One try, where the machine does not even refuse.
inline constexpr Duration kProbeTimeout = std::chrono::seconds(1);

struct WakeRequest {
  NetworkId network;
  ServiceKey key;
  ConnectRequest connect;  // its timeout covers the start and the wait for the port
};

struct WakeOutcome {
  HopStatus status = HopStatus::kOk;  // kOk, kStartFailed, kConnectFailed
  Fd stream;
  int error = 0;    // with kConnectFailed
  std::string why;  // with kStartFailed: a sentence
};

class WakeCall;

class Waker {
 public:
  // `table` is read whenever a port stays closed, to see a machine that ended instead.
  Waker(EventLoop& loop, const ServiceTable& table, MachineStarts& starts);
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Somebody waits for that machine's port, on this loop or another: whoever else wants it, waits
  // too.
  [[nodiscard]] bool is_waking(const ServiceKey& key) const { return starts_.is_waking(key); }
  // Starts a machine and waits for nothing: `done` when it runs.
  void start_only(MachineId machine, std::function<void(Result<void>)> done);
  // Why a sleeping machine is not woken for this preamble; nothing when it may be, or is already.
  [[nodiscard]] std::optional<HopStatus> refusal(const Preamble& preamble,
                                                 const ServiceKey& key) const;

 private:
  friend class WakeCall;
  struct Call;
  struct Entry;

  void join(const std::shared_ptr<Call>& call);
  void leave(Call& call);
  void on_started(const ServiceKey& key, std::uint64_t number, const Result<void>& outcome);
  void probe(const ServiceKey& key);
  void on_probed(const ServiceKey& key, std::uint64_t number, ConnectOutcome outcome);
  void fail(const ServiceKey& key, const std::string& why);
  [[nodiscard]] const MachineRecord* find(NetworkId network, MachineId machine) const;
  [[nodiscard]] bool has_ended(const Entry& entry, const ServiceKey& key) const;

  EventLoop& loop_;
  const ServiceTable& table_;
  MachineStarts& starts_;
  std::map<ServiceKey, std::unique_ptr<Entry>> entries_;
  std::uint64_t last_number_ = 0;  // of entries
  std::shared_ptr<Waker*> alive_;  // what completions from other loops look at
};

class WakeCall {
 public:
  using Done = std::function<void(WakeOutcome)>;
  WakeCall(Waker& waker, const WakeRequest& request, Done done);
  ~WakeCall();
  WakeCall(const WakeCall&) = delete;
  WakeCall& operator=(const WakeCall&) = delete;

 private:
  std::shared_ptr<Waker::Call> call_;
};

}  // namespace sixpn::flycast
