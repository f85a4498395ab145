// ForwardExchange: one question on its way upstream with the forwarder: who waits for it, which
// upstreams were tried and what they said; and all of them, by number and by question. Values of
// forwarder.cc, on the forward loop, which bounds them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "dns/core/foreign_query.h"
#include "dns/core/forward.h"
#include "dns/io/forward_client.h"

namespace sixpn::dns {

// A client that waits.
struct ForwardWaiter : ForwardClient {
  std::function<void(std::string)> done;
};

struct ForwardExchange {
  std::uint64_t serial = 0;
  ForeignQuery query;  // of who asked first
  std::uint16_t group = 0;
  std::uint64_t hash = 0;
  std::string spelling;  // upstream
  std::vector<ForwardWaiter> waiters;
  bool prefetch = false;
  bool is_claimed = false;         // AskedQuestions: by this one
  std::vector<std::size_t> order;  // of upstreams
  std::size_t tried = 0;           // how many times any was
  std::size_t pending = 0;         // tries without an outcome yet
  bool direct_pending = false;     // one of these is a worker's
  Instant next_try{}, stale_at{}, deadline{};
  bool exhausted = false;            // no further try
  Rcode failure = Rcode::kServFail;  // what the last upstream that failed said
  bool has_failure = false;          // one did
  bool wants_tcp = false;            // one answered over UDP what has to be asked over TCP

  [[nodiscard]] ForwardKey key() const { return key_of(query, group); }
  // Why there is no answer.
  [[nodiscard]] Telling failed() const {
    if (has_failure) return upstream_failed();
    if (wants_tcp)
      return {.why = ExtendedErrorCode::kNetworkError,
              .text = "an upstream resolver's answer was cut or changed, and none came over TCP"};
    return unreachable("no upstream resolver answered");
  }
};

class ForwardExchanges {
 public:
  // Gives it its serial.
  ForwardExchange& add(std::unique_ptr<ForwardExchange> fresh) {
    ForwardExchange& added = *fresh;
    added.serial = ++last_serial_;
    by_hash_.emplace(added.hash, &added);
    all_.emplace(added.serial, std::move(fresh));
    return added;
  }
  // Null: there is none.
  [[nodiscard]] ForwardExchange* find(std::uint64_t serial) const {
    auto found = all_.find(serial);
    return found == all_.end() ? nullptr : found->second.get();
  }
  [[nodiscard]] ForwardExchange* find(const ForwardKey& key, std::uint64_t hash) const {
    auto found = by_hash_.find(hash);
    return found != by_hash_.end() && found->second->key() == key ? found->second : nullptr;
  }
  std::unique_ptr<ForwardExchange> take(ForwardExchange& ended) {
    auto by_hash = by_hash_.find(ended.hash);
    if (by_hash != by_hash_.end() && by_hash->second == &ended) by_hash_.erase(by_hash);
    auto taken = std::move(all_.at(ended.serial));
    all_.erase(ended.serial);
    return taken;
  }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [serial, exchange] : all_) visit(*exchange);
  }
  [[nodiscard]] bool empty() const { return all_.empty(); }

 private:
  std::uint64_t last_serial_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<ForwardExchange>> all_;  // by serial
  std::unordered_map<std::uint64_t, ForwardExchange*> by_hash_;  // those that can be joined
};

}  // namespace sixpn::dns
