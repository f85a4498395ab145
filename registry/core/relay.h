// Relay: how news travels over the relay trees. It gathers what leaves for the same hosts within a
// few milliseconds, sends it as few datagrams, repeats what is not acknowledged, and after two
// repetitions takes over the duty of the host that does not answer. It owes acknowledgements for
// what it received; they ride on other datagrams or go together after kAckDelay.
//
// Inside the region a packet of records is repeated, and taken over, by its heads alone (a
// reminder): mostly the acknowledgement was lost, or the other tree brought it meanwhile. Who lacks
// something asks, and gets the packet a round trip later (decisions/0089).
//
// Not what is news: Gossip hands over only what was new and accepted here. Both trees' packets ask
// for a duty of their own, whichever comes first; each is done once per item and level, so nobody
// can make a host send more than the trees ask. Not which host is whose parent: relay_tree.h. Not
// repair of what both trees lost: relay_repair.h and anti-entropy.
//
// News of a machine travels on trees of those who want its network (decisions/0019): every host
// that does computes them from the same members and interests. Where all want it, on the trees of
// all.
//
// A pure state machine, driven by Gossip; control loop only. Tables are bounded by the constants
// below; what finds no room is sent without being tracked, or left to repair, and counted.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "registry/core/gossip_codec.h"
#include "registry/core/path_time.h"
#include "registry/core/relay_tree.h"
#include "registry/core/signed_record.h"
#include "registry/core/store.h"

namespace sixpn::registry {

// At least this long between two datagrams of one level. What comes alone goes at once; only what
// follows closely waits for company.
inline constexpr Duration kUrgentWindow = std::chrono::milliseconds(2);
inline constexpr Duration kNormalWindow = std::chrono::milliseconds(20);
inline constexpr Duration kAckDelay = std::chrono::milliseconds(3);
inline constexpr Duration kRotationTime = std::chrono::milliseconds(100);
// To the own region before anything was measured; otherwise path_time.h says when to repeat.
inline constexpr Duration kRepeatNear = std::chrono::milliseconds(30);
inline constexpr unsigned kRepeats = 2;
inline constexpr unsigned kReminders = 3;      // they come sooner than repetitions
inline constexpr unsigned kDirectRepeats = 5;  // in a small cluster, where nobody else helps
inline constexpr unsigned kMaxAdoptions = 3;   // of one packet, one after the other
// Above so many changes a second in the whole cluster, what is not urgent takes one tree only.
inline constexpr std::size_t kBusyRate = 400;
inline constexpr std::size_t kMaxBundles = 128;
inline constexpr std::size_t kMaxBundled = 1024;    // items of one bundle
inline constexpr std::size_t kMaxInFlight = 16384;  // (packet, receiver) pairs not acknowledged
inline constexpr std::size_t kMaxOwedAcks = 64;     // to one host
inline constexpr std::size_t kMaxDuties = 2048;     // items whose duties are remembered
inline constexpr std::size_t kMaxNetworkTrees = 1024;

// What one push carries.
struct PushContent {
  std::vector<MemberUpdate> updates;
  std::vector<SignedRecordPtr> records;
  std::optional<std::size_t> fragment;  // of its only record, which no datagram holds
  std::size_t bytes = 0;                // on the wire, at most
};

class Relay {
 public:
  // One packet: the same bytes for all receivers. With heads in its header it goes without content.
  struct Sending {
    PushHeader header;
    std::shared_ptr<const PushContent> content;
    std::vector<HostId> to;
  };
  struct Output {
    std::vector<Sending> sendings;
    std::vector<HostId> acks;  // hosts whose acknowledgements are due: see take_acks
  };
  struct Counters {
    std::uint64_t retried = 0;       // packets sent again, reminders among them
    std::uint64_t reminded = 0;      // reminders
    std::uint64_t asked_again = 0;   // packets whose receiver lacked them when reminded
    std::uint64_t adopted = 0;       // receivers served in place of one who did not answer
    std::uint64_t unanswered = 0;    // receivers given up
    std::uint64_t dropped_full = 0;  // a table was full
  };

  // `rng` is used here only, for the first sequence number: acknowledgements of an earlier life of
  // this host must not match.
  Relay(HostId self, Rng& rng);

  void set_members(std::vector<RelayMember> members, const std::string& own_region);
  [[nodiscard]] RelayTree& tree() { return tree_; }
  [[nodiscard]] const RelayTree& tree() const { return tree_; }
  // Who wants less than all, or null; must outlive this object, and its changes must be told.
  void set_interests(const Store::Interests* interests);
  // The network whose trees carry the news of this one's machines: 0, those of all, when all want
  // it.
  [[nodiscard]] NetworkId audience(NetworkId network);
  // Lives until the members or interests change, or trees of more networks than are kept are asked.
  [[nodiscard]] RelayTree& tree(NetworkId audience);

