// Relay's packets that are not acknowledged yet: sent again, taken over from who stays silent; and
// the acknowledgements that this host owes.
#include <algorithm>

#include "registry/core/relay.h"

namespace sixpn::registry {

// A packet of its own, with the content and on the trees of `like`.
void Relay::dispatch(Instant now, Flight like, PushHeader header, std::vector<HostId> to,
                     Output& out) {
  header.sequence = ++sequence_;
  auto content = like.content;
  if (in_flight_ + to.size() <= kMaxInFlight) {
    Flight& flight = flights_[header.sequence];
    flight.header = header;
    flight.audience = like.audience;
    flight.content = std::move(like.content);
    flight.adoptions = like.adoptions;
    for (HostId host : to) {
      Duration wait = may_remind(flight, host) ? remind_after(host) : repeat_after(host);
      flight.targets.push_back({host, now, now + wait});
    }
    in_flight_ += to.size();
    schedule(header.sequence, flight);
    bool by_heads = like.remind_first && std::all_of(to.begin(), to.end(), [&](HostId host) {
                      return may_remind(flight, host);
                    });
    if (by_heads) {
      header = reminder_of(flight);
      counters_.reminded += to.size();
    }
  } else {
    ++counters_.dropped_full;
  }
  out.sendings.push_back({std::move(header), std::move(content), std::move(to)});
}

void Relay::schedule(std::uint32_t sequence, Flight& flight) {
  flights_due_.erase({flight.due, sequence});
  flight.due = kNever;
  for (const auto& target : flight.targets) flight.due = std::min(flight.due, target.due);
  flights_due_.emplace(flight.due, sequence);
}

void Relay::erase_flight(std::map<std::uint32_t, Flight>::iterator place) {
  flights_due_.erase({place->second.due, place->first});
  in_flight_ -= place->second.targets.size();
  flights_.erase(place);
}

// Where a round trip is short and the other tree, or a second parent, is at work as well. Updates
// of members have no heads.
bool Relay::may_remind(const Flight& flight, HostId host) {
  return flight.content->updates.empty() && tree_.region_of(host) == tree_.own_region() &&
         !tree(flight.audience).is_small();
}

PushHeader Relay::reminder_of(const Flight& flight) {
  PushHeader out = flight.header;
  for (const auto& record : flight.content->records) out.heads.push_back(item_of(*record));
  return out;
}

// Sends again to those who are late, and takes over from those who stay silent.
void Relay::repeat(Instant now, std::uint32_t sequence, Output& out) {
  auto place = flights_.find(sequence);
  Flight& flight = place->second;
  // In a small cluster nobody else helps.
  const bool direct = tree(flight.audience).is_small();
  std::vector<HostId> again;
  std::vector<HostId> reminded;
  std::vector<HostId> silent;
  for (auto& target : flight.targets) {
    if (target.due > now) continue;
    const bool remind = may_remind(flight, target.host);
    const unsigned repeats = direct ? kDirectRepeats : remind ? kReminders : kRepeats;
    if (target.repeats >= repeats) {
      silent.push_back(target.host);
      continue;
    }
    ++target.repeats;
    auto patience = direct ? target.repeats + 1 : 1U;
    target.due = now + (remind ? remind_after(target.host) : patience * repeat_after(target.host));
    (remind ? reminded : again).push_back(target.host);
  }
  in_flight_ -= std::erase_if(flight.targets, [&silent](const Target& target) {
    return std::find(silent.begin(), silent.end(), target.host) != silent.end();
  });
  counters_.retried += again.size() + reminded.size();
  counters_.reminded += reminded.size();
  counters_.unanswered += silent.size();
  if (!again.empty()) out.sendings.push_back({flight.header, flight.content, std::move(again)});
  if (!reminded.empty())
    out.sendings.push_back({reminder_of(flight), flight.content, std::move(reminded)});
  for (HostId dead : silent) adopt(now, flight, dead, out);
  flight.targets.empty() ? erase_flight(place) : schedule(sequence, flight);
}

// The same content, one adoption further.
Relay::Flight Relay::next_of(const Flight& flight) {
  return {.header = {},
          .audience = flight.audience,
          .content = flight.content,
          .targets = {},
          .adoptions = flight.adoptions + 1,
          .remind_first = true};
}

void Relay::adopt(Instant now, const Flight& flight, HostId dead, Output& out) {
  if (flight.adoptions >= kMaxAdoptions) return;
  if (flight.header.level == RelayLevel::kSibling) return adopt_sibling(now, flight, dead, out);
  PushHeader header = flight.header;
  RelayTree& members = tree(flight.audience);
  std::vector<HostId> to;
  if (header.level == RelayLevel::kInner) {
    auto siblings = header.inner.empty() ? members.from_entry(header.tree).inner : header.inner;
    to = members.leaves_of(dead, header.tree, siblings);
    header.level = RelayLevel::kLeaf;
    header.inner.clear();
  } else if (header.level == RelayLevel::kEntry) {
    auto next = members.next_entry(dead, header.tree, flight.adoptions);
    if (next) to.push_back(*next);
  }
  if (to.empty()) return;
  counters_.adopted += to.size();
  dispatch(now, next_of(flight), std::move(header), std::move(to), out);
}

// In the own region; in another one, the sibling before it does that.
void Relay::adopt_sibling(Instant now, const Flight& flight, HostId dead, Output& out) {
  if (tree_.region_of(dead) != tree_.own_region()) return;
  for (auto& step :
       tree(flight.audience).from_sibling(dead, flight.header.tree, flight.header.inner)) {
    if (step.to.empty()) continue;
    counters_.adopted += step.to.size();
    PushHeader header{step.level, flight.header.tree, 0, std::move(step.inner)};
    dispatch(now, next_of(flight), std::move(header), std::move(step.to), out);
  }
}

// ---- acknowledgements
// ------------------------------------------------------------------------------

void Relay::on_push(Instant now, HostId from, std::uint32_t sequence) {
  auto& owed = owed_[from];
  if (owed.empty()) acks_due_.emplace_back(now + kAckDelay, from);
  if (owed.size() >= kMaxOwedAcks) {
    ++counters_.dropped_full;  // it will repeat
    return;
  }
  owed.push_back(sequence);
}

void Relay::send_acks(Instant now, Output& out) {
  while (!acks_due_.empty() && acks_due_.front().first <= now) {
    HostId host = acks_due_.front().second;
    acks_due_.pop_front();
    if (owed_.contains(host)) out.acks.push_back(host);
  }
}

std::vector<std::uint32_t> Relay::take_acks(HostId host, std::size_t most) {
  auto found = owed_.find(host);
  if (found == owed_.end() || most == 0) return {};
  auto& owed = found->second;
  if (owed.size() <= most) {
    auto out = std::move(owed);
    owed_.erase(found);
    return out;
  }
  auto end = owed.begin() + static_cast<std::ptrdiff_t>(most);
  std::vector<std::uint32_t> out(owed.begin(), end);
  owed.erase(owed.begin(), end);
  return out;
}

void Relay::on_again(Instant now, HostId from, const std::vector<std::uint32_t>& sequences,
                     Output& out) {
  for (std::uint32_t sequence : sequences) {
    auto place = flights_.find(sequence);
    if (place == flights_.end()) continue;
    Flight& flight = place->second;
    auto target = std::find_if(flight.targets.begin(), flight.targets.end(),
                               [from](const Target& waiting) { return waiting.host == from; });
    if (target == flight.targets.end() || target->asked >= kReminders) continue;
    ++target->asked;
    ++counters_.asked_again;
    target->due = now + remind_after(from);
    out.sendings.push_back({flight.header, flight.content, {from}});
    schedule(sequence, flight);
  }
}

void Relay::on_acks(Instant now, HostId from, const std::vector<std::uint32_t>& sequences) {
  for (std::uint32_t sequence : sequences) {
    auto place = flights_.find(sequence);
    if (place == flights_.end()) continue;
    auto& targets = place->second.targets;
    auto target = std::find_if(targets.begin(), targets.end(),
                               [from](const Target& waiting) { return waiting.host == from; });
    if (target == targets.end()) continue;
    if (PathTime* known = path(from); known != nullptr) {
      if (target->repeats > 0)
        known->late();
      else if (target->asked == 0)
        known->sample(now - target->sent);
    }
    targets.erase(target);
    --in_flight_;
    if (targets.empty()) erase_flight(place);
  }
}

}  // namespace sixpn::registry
