#include "registry/core/store.h"

#include <algorithm>

#include "registry/core/address.h"
#include "registry/core/stored_certificate.h"

namespace sixpn::registry {
namespace {

// The total order of two versions in one slot. The digest decides between versions that claim the
// same stamp, which an honest writer never makes: every host must still choose the same one.
bool is_newer(const SignedRecord& a, const SignedRecord& b) {
  return std::tie(a.record.stamp, a.digest) > std::tie(b.record.stamp, b.digest);
}

// Times that nobody may claim: ahead of every tolerable clock, or a tombstone written long before
// its own stamp, which would be forgotten at once and let the record return.
std::optional<Verdict> weigh_times(const Record& r, WallTime now) {
  if (!is_owned(r) && HybridClock::too_far_ahead(r.stamp.major, now)) return Verdict::kClockAhead;
  if (r.deleted > now + kMaxClockAhead) return Verdict::kClockAhead;
  bool shared_tombstone = r.tombstone && !is_owned(r);
  if (shared_tombstone && HybridClock::from_wall(r.deleted + kMaxClockAhead) < r.stamp.major)
    return Verdict::kExpired;
  return std::nullopt;
}

// The network whose view a record is part of.
struct NetworkOf {
  using Answer = std::optional<NetworkId>;
  Answer operator()(const NetworkRecord& r) const { return r.id; }
  Answer operator()(const MachineRecord& r) const { return r.network; }
  Answer operator()(const AppValue& r) const { return r->network; }
  Answer operator()(const PeerRecord& r) const { return r.network; }
  Answer operator()(const FlycastRecord& r) const { return network_of(r.address); }
  Answer operator()(const auto&) const { return std::nullopt; }
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAccepted:
      return "it was accepted";
    case Verdict::kDuplicate:
      return "it is known, or older than what is known";
    case Verdict::kUnknownWriter:
      return "its writer's host record is not known here";
    case Verdict::kBadSignature:
      return "its signature does not verify";
    case Verdict::kBadCertificate:
      return "its certificate does not verify";
    case Verdict::kEnrolmentLost:
      return "another enrolment of this host id came first";
    case Verdict::kNotPermitted:
      return "the writer's certificate does not allow it";
    case Verdict::kClockAhead:
      return "its time lies too far in the future";
    case Verdict::kExpired:
      return "it was deleted too long ago";
    case Verdict::kFull:
      return "the registry's limit of records is reached";
  }
  return "unknown";
}

Store::Store(const PublicKey& root_key, StoreLimits limits, RecordChecks checks)
    : root_key_(root_key), limits_(limits), checks_(std::move(checks)) {}

// ---- judging
// ---------------------------------------------------------------------------------------

Verdict Store::judge(const SignedRecord& record, WallTime now) const {
  return weigh(record, now, Origin::kNetwork).verdict;
}

Store::Judgement Store::weigh(const SignedRecord& record, WallTime now, Origin origin) const {
  const Record& r = record.record;
  auto known = find(slot_of(r));
  if (known && known->digest == record.digest) return {Verdict::kDuplicate, {}};
  if (r.key.kind == RecordKind::kHost) return weigh_host(record, known.get(), origin);

  // Cheap refusals come before the signature.
  if (known && !is_newer(record, *known)) return {Verdict::kDuplicate, {}};
  if (is_root_signed(r.key.kind)) return {weigh_statement(record, origin), {}};
  // What is on our disk passed when it came: a clock that was set back since (a host without a
  // battery, at boot) takes nothing away, nor does a limit that was reached since.
  if (origin == Origin::kNetwork)
    if (auto refused = weigh_times(r, now)) return {*refused, {}};
  if (!known && r.tombstone && r.deleted + kTombstoneHorizon < now) return {Verdict::kExpired, {}};
  if (!known && origin == Origin::kNetwork && !has_room(r)) return {Verdict::kFull, {}};
  return {weigh_right(record, origin), {}};
}

Store::Judgement Store::weigh_host(const SignedRecord& record, const SignedRecord* known,
                                   Origin origin) const {
  const HostRecord& host = *std::get<HostValue>(record.record.value);
  const HostCertificate* standing = certificate_of(host.id);
  bool same = standing != nullptr && standing->encoded == host.certificate;
  if (same && known != nullptr && !is_newer(record, *known)) return {Verdict::kDuplicate, {}};
  if (known == nullptr && origin == Origin::kNetwork && !has_room(record.record))
    return {Verdict::kFull, {}};

  std::optional<HostCertificate> presented;
  if (!same) {
    auto verified = origin == Origin::kDisk ? read_stored_certificate(host.certificate, root_key_)
                                            : checks_.certificate(host.certificate, root_key_);
    if (!verified) return {Verdict::kBadCertificate, {}};
    presented = std::move(*verified);
  }
  const HostCertificate& certificate = same ? *standing : *presented;
  const Invite& invite = certificate.invite;
  if (invite.host != host.id || invite.name != host.name || invite.region != host.region)
    return {Verdict::kNotPermitted, {}};
  if (!same && standing != nullptr && !enrolment_wins(certificate, *standing))
    return {Verdict::kEnrolmentLost, {}};
  if (origin == Origin::kNetwork && !checks_.verify(record, certificate.signing_key))
    return {Verdict::kBadSignature, {}};
  return {Verdict::kAccepted, std::move(presented)};
}

Verdict Store::weigh_right(const SignedRecord& record, Origin origin) const {
  const Record& r = record.record;
  const HostCertificate* certificate = certificate_of(r.writer);
  if (certificate == nullptr) return Verdict::kUnknownWriter;
  if (!is_owned(r) && !certificate->invite.allows_org(r.org)) return Verdict::kNotPermitted;
  if (origin == Origin::kNetwork && !checks_.verify(record, certificate->signing_key))
    return Verdict::kBadSignature;
  return Verdict::kAccepted;
}

// The root's word needs no writer's: whoever passes it on, known or not, whatever its clock says
// and however full its share is. Else a revocation would fall with the host that wrote it down.
Verdict Store::weigh_statement(const SignedRecord& record, Origin origin) const {
  if (origin == Origin::kDisk) return Verdict::kAccepted;
  if (const auto* revocation = std::get_if<RevocationRecord>(&record.record.value)) {
    auto host = verify_revocation(revocation->statement, root_key_);
    if (!host) return Verdict::kBadSignature;
    return *host == revocation->host ? Verdict::kAccepted : Verdict::kNotPermitted;
  }
  const auto& said = std::get<RenewalRecord>(record.record.value);
  auto renewal = verify_renewal(said.statement, root_key_);
  if (!renewal) return Verdict::kBadSignature;
  bool same = *renewal == Renewal{said.host, said.certificate, said.valid_until, said.signed_at};
  return same ? Verdict::kAccepted : Verdict::kNotPermitted;
}

bool Store::has_room(const Record& record, std::size_t ahead) const {
  if (records_.size() + ahead >= limits_.records) return false;
  auto found = count_by_writer_.find(record.writer);
  WriterCount count = found == count_by_writer_.end() ? WriterCount{} : found->second;
  if (count.all + ahead >= limits_.records_per_writer + limits_.tombstones_per_writer) return false;
  return record.tombstone || count.live + ahead < limits_.records_per_writer;
}

// ---- changing
// --------------------------------------------------------------------------------------

Verdict Store::merge(const SignedRecordPtr& record, WallTime now, Origin origin) {
  auto judgement = weigh(*record, now, origin);
  if (judgement.verdict != Verdict::kAccepted) return judgement.verdict;
  const Record& r = record->record;
  if (judgement.certificate) install_certificate(r.writer, std::move(*judgement.certificate));
  if (!is_owned(r) && !is_root_signed(r.key.kind)) clock_.observe(r.stamp.major);
  put(record, origin);
  return Verdict::kAccepted;
}

void Store::collect(WallTime now) {
  while (!tombstones_.empty() && tombstones_.begin()->first + kTombstoneHorizon < now)
    remove(Slot(tombstones_.begin()->second));
}

void Store::forget(const std::set<NetworkId>& networks) {
  std::vector<Slot> gone;
  for (auto it = records_.lower_bound(Slot{{RecordKind::kMachine, ""}, ""});
       it != records_.end() && (*it)->record.key.kind == RecordKind::kMachine; ++it)
    if (networks.contains(interest_network((*it)->record))) gone.push_back(slot_of((*it)->record));
  for (const auto& slot : gone) remove(slot);
}

void Store::put(const SignedRecordPtr& record, Origin origin) {
  // What comes from the disk comes in slot order: each goes behind the last, without a search.
  auto place = records_.insert(records_.end(), record);
  if (*place != record) {
    index(*place, false);
    auto known = records_.extract(place);
    known.value() = record;
    place = records_.insert(std::move(known)).position;
  }
  index(*place, true);
  if (origin == Origin::kNetwork) changes_.slots.insert(slot_of(record->record));
}

void Store::remove(const Slot& slot) {
  auto found = records_.find(slot);
  if (found == records_.end()) return;
  index(*found, false);
  changes_.slots.insert(slot);
  records_.erase(found);
}

// Adds a record to, or takes it out of, everything that is derived from the records.
void Store::index(const Entry& entry, bool present) {
  const Record& r = entry->record;
  const Slot slot = slot_of(r);
  std::uint64_t weight = weight_of(*entry);
  if (!present) weight = 0 - weight;
  buckets_.at(bucket_of(slot)) += weight;
  root_ += weight;
  present ? groups_.add(slot, entry) : groups_.remove(slot, entry);

  if (!is_of_network(r.key.kind)) ++host_records_generation_;

  if (!is_root_signed(r.key.kind)) {
    auto& count = count_by_writer_[r.writer];
    present ? ++count.all : --count.all;
    if (!r.tombstone) present ? ++count.live : --count.live;
    if (count.all == 0) count_by_writer_.erase(r.writer);
  }

  if (r.tombstone) {
    auto deleted = std::pair(r.deleted, slot);
    present ? void(tombstones_.insert(deleted)) : void(tombstones_.erase(deleted));
  }
  if (r.key.kind == RecordKind::kRevocation) {
    HostId host = std::get<RevocationRecord>(r.value).host;
    present ? void(revoked_.insert(host)) : void(revoked_.erase(host));
    touch_all_networks();
  }
  if (const auto* interest = std::get_if<InterestRecord>(&r.value)) {
    ++interest_generation_;
    if (!interest->all || !interest->filling.empty())
      present ? void(interests_.insert_or_assign(r.writer, entry))
              : void(interests_.erase(r.writer));
  }
  if (auto network = std::visit(NetworkOf{}, r.value)) index_network(*network, entry, present);
  // A network record decides what other networks' Flycast addresses may point at.
  if (r.key.kind == RecordKind::kNetwork) touch_all_networks();
}

void Store::index_network(NetworkId network, const Entry& entry, bool present) {
  auto& entries = by_network_[network];
  auto before = [](const Entry* each, const Entry* other) { return BySlot{}(*each, *other); };
  bool last = entries.empty() || before(entries.back(), &entry);
  auto at = last ? entries.end() : std::lower_bound(entries.begin(), entries.end(), &entry, before);
  if (present) {
    entries.insert(at, &entry);
  } else {
    entries.erase(at);
  }
  if (entries.empty()) by_network_.erase(network);
  touch(network, entry->record.value);
}

void Store::touch(NetworkId network, const RecordValue& value) {
  if (changes_.networks.contains(network)) return;
  if (const auto* machine = std::get_if<MachineRecord>(&value)) {
    auto& machines = changes_.machines[network];
    machines.insert(machine->id);
    if (machines.size() <= kSingleMachines) return;
  }
  changes_.machines.erase(network);
  changes_.networks.insert(network);
}

// A host id with a new certificate: what was signed by the enrolment that lost is no longer
// anybody's.
void Store::install_certificate(HostId host, HostCertificate certificate) {
  auto standing = certificates_.find(host);
  if (standing != certificates_.end()) {
    std::vector<Slot> orphans;
    for (const auto& record : records_)
      if (record->record.writer == host && record->record.key.kind != RecordKind::kHost &&
          !is_root_signed(record->record.key.kind) &&
          !checks_.verify(*record, certificate.signing_key))
        orphans.push_back(slot_of(record->record));
    for (const auto& slot : orphans) remove(slot);
  }
  certificates_.insert_or_assign(host, std::move(certificate));
  ++host_records_generation_;
  touch_all_networks();
}

void Store::touch_all_networks() {
  for (const auto& [network, entries] : by_network_) changes_.networks.insert(network);
}

// ---- reading
// ---------------------------------------------------------------------------------------

SignedRecordPtr Store::find(const Slot& slot) const {
  if (records_.empty() || BySlot{}(*records_.rbegin(), slot)) return nullptr;
  auto found = records_.find(slot);
  return found == records_.end() ? nullptr : *found;
}

SignedRecordPtr Store::host_record(HostId host) const {
  return find({host_key(host), to_string(host)});
}

std::vector<SignedRecordPtr> Store::of_network(NetworkId network) const {
  std::vector<SignedRecordPtr> out;
  auto found = by_network_.find(network);
  if (found == by_network_.end()) return out;
  for (const Entry* entry : found->second) out.push_back(*entry);
  return out;
}

std::vector<NetworkId> Store::networks() const {
  std::vector<NetworkId> out;
  for (const auto& [network, entries] : by_network_) out.push_back(network);
  return out;
}

const HostCertificate* Store::certificate_of(HostId host) const {
  auto found = certificates_.find(host);
  return found == certificates_.end() ? nullptr : &found->second;
}

Selection Store::selection_of(HostId host) const {
  return registry::selection_of(interest_of(host));
}

const InterestRecord* Store::interest_of(HostId host) const {
  auto found = interests_.find(host);
  return found == interests_.end() ? nullptr
                                   : std::get_if<InterestRecord>(&found->second->record.value);
}

std::size_t Store::bucket_of(const Slot& slot) {
  return static_cast<std::size_t>(slot_hash(slot) >> 58);
}

bool Store::check_invariants() const {
  Store rebuilt(root_key_, limits_);
  for (const auto& record : records_) {
    rebuilt.put(record, Origin::kNetwork);
    if (!is_root_signed(record->record.key.kind) && !certificates_.contains(record->record.writer))
      return false;
  }
  auto same_entries = [](const auto& a, const auto& b) {
    return a.first == b.first &&
           std::equal(a.second.begin(), a.second.end(), b.second.begin(), b.second.end(),
                      [](const Entry* x, const Entry* y) { return *x == *y; });
  };
  return rebuilt.root_ == root_ && rebuilt.buckets_ == buckets_ &&
         rebuilt.groups_.is_same_as(groups_) && rebuilt.count_by_writer_ == count_by_writer_ &&
         std::equal(by_network_.begin(), by_network_.end(), rebuilt.by_network_.begin(),
                    rebuilt.by_network_.end(), same_entries) &&
         rebuilt.tombstones_ == tombstones_ && rebuilt.revoked_ == revoked_ &&
         rebuilt.interests_ == interests_;
}

}  // namespace sixpn::registry