  // News of this host's own, to everybody.
  void originate(Instant now, const MemberUpdate& update);
  void originate(Instant now, const SignedRecordPtr& record, bool urgent);
  // News that came from `from` under `order`, for the first time.
  void pass_on(Instant now, HostId from, const PushHeader& order, const MemberUpdate& update);
  void pass_on(Instant now, HostId from, const PushHeader& order, const SignedRecordPtr& record,
               bool urgent);
  // The same item again: the duty of the other tree, if that is what this order asks. True when the
  // item is remembered.
  bool pass_on_again(Instant now, HostId from, const PushHeader& order, std::uint64_t item);
  [[nodiscard]] static std::uint64_t item_of(const MemberUpdate& update);
  [[nodiscard]] static std::uint64_t item_of(const SignedRecord& record);
  // Records for one host that asked for them.
  void answer(Now now, HostId to, const std::vector<SignedRecordPtr>& records, Output& out);

  // A round trip that was measured otherwise, by what is answered at once; counts until
  // acknowledgements say.
  void suggest_path(HostId host, Duration measured);
  [[nodiscard]] bool knows_all_paths() const;

  void on_push(Instant now, HostId from, std::uint32_t sequence);
  void on_acks(Instant now, HostId from, const std::vector<std::uint32_t>& sequences);
  // Packets that `from` was reminded of, and lacks.
  void on_again(Instant now, HostId from, const std::vector<std::uint32_t>& sequences, Output& out);
  // Everything that is due: new packets, repetitions, acknowledgements.
  void send_due(Now now, Output& out);
  [[nodiscard]] Instant next_wake() const;
  // At most `most` acknowledgements owed to `host`, to put into a datagram to it.
  std::vector<std::uint32_t> take_acks(HostId host, std::size_t most);

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] bool check_invariants() const;

 private:
  // What leaves under one order: level 0 stands for this host as origin (tree: in how many trees).
  struct Order {
    std::uint8_t level;
    std::uint8_t tree;
    std::vector<HostId> inner;
    NetworkId audience{};  // whose trees
    friend auto operator<=>(const Order&, const Order&) = default;
  };
  struct Bundle {
    Instant due = kNever;
    HostId from;  // who sent the first of it: not to be sent back to
    std::vector<MemberUpdate> updates;
    std::vector<SignedRecordPtr> records;
  };
  struct Target {
    HostId host;
    Instant sent;
    Instant due;
    unsigned repeats = 0;
    unsigned asked = 0;  // by the receiver, after reminders
  };
  struct Flight {
    PushHeader header;
    NetworkId audience{};  // whose trees
    std::shared_ptr<const PushContent> content;
    std::vector<Target> targets;
    unsigned adoptions = 0;
    bool remind_first = false;  // those told may well have it
    Instant due = kNever;       // of the first target
  };
  // An item that was news here, and in which trees its duty is done.
  struct Duty {
    std::optional<MemberUpdate> update;
    std::weak_ptr<const SignedRecord> record;
    bool urgent = true;
    std::uint8_t done = 0;  // bits: entry, then inner, by tree of a rotation
  };
  using Contents = std::vector<std::shared_ptr<const PushContent>>;

  // relay.cc: gathering, and whom to send to
  Bundle* bundle(Instant now, Order order, HostId from, bool urgent);
  Duty& remember(Instant now, std::uint64_t item);
  void perform_duty(Instant now, HostId from, const PushHeader& order, Duty& duty);
  [[nodiscard]] std::size_t names_bytes(const Order& order);
  void send_bundle(Now now, const Order& order, const Bundle& bundle, Output& out);
  void send_step(Instant now, const Order& order, std::uint8_t tree, const RelayStep& step,
                 const Contents& contents, HostId except, Output& out);

  // relay_flights.cc: until it is acknowledged
  void dispatch(Instant now, Flight like, PushHeader header, std::vector<HostId> to, Output& out);
  [[nodiscard]] bool may_remind(const Flight& flight, HostId host);
  [[nodiscard]] static PushHeader reminder_of(const Flight& flight);
  void repeat(Instant now, std::uint32_t sequence, Output& out);
  [[nodiscard]] static Flight next_of(const Flight& flight);
  void adopt(Instant now, const Flight& flight, HostId dead, Output& out);
  void adopt_sibling(Instant now, const Flight& flight, HostId dead, Output& out);
  void send_acks(Instant now, Output& out);
  void erase_flight(std::map<std::uint32_t, Flight>::iterator place);
  void schedule(std::uint32_t sequence, Flight& flight);
  [[nodiscard]] PathTime* path(HostId host);
  [[nodiscard]] Duration repeat_after(HostId host);
  [[nodiscard]] Duration remind_after(HostId host);

  RelayTree tree_;  // of all
  const Store::Interests* interests_ = nullptr;
  std::map<NetworkId, std::optional<RelayTree>> network_trees_;  // nothing: all want it
  std::uint32_t sequence_;
  std::map<Order, Bundle> bundles_;
  std::array<Instant, 5> last_sent_{};  // by level of the order
  std::map<std::uint32_t, Flight> flights_;
  std::set<std::pair<Instant, std::uint32_t>> flights_due_;
  std::size_t in_flight_ = 0;
  std::map<HostId, std::vector<std::uint32_t>> owed_;
  std::deque<std::pair<Instant, HostId>> acks_due_;
  std::map<std::string, PathTime> paths_;           // by region
  std::unordered_map<std::uint64_t, Duty> duties_;  // never iterated
  std::deque<std::uint64_t> duties_order_;
  Instant second_{};  // for the rate of changes
  std::size_t items_ = 0;
  std::size_t items_before_ = 0;
  Counters counters_;
};

}  // namespace sixpn::registry
