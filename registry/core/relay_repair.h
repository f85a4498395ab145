// RelayRepair: what changed lately, by digest, so that hosts which the trees missed find out within
// a few hundred milliseconds: every tick one other host is told what is here (IHAVE) and asks for
// what it lacks (PULL). It also recognises records that were seen before, ahead of any decoding.
//
// Not anti-entropy, which compares whole stores: this forgets. A pure value; owned by Gossip,
// control loop only. Bounded by the constants below.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/signed_record.h"

namespace sixpn::registry {

inline constexpr Duration kRepairInterval = std::chrono::milliseconds(150);
// Told from this age (the trees had their chance) up to that one.
inline constexpr Duration kRepairFrom = std::chrono::milliseconds(200);
inline constexpr Duration kRepairUntil = std::chrono::milliseconds(2500);
inline constexpr Duration kAskAgain = std::chrono::milliseconds(300);
inline constexpr std::size_t kMaxSeen = 2048;  // digests remembered
inline constexpr std::size_t kMaxAsked = 256;
inline constexpr std::size_t kMaxAskedHosts = 256;
inline constexpr std::size_t kMaxAnswers = 256;  // records handed out per kRepairInterval

// The first 8 bytes of a record's digest, little-endian.
using RecordHead = std::uint64_t;
RecordHead record_head(const RecordDigest& digest);

class RelayRepair {
 public:
  // A record that is in the store now. `news`: worth telling, because it came by push, pull or
  // from here; false: only to be recognised.
  void learn(Instant now, const SignedRecordPtr& record, bool news);
  // One that the store holds a newer version of.
  void learn_old(const SignedRecordPtr& record);
  // Whether it is in the store, or was refused as old. A record that the store let go of (its
  // writer's certificate changed) is unknown again.
  [[nodiscard]] bool knows(RecordHead head) const;

  // Whether there is, or soon will be, something to tell.
  [[nodiscard]] bool has_news(Instant now) const;
  // Of which networks there is something to tell (0: of what everybody holds), ascending.
  [[nodiscard]] std::vector<NetworkId> networks(Instant now) const;
  // At most `most` heads to tell to somebody who wants what `wanted` says of a network, those told
  // longest ago first.
  std::vector<RecordHead> news(Instant now, std::size_t most,
                               const std::function<bool(NetworkId)>& wanted);
  // Of the heads another host told: those to ask it for; they are not asked for again for
  // kAskAgain.
  std::vector<RecordHead> lacking(Instant now, const std::vector<RecordHead>& heads);
  // Whether a writer's host record is to be asked for: of the first two pushes that need it, then
  // not for kAskAgain.
  [[nodiscard]] bool lacks_host(Instant now, HostId host);
  // Whether one more record may be handed out now; counts it.
  [[nodiscard]] bool admits_answer(Instant now);
  // The record, while it is still the newest of its slot; nothing over the limit of answers.
  SignedRecordPtr find(Instant now, RecordHead head);

  [[nodiscard]] std::uint64_t refused() const { return refused_; }  // answers over the limit
  [[nodiscard]] bool check_invariants() const;

 private:
  struct Told {
    Instant learnt;
    RecordHead head;
    NetworkId network{};      // interest_network()
    std::uint64_t round = 0;  // in which it was last told
  };
  struct Seen {
    std::weak_ptr<const SignedRecord> record;
    bool old;
  };
  Seen& remember(const SignedRecordPtr& record);
  [[nodiscard]] bool is_ripe(const Told& told, Instant now) const;

  std::unordered_map<RecordHead, Seen> seen_;  // never iterated
  std::deque<RecordHead> order_;               // of seen_, oldest first
  std::deque<Told> news_;                      // oldest first
  std::uint64_t round_ = 0;
  std::deque<Told> asked_;
  std::deque<std::pair<Instant, HostId>> asked_hosts_;
  Instant answering_{};
  std::size_t answers_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace sixpn::registry
