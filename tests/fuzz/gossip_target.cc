// One Gossip among members who send it real datagrams, altered ones and nonsense. The input is the
// program: which datagram, what is changed in it, from whom, when; and the shell's other events in
// any order. Nothing may crash it, break its invariants, make it say more than a bounded amount,
// lower its own incarnation, or put a record into its store that does not belong there.
#include <memory>
#include <vector>

#include "registry/core/gossip.h"
#include "registry/core/local_write.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/record_pool.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::fuzz {
namespace {

using namespace registry;
using std::chrono::milliseconds;

constexpr unsigned kMembers = 16;  // more than a small cluster: relays too
constexpr std::size_t kMaxSteps = 200;

const std::vector<sim::EnrolledHost>& members() {
  static const std::vector<sim::EnrolledHost> made = [] {
    std::vector<sim::EnrolledHost> hosts;
    for (unsigned i = 0; i < kMembers; ++i) hosts.push_back(pool_cluster().enrol(i));
    return hosts;
  }();
  return made;
}

Gossip::Options options_of(const sim::EnrolledHost& host) {
  Gossip::Options options;
  options.self = host.id;
  options.root_key = pool_cluster().root().public_key();
  options.incarnation = 1000;
  options.signing_key = host.key;
  return options;
}

// A member that knows all members, at `now`.
void introduce(Gossip& gossip, Now now) {
  std::vector<SignedRecordPtr> hosts;
  for (const auto& host : members()) hosts.push_back(host.signed_host());
  gossip.load(now, hosts);
  gossip.start(now);
}

Now later(Now now, milliseconds by) {
  return {now.mono + by, now.wall + by};
}

// What members really say to each other: probes, suspicions, records, in a few seconds of life
// during which one of them is silent.
std::vector<std::string> overhear() {
  Rng rng(5);
  Now now{Instant(std::chrono::seconds(100)), kPoolTime};
  std::vector<std::unique_ptr<Gossip>> alive;
  for (unsigned i = 1; i < 5; ++i) {
    alive.push_back(std::make_unique<Gossip>(options_of(members()[i]), rng));
    introduce(*alive.back(), now);
  }
  std::vector<std::string> heard;
  for (int tick = 0; tick < 60; ++tick) {
    now = later(now, milliseconds(100));
    for (std::size_t i = 0; i < alive.size(); ++i) {
      auto out = alive[i]->on_timer(now);
      if (tick % 10 == static_cast<int>(i)) {
        auto record = members()[i + 1].sign(test::random_record(members()[i + 1], rng));
        for (auto& sent : alive[i]->on_local_write(now, {record}).datagrams)
          out.datagrams.push_back(std::move(sent));
      }
      for (const auto& sent : out.datagrams) {
        heard.push_back(sent.bytes);
        for (std::size_t to = 0; to < alive.size(); ++to)
          if (members()[to + 1].id == sent.to)
            alive[to]->on_datagram(now, members()[i + 1].id, sent.bytes);
      }
    }
  }
  SIXPN_PROMISE(heard.size() > 100);
  return heard;
}

std::uint64_t odd_number(Choices& choices) {
  constexpr std::uint64_t kOdd[] = {
      0, 1, 999, 1000, 1001, std::uint64_t{1} << 32, std::uint64_t{1} << 48, ~0ULL - 1, ~0ULL};
  return kOdd[choices.below(std::size(kOdd))];
}

// What travels by relay trees and mends them, about records that may or may not be here; `pushed`
// is the sequence of the receiver's last push.
void put_relayed(GossipDatagram& datagram, Choices& choices, std::uint32_t pushed) {
  auto head = [&] {
    const auto& digest = record_pool()[choices.byte() % record_pool().size()]->digest;
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < 8; ++i) out = out << 8 | digest.at(i);
    return out;
  };
  const std::uint32_t sequence = pushed - choices.byte() % 8;
  const HostId host = sim::host_id(choices.byte() % (kMembers + 1));
  switch (choices.below(6)) {
    case 0:
      datagram.push = PushHeader{static_cast<RelayLevel>(1 + choices.below(4)),
                                 static_cast<std::uint8_t>(choices.below(kTreeCount)),
                                 sequence,
                                 {host, sim::host_id(0)},
                                 {}};
      break;
    case 1:
      datagram.push = PushHeader{RelayLevel::kLeaf, 0, sequence, {}, {head(), head()}};
      break;
    case 2:
      datagram.acks = {sequence, sequence + 1};
      break;
    case 3:
      datagram.again = {sequence, sequence + 1};
      break;
    case 4:
      datagram.ihave = {head(), head()};
      break;
    default:
      datagram.pull = {head(), head()};
      datagram.pull_hosts = {host};
      break;
  }
}

