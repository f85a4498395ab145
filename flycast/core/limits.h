// OpenCounts: exact counts of what is open per key, with a limit at admission. A Ticket holds one
// unit and gives it back when destroyed, so no path can forget to. Used for the owner's admission
// (open connections per machine and service), for the client side's own connections, and per client
// address. Pure; one thread at a time: what loops share, io/guarded.h guards. Memory: one entry per
// key with something open.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/ids.h"

namespace sixpn::flycast {

// A service of a machine, as limits and load count it.
struct ServiceKey {
  MachineId machine;
  std::uint16_t internal_port = 0;
  friend constexpr auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
};

template <class Key>
class OpenCounts {
  struct Counts {
    std::map<Key, std::uint32_t> open;
    std::function<void(const Key&)> freed;
  };

 public:
  class Ticket {
   public:
    Ticket() = default;  // holds nothing
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept {
      Ticket dropped(std::move(*this));
      counts_ = std::move(other.counts_);
      key_ = other.key_;
      return *this;
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
      if (!counts_) return;
      auto held = counts_->open.find(key_);
      if (--held->second == 0) counts_->open.erase(held);
      if (counts_->freed) counts_->freed(key_);
    }

   private:
    friend class OpenCounts;
    Ticket(std::shared_ptr<Counts> counts, const Key& key)
        : counts_(std::move(counts)), key_(key) {}
    std::shared_ptr<Counts> counts_;
    Key key_{};
  };

  // Nothing when `limit` units are open already; limit 0 means none. Nor when the gate says no.
  std::optional<Ticket> admit(const Key& key, std::uint32_t limit) {
    if (limit != 0 && open(key) >= limit) return std::nullopt;
    if (gate_ && !gate_(key)) return std::nullopt;
    ++counts_->open[key];
    return Ticket(counts_, key);
  }

  // Asked for every unit that the limit leaves room for. Null: all pass.
  void set_gate(std::function<bool(const Key&)> gate) { gate_ = std::move(gate); }
  // Told of every unit that is given back, from inside the destructor of its ticket. Null: nobody.
  void on_free(std::function<void(const Key&)> freed) { counts_->freed = std::move(freed); }

  [[nodiscard]] std::uint32_t open(const Key& key) const {
    auto found = counts_->open.find(key);
    return found == counts_->open.end() ? 0 : found->second;
  }
  // Keys with something open, ascending, and how much.
  [[nodiscard]] const std::map<Key, std::uint32_t>& all() const { return counts_->open; }
  [[nodiscard]] std::size_t keys() const { return counts_->open.size(); }

 private:
  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
  std::function<bool(const Key&)> gate_;
};

using ServiceCounts = OpenCounts<ServiceKey>;

}  // namespace sixpn::flycast
