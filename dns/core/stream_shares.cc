#include "dns/core/stream_shares.h"

#include <algorithm>

namespace sixpn::dns {
namespace {

// How many more somebody must have for one to be taken from him.
constexpr std::size_t kFewer = 2;

template <class Map, class Size>
const auto& greatest(const Map& map, Size size) {
  return std::max_element(
             map.begin(), map.end(),
             [&](const auto& a, const auto& b) { return size(a.second) < size(b.second); })
      ->second;
}

}  // namespace

StreamShares::NetworkKey StreamShares::key_of(const Ip6& source) {
  return std::uint64_t{source.word(0)} << 32 | source.dword(1);
}

StreamShares::Admission StreamShares::admit(const Ip6& source) {
  Network& network = networks_[key_of(source)];
  const auto found = network.sources.find(source);
  const std::size_t held = found == network.sources.end() ? 0 : found->second.size();
  Admission admission;
  if (held >= limits_.per_source)
    admission.verdict = Verdict::kSourceFull;
  else if (network.open >= limits_.per_network)
    admission = in_place_of(of_richest_source(network), held, Verdict::kNetworkFull);
  else if (open_.size() >= limits_.in_all)
    admission = in_place_of_any(network, held);
  if (admission.verdict != Verdict::kAdmitted) {
    if (network.open == 0) networks_.erase(key_of(source));
    return admission;
  }
  admission.ticket = ++last_;
  add(source, admission.ticket);
  if (admission.evicted != 0) release(admission.evicted);
  return admission;
}

StreamShares::Admission StreamShares::in_place_of(const Tickets& tickets, std::size_t held,
                                                  Verdict otherwise) {
  if (tickets.size() < held + kFewer) return {otherwise, 0, 0};
  return {Verdict::kAdmitted, 0, *tickets.begin()};
}

StreamShares::Admission StreamShares::in_place_of_any(const Network& network,
                                                      std::size_t held) const {
  const Network& richest = greatest(networks_, [](const Network& one) { return one.open; });
  if (richest.open >= network.open + kFewer)
    return {Verdict::kAdmitted, 0, *of_richest_source(richest).begin()};
  if (network.open == 0) return {Verdict::kFull, 0, 0};
  return in_place_of(of_richest_source(network), held, Verdict::kFull);
}

const StreamShares::Tickets& StreamShares::of_richest_source(const Network& network) {
  return greatest(network.sources, [](const Tickets& tickets) { return tickets.size(); });
}

void StreamShares::add(const Ip6& source, Ticket ticket) {
  Network& network = networks_[key_of(source)];
  network.sources[source].insert(ticket);
  ++network.open;
  open_.emplace(ticket, source);
}

bool StreamShares::release(Ticket ticket) {
  auto found = open_.find(ticket);
  if (found == open_.end()) return false;
  auto network = networks_.find(key_of(found->second));
  auto tickets = network->second.sources.find(found->second);
  tickets->second.erase(ticket);
  if (tickets->second.empty()) network->second.sources.erase(tickets);
  if (--network->second.open == 0) networks_.erase(network);
  open_.erase(found);
  return true;
}

}  // namespace sixpn::dns