// The fields of a real datagram, changed where a liar would.
std::string altered(const std::string& real, Choices& choices, std::uint32_t pushed) {
  auto decoded = decode_datagram(real);
  SIXPN_PROMISE(decoded.has_value());
  switch (choices.below(6)) {
    case 0:
      decoded->incarnation = odd_number(choices);
      break;
    case 1:
      decoded->root_hash = odd_number(choices);
      decoded->stable = milliseconds(choices.u16());
      break;
    case 2:
      if (decoded->probe) {
        decoded->probe->sequence = odd_number(choices);
        decoded->probe->target = sim::host_id(choices.byte() % (kMembers + 1));
      }
      break;
    case 3:
      for (auto& update : decoded->updates) update.incarnation = odd_number(choices);
      break;
    case 4:
      put_relayed(*decoded, choices, pushed);
      break;
    default: {
      MemberUpdate update;
      update.host = sim::host_id(choices.byte() % (kMembers + 1));
      update.status =
          static_cast<HostStatus>(static_cast<unsigned>(HostStatus::kAlive) + choices.below(4));
      update.incarnation = odd_number(choices);
      update.accuser = sim::host_id(choices.byte() % (kMembers + 1));
      decoded->updates.push_back(update);
      break;
    }
  }
  return encode_datagram(*decoded);
}

std::string mutated(std::string bytes, Choices& choices) {
  for (std::size_t i = choices.below(4); i > 0 && !bytes.empty(); --i) {
    std::size_t at = choices.u16() % bytes.size();
    switch (choices.below(4)) {
      case 0:
        bytes[at] = static_cast<char>(choices.byte());
        break;
      case 1:
        bytes.erase(at, choices.byte());
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, choices.byte()));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
  return bytes;
}

// The Gossip under test with the shell around it.
class Subject {
 public:
  Subject() { introduce(gossip_, now_); }

  void step(Choices& choices) {
    static const std::vector<std::string> heard = overhear();
    std::uint8_t what = choices.byte();
    HostId from = sim::host_id(choices.byte() % (kMembers + 2));
    const std::string& real = heard[choices.u16() % heard.size()];
    switch (what % 8) {
      case 0:
        return take(gossip_.on_datagram(now_, from, real));
      case 1:
        return take(gossip_.on_datagram(now_, from, altered(real, choices, pushed_)));
      case 2:
        return take(gossip_.on_datagram(now_, from, mutated(real, choices)));
      case 3:
        return take(gossip_.on_datagram(now_, from, choices.take(choices.byte())));
      case 4:
        now_ = later(now_, milliseconds(choices.u16() % 3000));
        return take(gossip_.on_timer(now_));
      case 5:
        return take(gossip_.on_sync_records(now_, from, draw(choices)));
      case 6:
        if (syncing_.empty()) return;
        from = syncing_.back();
        syncing_.pop_back();
        return take(gossip_.on_sync_finished(now_, from, (choices.byte() & 1) != 0));
      default:
        return take(gossip_.admit(now_, draw(choices).front()));
    }
  }

  void end() const { SIXPN_PROMISE(gossip_.store().check_invariants()); }

 private:
  static std::vector<SignedRecordPtr> draw(Choices& choices) {
    std::vector<SignedRecordPtr> records;
    for (std::size_t i = 1 + choices.below(3); i > 0; --i)
      records.push_back(record_pool()[choices.u16() % record_pool().size()]);
    return records;
  }

  void take(const Gossip::Output& out) {
    SIXPN_PROMISE(gossip_.check_invariants());
    SIXPN_PROMISE(out.datagrams.size() <= 40 * kMembers);
    for (const auto& sent : out.datagrams) {
      SIXPN_PROMISE(sent.bytes.size() <= kMaxDatagramBytes && sent.to != members()[0].id);
      auto decoded = decode_datagram(sent.bytes);
      SIXPN_PROMISE(decoded.has_value());
      if (decoded->push) pushed_ = decoded->push->sequence;
    }
    SIXPN_PROMISE(out.syncs.size() <= kMaxSyncs);
    for (HostId peer : out.syncs) syncing_.push_back(peer);
    SIXPN_PROMISE(gossip_.membership().incarnation() >= incarnation_);
    incarnation_ = gossip_.membership().incarnation();
  }

  Rng rng_{3};
  Now now_{Instant(std::chrono::seconds(100)), kPoolTime};
  Gossip gossip_{options_of(members()[0]), rng_};
  std::vector<HostId> syncing_;
  std::uint32_t pushed_ = 0;
  std::uint64_t incarnation_ = 0;
};

}  // namespace

void gossip(std::string_view bytes) {
  Choices choices(bytes);
  Subject subject;
  for (std::size_t i = 0; i < kMaxSteps && !choices.empty(); ++i) subject.step(choices);
  subject.end();
}

}  // namespace sixpn::fuzz
