// Admissions: the owner's admission to the machines of this host, for all loops: exact counts
// (core/limits.h), who waits for a place (core/admission_queue.h) and which machines take nobody
// (core/machine_use.h), under one lock, so that a hard limit holds whatever loop asks, and a place
// that comes free goes to who waits and never beside them.
//
// Any thread, but for the constructor and destructor, which are the first loop's. Limits:
// AdmissionQueue's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/io/event_loop.h"
#include "flycast/core/admission_queue.h"
#include "flycast/core/limits.h"
#include "flycast/core/machine_use.h"
#include "flycast/core/meters.h"
#include "flycast/core/service_pool.h"
#include "flycast/io/guarded.h"

namespace sixpn::flycast {

class Admissions {
  struct Waiter;

 public:
  // The place, or nothing: refused. Once, on the loop that asked, never from inside join().
  using Done = std::function<void(std::optional<AdmissionTicket>)>;

  // Somebody in the line; destroying it, on its loop, is leaving.
  class Place {
   public:
    Place(Admissions& line, const ServiceKey& key, AdmissionQueue::WaiterId id,
          std::shared_ptr<Waiter> waiter)
        : line_(line), key_(key), id_(id), waiter_(std::move(waiter)) {}
    ~Place() { line_.leave(key_, id_, *waiter_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    Admissions& line_;
    ServiceKey key_;
    AdmissionQueue::WaiterId id_;
    std::shared_ptr<Waiter> waiter_;
  };

  // `home`: the loop that hands places out; it must outlive this.
  explicit Admissions(EventLoop& home);
  ~Admissions();
  Admissions(const Admissions&) = delete;
  Admissions& operator=(const Admissions&) = delete;

  // A place at once, unless the limit is reached or others wait, or the machine takes nobody.
  std::optional<AdmissionTicket> admit(const ServiceKey& key, std::uint32_t hard_limit);
  // Nothing: the line is full too. `loop`: who asks; `asker`: the host whose proxy asks.
  std::unique_ptr<Place> join(EventLoop& loop, const ServiceKey& key, std::uint32_t hard_limit,
                              HostId asker, Done done);

  [[nodiscard]] std::uint32_t open(const ServiceKey& key) const;
  [[nodiscard]] std::uint32_t length(const ServiceKey& key) const;
  // What is open, ascending.
  [[nodiscard]] std::map<ServiceKey, std::uint32_t> all() const;
  // Tells a pool's members of this host their exact load.
  void set_exact(ServicePool& pool, std::uint16_t internal_port) const;
  // Who ever joined the line; of those, and of those who could not: refused for want of a place.
  [[nodiscard]] std::uint64_t joined() const;
  [[nodiscard]] std::uint64_t refused() const;

  // What use(counts, machine use) returns, for who judges by both at once.
  template <class Judge>
  auto judge(Judge judge) {
    std::lock_guard lock(*guard_);
    return judge(std::as_const(counts_), use_);
  }
  // From now on it is given none, until release().
  void hold(MachineId machine);
  void release(MachineId machine);
  // What read(admission meter) returns.
  template <class Read>
  auto read_meter(Read read) {
    std::lock_guard lock(*guard_);
    return read(meter_);
  }

 private:
  struct Waiter {
    EventLoop& loop;
    std::uint32_t hard_limit = 0;
    Done done;
    bool left = false;  // on its loop
  };
  // What somebody is to be told.
  struct Answer {
    std::shared_ptr<Waiter> waiter;
    std::optional<AdmissionTicket> place;
  };

  void leave(const ServiceKey& key, AdmissionQueue::WaiterId id, Waiter& waiter);
  std::shared_ptr<Waiter> take(AdmissionQueue::WaiterId id);
  void ask_for_turn();
  void hand_out();
  void hand_out(const ServiceKey& key, std::vector<Answer>& answers);
  void arm_expiry();
  void expire();
  void tell(std::vector<Answer> answers);
  void at_home(void (Admissions::*what)());

  EventLoop& home_;
  std::shared_ptr<std::mutex> guard_ = std::make_shared<std::mutex>();  // tickets may outlive this
  // Under it, all down to the timer:
  ServiceCounts counts_;
  MachineUse use_;
  AdmissionMeter meter_;
  AdmissionQueue queue_;
  std::map<AdmissionQueue::WaiterId, std::shared_ptr<Waiter>> waiters_;
  AdmissionQueue::WaiterId last_id_ = 0;
  std::uint64_t joined_ = 0;
  // Since the last turn.
  std::set<ServiceKey> freed_;                     // with somebody waiting
  std::vector<std::shared_ptr<Waiter>> gave_way_;  // to be told
  LoopTimer expiry_;                               // home's
  std::shared_ptr<Admissions*> alive_ = std::make_shared<Admissions*>(this);
};

}  // namespace sixpn::flycast
