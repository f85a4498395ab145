// AdmissionLine: the owner's admission to its machines, with those who wait for it: counts
// (limits.h) and order (core/admission_queue.h) brought together on the loop, so that a place which
// comes free goes to who waits and never beside them. Loop thread. Limits: AdmissionQueue's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/io/event_loop.h"
#include "flycast/core/admission_queue.h"
#include "flycast/core/limits.h"

namespace sixpn::flycast {

class AdmissionLine {
 public:
  // The place, or nothing: refused. Once, never from inside join().
  using Done = std::function<void(std::optional<ServiceCounts::Ticket>)>;

  // Somebody in the line; destroying it is leaving.
  class Place {
   public:
    Place(AdmissionLine& line, const ServiceKey& key, AdmissionQueue::WaiterId id)
        : line_(line), key_(key), id_(id) {}
    ~Place() { line_.leave(key_, id_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    AdmissionLine& line_;
    ServiceKey key_;
    AdmissionQueue::WaiterId id_;
  };

  // `counts` must outlive it; it takes over their on_free.
  AdmissionLine(EventLoop& loop, ServiceCounts& counts);
  ~AdmissionLine();
  AdmissionLine(const AdmissionLine&) = delete;
  AdmissionLine& operator=(const AdmissionLine&) = delete;

  // A place at once, unless the limit is reached or others wait.
  std::optional<ServiceCounts::Ticket> admit(const ServiceKey& key, std::uint32_t hard_limit);
  // Nothing: the line is full too. `asker`: the host whose proxy asks.
  std::unique_ptr<Place> join(const ServiceKey& key, std::uint32_t hard_limit, HostId asker,
                              Done done);
  [[nodiscard]] std::uint32_t length(const ServiceKey& key) const { return queue_.length(key); }
  // Who ever joined.
  [[nodiscard]] std::uint64_t joined() const { return joined_; }
  // Of those, and of those who could not: refused for want of a place.
  [[nodiscard]] std::uint64_t refused() const { return queue_.refused(); }

 private:
  struct Waiter {
    std::uint32_t hard_limit = 0;
    Done done;
  };
  void leave(const ServiceKey& key, AdmissionQueue::WaiterId id);
  void arm_turn();
  void hand_out();
  void hand_out(const ServiceKey& key, std::vector<Done>& refused);
  void expire();

  ServiceCounts& counts_;
  AdmissionQueue queue_;
  std::map<AdmissionQueue::WaiterId, Waiter> waiters_;
  AdmissionQueue::WaiterId last_id_ = 0;
  std::uint64_t joined_ = 0;
  // Since the last turn.
  std::set<ServiceKey> freed_;  // with somebody waiting
  std::vector<Done> gave_way_;  // to be told
  LoopTimer turn_;
  LoopTimer expiry_;
};

}  // namespace sixpn::flycast
