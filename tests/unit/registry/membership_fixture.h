// One Membership whose peers the test plays.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "registry/core/membership.h"

namespace sixpn::registry {

using namespace std::chrono_literals;
using Kind = ProbeMessage::Kind;

inline constexpr HostId kSelf{0x10000};
inline constexpr std::uint64_t kIncarnation = 5;

inline HostId host(unsigned index) {
  return HostId{0x10000 + index};
}

// One Membership and its clock; the other hosts are played by the test.
class MembershipTest : public testing::Test {
 protected:
  void add_hosts(unsigned others) {
    for (unsigned i = 1; i <= others; ++i) members_.add(now_, host(i));
    members_.start(now_);
    members_.rearm(now_);
  }

  // Advances to `until`, firing every timer on the way; hosts in `answering` answer pings at once.
  std::vector<ProbeMessage> run(Duration time, const std::set<HostId>& answering) {
    std::vector<ProbeMessage> sent;
    Instant until = now_ + time;
    while (members_.next_wake() <= until) {
      now_ = std::max(now_, members_.next_wake());
      Membership::Output out;
      members_.on_timer(now_, out);
      deliver(out, answering, sent);
    }
    now_ = until;
    return sent;
  }

  void deliver(Membership::Output& out, const std::set<HostId>& answering,
               std::vector<ProbeMessage>& sent) {
    collect(out);
    for (const auto& message : out.messages) {
      sent.push_back(message);
      if (message.kind != Kind::kPing || !answering.contains(message.to)) continue;
      Membership::Output answer;
      members_.on_heard(now_, message.to, kIncarnation, answer);
      members_.on_message(now_, message.to, {Kind::kAck, kSelf, message.sequence, message.to},
                          answer);
      collect(answer);
      members_.rearm(now_);
    }
    members_.rearm(now_);
    EXPECT_TRUE(members_.check_invariants());
  }

  void collect(const Membership::Output& out) {
    news_.insert(news_.end(), out.news.begin(), out.news.end());
    direct_.insert(direct_.end(), out.direct.begin(), out.direct.end());
    for (const auto& ping : out.tcp_probes) tcp_probes_.push_back(ping.to);
  }

  Membership::Output update(MemberUpdate update) {
    Membership::Output out;
    members_.on_update(now_, update, out);
    members_.rearm(now_);
    collect(out);
    return out;
  }
  void confirm(HostId suspect, std::uint64_t incarnation, const std::vector<unsigned>& accusers) {
    for (unsigned i : accusers) update({suspect, HostStatus::kSuspected, incarnation, host(i)});
  }
  Membership::Output hear(HostId from, std::uint64_t incarnation) {
    Membership::Output out;
    members_.on_heard(now_, from, incarnation, out);
    members_.rearm(now_);
    collect(out);
    return out;
  }
  Membership::Output receive(HostId from, ProbeMessage message) {
    Membership::Output out;
    members_.on_message(now_, from, message, out);
    members_.rearm(now_);
    return out;
  }

  Rng rng_{7};
  Instant now_{10s};
  Membership members_{kSelf, kIncarnation, rng_};
  std::vector<MemberUpdate> news_;
  std::vector<std::pair<HostId, MemberUpdate>> direct_;
  std::vector<HostId> tcp_probes_;
};

inline std::size_t count_pings(const std::vector<ProbeMessage>& sent, HostId to) {
  return static_cast<std::size_t>(std::count_if(sent.begin(), sent.end(), [to](const auto& m) {
    return m.kind == Kind::kPing && m.to == to;
  }));
}

}  // namespace sixpn::registry
