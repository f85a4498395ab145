// KeptStreams: connections at rest between two exchanges of HTTP, by what makes them fit for the
// next one: to machines of this host (kept_machines.h), to other hosts' proxies (rested_links.h).
// Their streams stay with the loop's poller: to keep one and to take it again costs no system call
// but a look whether it is still quiet. One on which something comes meanwhile, its end too, is
// closed at once. Loop thread. Limits: KeptLimits, and kKeptBriefly of more than at_rest; the
// oldest goes first.
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

struct KeptLimits {
  std::size_t of_key = 0;  // fewer than are in use at once, and the rest would connect anew
  std::size_t in_all = 0;
  std::size_t at_rest = 0;  // of one key, for longer than kKeptBriefly
  Duration idle{};          // zero: none is kept
};

// Connections to a machine of this host.
struct KeptMachineKey {
  Ip6 client;
  Ip6 source;  // as the machine sees it
  IpEndpoint machine;
  friend auto operator<=>(const KeptMachineKey&, const KeptMachineKey&) = default;
};

template <class Key>
class KeptStreams {
 public:
  KeptStreams(EventLoop& loop, const KeptLimits& limits);
  ~KeptStreams();
  KeptStreams(const KeptStreams&) = delete;
  KeptStreams& operator=(const KeptStreams&) = delete;

  // The one used last on which nothing has come, no end either; null when there is none.
  std::unique_ptr<HttpStream> take(const Key& key);
  // Nothing is left to read or to send of its last exchange. `most`: of all of them, if less than
  // the limit.
  void keep(const Key& key, std::unique_ptr<HttpStream> stream, std::size_t most);
  void drop_all_of(const Key& key);
  void clear();
  [[nodiscard]] std::size_t size() const { return by_age_.size(); }

 private:
  struct Kept;
  using Place = typename std::list<Kept>::iterator;
  using Places = std::list<Place>;  // the oldest first
  struct Kept {
    Key key;
    std::unique_ptr<HttpStream> stream;
    Instant since{};
    typename Places::iterator of_key;
  };

  std::unique_ptr<HttpStream> remove(Place place);
  void drop(Place place);
  void expire();

  KeptLimits limits_;
  std::list<Kept> by_age_;  // the oldest first
  std::map<Key, Places> by_key_;
  EarlyTimer expiry_;
};

extern template class KeptStreams<KeptMachineKey>;
extern template class KeptStreams<IpEndpoint>;

}  // namespace sixpn::flycast
