// Relay's packets that are not acknowledged yet: sent again, taken over from who stays silent; and
// the acknowledgements that this host owes.
#include <algorithm>

#include "registry/core/relay.h"

namespace sixpn::registry {

void Relay::dispatch(Instant now, PushHeader header,
                     const std::shared_ptr<const PushContent>& content, std::vector<HostId> to,
                     unsigned adoptions, Output& out) {
  header.sequence = ++sequence_;
  if (in_flight_ + to.size() <= kMaxInFlight) {
    Flight& flight = flights_[header.sequence];
    flight.header = header;
    flight.content = content;
    flight.adoptions = adoptions;
    for (HostId host : to) flight.targets.push_back({host, now, now + repeat_after(host), 0});
    in_flight_ += to.size();
    schedule(header.sequence, flight);
  } else {
    ++counters_.dropped_full;
  }
  out.sendings.push_back({std::move(header), content, std::move(to)});
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

// Sends again to those who are late, and takes over from those who stay silent.
void Relay::repeat(Instant now, std::uint32_t sequence, Output& out) {
  auto place = flights_.find(sequence);
  Flight& flight = place->second;
  std::vector<HostId> again;
  std::vector<HostId> silent;
  for (auto& target : flight.targets) {
    if (target.due > now) continue;
    if (target.repeats >= repeats()) {
      silent.push_back(target.host);
      continue;
    }
    ++target.repeats;
    auto patience = tree_.is_small() ? target.repeats + 1 : 1U;
    target.due = now + patience * repeat_after(target.host);
    again.push_back(target.host);
  }
  in_flight_ -= std::erase_if(flight.targets, [&silent](const Target& target) {
    return std::find(silent.begin(), silent.end(), target.host) != silent.end();
  });
  counters_.retried += again.size();
  counters_.unanswered += silent.size();
  if (!again.empty()) out.sendings.push_back({flight.header, flight.content, std::move(again)});
  for (HostId dead : silent) adopt(now, flight, dead, out);
  flight.targets.empty() ? erase_flight(place) : schedule(sequence, flight);
}

void Relay::adopt(Instant now, const Flight& flight, HostId dead, Output& out) {
  if (flight.adoptions >= kMaxAdoptions) return;
  if (flight.header.level == RelayLevel::kSibling) return adopt_sibling(now, flight, dead, out);
  PushHeader header = flight.header;
  std::vector<HostId> to;
  if (header.level == RelayLevel::kInner) {
    auto siblings = header.inner.empty() ? tree_.from_entry(header.tree).inner : header.inner;
    to = tree_.leaves_of(dead, header.tree, siblings);
    header.level = RelayLevel::kLeaf;
    header.inner.clear();
  } else if (header.level == RelayLevel::kEntry) {
    auto next = tree_.next_entry(dead, header.tree, flight.adoptions);
    if (next) to.push_back(*next);
  }
  if (to.empty()) return;
  counters_.adopted += to.size();
  dispatch(now, std::move(header), flight.content, std::move(to), flight.adoptions + 1, out);
}

// In the own region; in another one, the sibling before it does that.
void Relay::adopt_sibling(Instant now, const Flight& flight, HostId dead, Output& out) {
  if (tree_.region_of(dead) != tree_.own_region()) return;
  for (auto& step : tree_.from_sibling(dead, flight.header.tree, flight.header.inner)) {
    if (step.to.empty()) continue;
    counters_.adopted += step.to.size();
    PushHeader header{step.level, flight.header.tree, 0, std::move(step.inner)};
    dispatch(now, std::move(header), flight.content, std::move(step.to), flight.adoptions + 1, out);
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

void Relay::on_acks(Instant now, HostId from, const std::vector<std::uint32_t>& sequences) {
  for (std::uint32_t sequence : sequences) {
    auto place = flights_.find(sequence);
    if (place == flights_.end()) continue;
    auto& targets = place->second.targets;
    auto target = std::find_if(targets.begin(), targets.end(),
                               [from](const Target& waiting) { return waiting.host == from; });
    if (target == targets.end()) continue;
    if (PathTime* known = path(from); known != nullptr && target->repeats == 0)
      known->sample(now - target->sent);
    targets.erase(target);
    --in_flight_;
    if (targets.empty()) erase_flight(place);
  }
}

}  // namespace sixpn::registry
