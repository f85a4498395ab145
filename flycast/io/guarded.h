// Guarded: a value of a core that several loops use, behind a lock; and GuardedTicket, a unit of
// such counts (core/limits.h), which any loop may give back. Nobody does anything slow while
// holding the lock: no system call but what the value itself makes.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/ip.h"
#include "flycast/core/host_shares.h"
#include "flycast/core/limits.h"
#include "flycast/core/load_view.h"

namespace sixpn::flycast {

// Move-only. May outlive the counts it is of.
template <class Ticket>
class GuardedTicket {
 public:
  GuardedTicket() = default;  // holds nothing
  GuardedTicket(std::shared_ptr<std::mutex> guard, Ticket ticket)
      : guard_(std::move(guard)), ticket_(std::move(ticket)) {}
  GuardedTicket(GuardedTicket&&) noexcept = default;
  GuardedTicket& operator=(GuardedTicket&& other) noexcept {
    GuardedTicket dropped(std::move(*this));
    guard_ = std::move(other.guard_);
    ticket_ = std::move(other.ticket_);
    companion_ = std::move(other.companion_);
    return *this;
  }
  GuardedTicket(const GuardedTicket&) = delete;
  GuardedTicket& operator=(const GuardedTicket&) = delete;
  ~GuardedTicket() {
    if (!guard_) return;
    std::lock_guard lock(*guard_);
    Ticket given_back(std::move(ticket_));
  }

  // Something that is to live as long as what this ticket stands for.
  void keep(std::shared_ptr<const void> companion) { companion_ = std::move(companion); }

 private:
  std::shared_ptr<std::mutex> guard_;
  Ticket ticket_;
  std::shared_ptr<const void> companion_;
};

template <class Value>
class Guarded {
 public:
  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // What `use` returns, called with the value under the lock. Nothing that refers to the value may
  // be kept, unless it is only touched in here.
  template <class Use>
  auto with(Use use) {
    std::lock_guard lock(*guard_);
    return use(value_);
  }
  // A ticket of the value, to be given back under its lock.
  template <class Ticket>
  GuardedTicket<Ticket> guard(Ticket ticket) const {
    return {guard_, std::move(ticket)};
  }

 private:
  std::shared_ptr<std::mutex> guard_ = std::make_shared<std::mutex>();  // tickets may outlive this
  Value value_;
};

template <class Counts>
class GuardedCounts {
 public:
  using Ticket = GuardedTicket<typename Counts::Ticket>;

  // As Counts'.
  template <class... Args>
  std::optional<Ticket> admit(const Args&... args) {
    auto ticket = counts_.with([&](Counts& counts) { return counts.admit(args...); });
    if (!ticket) return std::nullopt;
    return counts_.guard(std::move(*ticket));
  }
  template <class Key>
  [[nodiscard]] auto open(const Key& key) {
    return counts_.with([&](Counts& counts) { return counts.open(key); });
  }

 private:
  Guarded<Counts> counts_;
};

using ClientCounts = OpenCounts<Ip6>;
using ClientTicket = GuardedCounts<ClientCounts>::Ticket;
using ShareTicket = GuardedCounts<HostShares>::Ticket;
using AdmissionTicket = GuardedTicket<ServiceCounts::Ticket>;
using LoadTicket = GuardedTicket<LoadView::Ticket>;

}  // namespace sixpn::flycast
