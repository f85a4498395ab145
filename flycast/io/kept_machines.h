// KeptMachines: connections to machines of this host that have answered a request and may carry
// another. Only where limits count requests: an idle one holds no ticket there, for the machine's
// service counts what it works on. One is used again only for the same client: no two ever share
// one, and the machine may go on trusting its source address.
//
// It does not admit: whoever takes one has a ticket already. Called by MachineCall
// for requests of this host's clients and of others', and by whoever has read a response to its
// end. Loop thread. Limits: kMaxOfKey, kMaxInAll, kIdle, and kKeptBriefly of more than
// kOfKeyAtRest; the oldest goes first.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>

#include "base/io/event_loop.h"
#include "base/ip.h"
#include "flycast/io/early_timer.h"

namespace sixpn::flycast {

class HttpStream;

class KeptMachines {
 public:
  // Fewer than one client has requests at once, and the rest would connect anew each time.
  static constexpr std::size_t kMaxOfKey = 2048;
  static constexpr std::size_t kMaxInAll = 4096;
  static constexpr std::size_t kOfKeyAtRest = 64;
  // As Fly's proxy does (fly.md 4.1).
  static constexpr Duration kIdle = std::chrono::seconds(4);

  // What the connection is.
  struct Key {
    Ip6 client;
    Ip6 source;  // as the machine sees it
    IpEndpoint machine;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  explicit KeptMachines(EventLoop& loop);
  ~KeptMachines();
  KeptMachines(const KeptMachines&) = delete;
  KeptMachines& operator=(const KeptMachines&) = delete;

  // The one used last on which nothing has come, no end either; null when there is none.
  std::unique_ptr<HttpStream> take(const Key& key);
  // Its last response is whole and its request was sent whole. `most`: of all of them, if less than
  // kMaxInAll.
  void keep(const Key& key, std::unique_ptr<HttpStream> stream, std::size_t most);
  void clear();
  [[nodiscard]] std::size_t size() const { return by_age_.size(); }

 private:
  struct Kept;
  using Place = std::list<Kept>::iterator;
  using Places = std::list<Place>;  // the oldest first
  struct Kept {
    Key key;
    std::unique_ptr<HttpStream> stream;
    Instant since{};
    Places::iterator of_key;
  };

  std::unique_ptr<HttpStream> remove(Place place);
  void drop(Place place);
  void expire();

  std::list<Kept> by_age_;  // the oldest first
  std::map<Key, Places> by_key_;
  EarlyTimer expiry_;
};

}  // namespace sixpn::flycast
