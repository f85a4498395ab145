// AdmissionQueue: who waits for a place on a machine of this host that is at its hard limit. Only
// those wait whose own proxy has no other machine to ask. Bounded in length (as many as the limit,
// at most kMostWaiting) and in time; when the wait stands above kTarget for kInterval, some are
// refused before their time, the newest first: who waited longest is next (CoDel's control law, RFC
// 8289, on the other end of the queue). It is shared by the hosts whose proxies ask: who is
// refused, because the queue is full or stands, is the newest of the host with most places. It
// holds no counts: admission is OpenCounts', and a place that comes free is offered here before
// anybody new gets it. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "flycast/core/limits.h"

namespace sixpn::flycast {

class AdmissionQueue {
 public:
  using WaiterId = std::uint64_t;

  static constexpr std::size_t kMostWaiting = 64;  // per service of a machine
  static constexpr std::size_t kMostQueues = 4096;
  static constexpr Duration kLongestWait = std::chrono::seconds(1);
  static constexpr Duration kTarget = std::chrono::milliseconds(5);
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  struct Joined {
    bool waits = false;                // else it is refused
    std::optional<WaiterId> gave_way;  // who is refused in its stead
    explicit operator bool() const { return waits; }
  };
  // `waiter` is unique among all that wait; `asker`: the host whose proxy asks for it.
  Joined join(const ServiceKey& key, WaiterId waiter, std::uint32_t hard_limit, Instant now,
              HostId asker = {});
  // It went away. Harmless when it does not wait.
  void leave(const ServiceKey& key, WaiterId waiter);

  struct Turn {
    std::optional<WaiterId> admitted;  // who gets the place
    std::vector<WaiterId> refused;
  };
  // Whose turn it is; nothing when nobody waits.
  [[nodiscard]] std::optional<WaiterId> front(const ServiceKey& key) const;
  // A place came free: theirs.
  Turn on_free(const ServiceKey& key, Instant now);
  // Those who waited for kLongestWait.
  std::vector<WaiterId> expire(Instant now);
  // When the next one will have; kNever when nobody waits.
  [[nodiscard]] Instant next_expiry() const;

  [[nodiscard]] std::uint32_t length(const ServiceKey& key) const;
  [[nodiscard]] bool empty() const { return queues_.empty(); }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  struct Waiter {
    WaiterId id = 0;
    Instant since{};
    HostId asker;
  };
  struct Queue {
    std::deque<Waiter> waiting;
    Instant standing_at = kNever;  // when the wait will have been above kTarget for kInterval
    Instant next_drop{};           // while it stands
    int drops = 0;                 // since it stands
    [[nodiscard]] bool stands(Instant now) const { return now >= standing_at; }
  };
  // Whether one has to be refused now, and when the next.
  static bool drops_one(Queue& queue, Instant now);
  // Whoever gives way: the newest of a host with most places. To `asker`, only if its share is less
  // than that one's; without one, somebody does.
  static std::optional<WaiterId> make_place(Queue& queue, std::optional<HostId> asker);

  std::map<ServiceKey, Queue> queues_;  // none is empty
  std::uint64_t refused_ = 0;
};

}  // namespace sixpn::flycast
