// LoadView: what this host believes of machines it balances over: how loaded they are, how quickly
// they answer, which of them failed. Knowledge is its own open connections (exact) and what owners
// put on their answers (true then, stale soon). Advisory: it orders choices and spares questions
// whose answer is known; the owner decides. Pure; one thread at a time.
//
// The rule and its simulation: a report counts all connections of the machine, of which some were
// ours; the estimate moves with ours since. Old reports fade, so that an idle view does not repel
// for ever (decisions/0105, tests/sim/balance).
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/rng.h"
#include "base/time.h"
#include "flycast/core/ejection.h"
#include "flycast/core/limits.h"
#include "flycast/core/load_report.h"
#include "flycast/core/peak_ewma.h"

namespace sixpn::flycast {

// One service of one machine.
class MachineLoad {
 public:
  // A report is trusted as a gate this long; after it the owner has to be asked again.
  static constexpr Duration kFresh = std::chrono::seconds(2);
  // Then what others hold on the machine, by the report, halves in every such span.
  static constexpr Duration kHalfLife = std::chrono::seconds(5);
  // A machine that was full stays so for this long in our eyes, although one of ours ended: who
  // else is refused there takes the place as soon.
  static constexpr Duration kStaysFull = std::chrono::milliseconds(6);
  // Its owner said that it is not to be had (stopped, cordoned, moved): the registry will say so
  // here within this time.
  static constexpr Duration kTurnedAway = std::chrono::seconds(1);

  // The owner's answer, refusal or not. One that another has overtaken changes nothing.
  void on_report(const LoadReport& report, Instant now);
  // The machine is of this host: its owner is this proxy, and this the truth. Nothing: it is not.
  void set_exact(std::optional<std::uint32_t> open) { exact_ = open; }
  void on_success(Duration took, Instant now);
  void on_connect_failure(Instant now, Rng& rng);
  // A reset before any reply, or a 5xx. `pause`: its Retry-After, or zero.
  void on_bad_reply(Duration pause, Instant now, Rng& rng);
  // It acknowledges nothing of what was sent to it: it is out at once, and kept connections to it
  // are worth nothing until it is back.
  void on_silence(Instant now, Rng& rng);
  // It took a connection, of whomever.
  void on_connected() { ejection_.on_success(); }
  void on_turned_away(Instant now) { away_until_ = now + kTurnedAway; }
  // It came back, started anew: what was learnt is about another process.
  void forget();

  // Connections open on it, as far as is known; at least our own.
  [[nodiscard]] double estimate(Instant now) const;
  // Certainly at the limit: by our own count, or by a fresh report. hard_limit 0: never.
  [[nodiscard]] bool at_limit(std::uint32_t hard_limit, Instant now) const;
  [[nodiscard]] bool is_out(Instant now) const {
    return ejection_.is_out(now) || now < away_until_;
  }
  [[nodiscard]] bool is_silent(Instant now) const { return now < silent_until_; }
  [[nodiscard]] Instant out_until() const { return std::max(ejection_.until(), away_until_); }
  [[nodiscard]] const PeakEwma& latency() const { return latency_; }
  [[nodiscard]] std::uint32_t own() const { return own_; }
  // The last report and when it came.
  [[nodiscard]] const std::optional<std::pair<LoadReport, Instant>>& report() const {
    return report_;
  }

 private:
  friend class LoadView;
  [[nodiscard]] bool is_news(const LoadReport& report, Instant now) const;
  // What others hold, when the report was made.
  [[nodiscard]] double others() const;

  std::uint32_t own_ = 0;
  std::uint32_t own_at_report_ = 0;
  std::optional<std::uint32_t> exact_;
  std::optional<std::pair<LoadReport, Instant>> report_;
  PeakEwma latency_;
  Ejection ejection_;
  Instant away_until_ = Instant::min();
  Instant silent_until_ = Instant::min();
  Instant used_ = Instant::min();
};

class LoadView {
 public:
  using Entry = std::shared_ptr<MachineLoad>;
  // Beyond it, the entry goes that nobody holds and that was used least lately.
  static constexpr std::size_t kMaxEntries = 16384;
  // The same, of hosts.
  static constexpr std::size_t kMaxHosts = 4096;

  // Counts a connection or request of ours, from its attempt to its end.
  class Ticket {
   public:
    Ticket() = default;  // counts nothing
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept {
      Ticket dropped(std::move(*this));
      counted_ = std::move(other.counted_);
      return *this;
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
      if (counted_) --counted_->own_;
    }

   private:
    friend class LoadView;
    explicit Ticket(Entry counted) : counted_(std::move(counted)) { ++counted_->own_; }
    Entry counted_;
  };

  // Made when there is none.
  Entry entry(const ServiceKey& key, Instant now);
  // Null when there is none: nobody here has asked for it.
  [[nodiscard]] Entry find(const ServiceKey& key) const;
  [[nodiscard]] Ticket open(const ServiceKey& key, Instant now) { return Ticket(entry(key, now)); }
  [[nodiscard]] static Ticket open(Entry entry) { return Ticket(std::move(entry)); }

  using HostEntry = std::shared_ptr<Ejection>;
  // Made when there is none.
  HostEntry host_entry(HostId host);
  // The proxy of a host did not answer in time: all of its machines are out, at the first time.
  void on_host_failure(HostId host, Instant now, Rng& rng);
  void on_host_success(HostId host);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::map<ServiceKey, Entry> entries_;
  std::map<HostId, HostEntry> hosts_;
};

}  // namespace sixpn::flycast
