// SilenceTeller: tells other hosts' proxies, each over a stream that it opened for this, that a
// machine of this host acknowledges nothing any more (preamble.h, Silence): they see a hop whose
// kernel acknowledges everything. What is told is advice; one that does not take it in time is not
// told any more, and asks anew.
//
// It does not judge: relays and exchanges see the silence, ProxyState calls this. Loop thread.
// Limits: kMaxListeners, one stream of each host, the newest; the same machine to all of them once
// in kPause.
#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "flycast/io/relays.h"

namespace sixpn::flycast {

class SilenceTeller {
 public:
  static constexpr std::size_t kMaxListeners = 256;
  static constexpr Duration kPause = std::chrono::milliseconds(250);

  explicit SilenceTeller(EventLoop& loop) : loop_(loop) {}
  SilenceTeller(const SilenceTeller&) = delete;
  SilenceTeller& operator=(const SilenceTeller&) = delete;

  // That host listens on `line`, whose preamble was answered.
  void add(HostId host, Fd line);
  // The host that asked hears which of its streams shows it; the others hear of the machine.
  void tell(const MachineEnd& silent, Instant now);
  // That host is dead, and so is its line.
  void forget(HostId host) { lines_.erase(host); }
  void stop();  // closes all; idempotent

  [[nodiscard]] std::size_t listeners() const { return lines_.size(); }

 private:
  struct Line {
    Fd stream;
    std::unique_ptr<FdWatch> watch;  // for its end
  };

  bool is_news(const ServiceKey& machine, Instant now);
  void send_to(HostId host, const std::string& frame);

  EventLoop& loop_;
  std::map<HostId, Line> lines_;
  std::map<ServiceKey, Instant> told_;  // to all, within kPause
};

}  // namespace sixpn::flycast
