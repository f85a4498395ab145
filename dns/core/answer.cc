#include "dns/core/answer.h"

#include "dns/core/flycast_names.h"
#include "dns/core/internal_names.h"
#include "dns/core/reverse_names.h"
#include "dns/core/view.h"
#include "dns/core/zone.h"

namespace sixpn::dns {
namespace {

using Found = std::optional<NameContent>;

// SOA and NS at the apex; any other type there is NODATA (RFC 2308 section 2.2).
NameContent apex_content(const View& view, const Zone& zone) {
  constexpr std::string_view kRule = "the zone's own SOA and NS";
  if (view.asked == kTypeNs) return by_rule(kRule, {kTypeNs, {name_server()}});
  auto soa = zone_soa(zone, view.snapshot.generation).rdata;
  return by_rule(kRule, {kTypeSoa, {std::move(soa)}, false, false});
}

NameContent localhost_content(const View& view) {
  constexpr std::string_view kRule = "loopback (RFC 6761 section 6.3)";
  auto content =
      view.asked == kTypeA
          ? by_rule(kRule, {kTypeA, {Ip6::from_words({0, 0, 0, 0, 0, 0xffff, 0x7f00, 1})}})
          : by_rule(kRule, {kTypeAaaa, {Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1})}});
  content.lasting = false;  // any name will do: kept, they would push out what others ask for
  return content;
}

// Nothing but what is above another own zone (RFC 8020).
Found local_content(const Zone& zone, Labels below) {
  bool above_ours = zone.apex == "d.f.ip6.arpa." && below.size() == 1 && below[0] == "a";
  return above_ours ? Found(existing_name()) : std::nullopt;
}

Found find_name(const View& view, const Zone& zone, Labels labels) {
  auto below = labels.first(labels.size() - zone.depth);
  if (zone.kind == ZoneKind::kLocalhost) return localhost_content(view);
  if (zone.kind == ZoneKind::kNoSuch) return std::nullopt;
  if (below.empty()) return apex_content(view, zone);
  if (zone.kind == ZoneKind::kLocal) return local_content(zone, below);
  if (zone.kind == ZoneKind::kInternal) return find_internal(view, below);
  if (zone.kind == ZoneKind::kFlycast) return find_flycast(view, below);
  return find_reverse(view, below);
}

bool depends_on_registry(const Zone& zone) {
  return zone.kind == ZoneKind::kInternal || zone.kind == ZoneKind::kFlycast ||
         zone.kind == ZoneKind::kReverse;
}

Answer negative(const View& view, const Zone& zone, Rcode rcode) {
  Answer no;
  no.rcode = rcode;
  no.authority.push_back(zone_soa(zone, view.snapshot.generation));
  return no;
}

// ANY gets the one RRset there is (RFC 8482 section 4.1).
Answer positive(const DnsQuestion& question, NameContent content) {
  Answer yes;
  yes.answers.reserve(content.rdata.size());
  for (auto& rdata : content.rdata)
    yes.answers.push_back({question.name, content.type, std::move(rdata)});
  yes.additional = std::move(content.additional);
  yes.rule = content.rule;
  yes.list_cut = content.list_cut;
  yes.lasting = content.lasting;
  if (content.list_cut)
    yes.extended_error = {ExtendedErrorCode::kOther, "the list is cut: it is too long"};
  return yes;
}

}  // namespace

Answer not_ready() {
  Answer answer;
  answer.rcode = Rcode::kServFail;
  answer.extended_error = {ExtendedErrorCode::kNotReady, "the registry is not synced yet"};
  return answer;
}

Answer not_held() {
  Answer answer;
  answer.rcode = Rcode::kServFail;
  answer.extended_error = {ExtendedErrorCode::kNotReady,
                           "this host does not hold the network's machines, or not all yet"};
  return answer;
}

Answer answer(NameIndex& index, NetworkId network, const Ip6& source, const DnsQuestion& question,
              Rng& rng) {
  static const Snapshot no_snapshot;
  static const NetworkView no_names;
  const Snapshot& snapshot = index.snapshot() ? *index.snapshot() : no_snapshot;
  Name lower = question.name.lower();
  auto labels = lower.labels();
  const Zone& zone = find_zone(labels);
  if (zone.kind == ZoneKind::kForeign) {
    Answer forward;
    forward.kind = AnswerKind::kForward;
    return forward;
  }
  if (depends_on_registry(zone)) {
    if (!snapshot.synced) return not_ready();
    if (!snapshot.holds(network)) return not_held();
  }
  auto* indexed = index.network(network);
  View view{snapshot,      network, indexed ? indexed->view() : no_names, index, indexed, source,
            question.type, rng};
  auto found = find_name(view, zone, labels);
  if (!found) return negative(view, zone, Rcode::kNxDomain);
  if (found->rdata.empty() || !view.wants(found->type)) {
    auto no = negative(view, zone, Rcode::kNoError);
    no.rule = found->rule;
    return no;
  }
  return positive(question, std::move(*found));
}

Answer answer(const Snapshot& snapshot, NetworkId network, const Viewer& viewer,
              const DnsQuestion& question, Rng& rng) {
  NameIndex index(viewer.vantage);
  index.set_snapshot(SnapshotPtr(SnapshotPtr(), &snapshot));  // the caller's: not owned
  return answer(index, network, viewer.source, question, rng);
}

}  // namespace sixpn::dns
