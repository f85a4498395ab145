#include "tests/fuzz/store_model.h"

#include <tuple>

namespace sixpn::fuzz {
namespace {

using registry::HybridClock;
using registry::kMaxClockAhead;
using registry::kTombstoneHorizon;

bool is_newer(const SignedRecord& a, const SignedRecord& b) {
  return std::tie(a.record.stamp, a.digest) > std::tie(b.record.stamp, b.digest);
}

}  // namespace

// The certificate in the host's own record, which is the only one of that host id.
std::optional<HostCertificate> StoreModel::standing(HostId host) const {
  auto found = content_.find({host_key(host), to_string(host)});
  if (found == content_.end()) return std::nullopt;
  return *verify_certificate(std::get<HostValue>(found->second->record.value)->certificate, root_);
}

bool StoreModel::merge(const SignedRecordPtr& record, WallTime now) {
  const Record& r = record->record;
  if (r.key.kind == RecordKind::kHost) return merge_host(record);
  auto known = content_.find(registry::slot_of(r));
  if (known != content_.end() && !is_newer(*record, *known->second)) return false;
  if (is_root_signed(r.key.kind)) {
    if (!is_said_by_root(r.value)) return false;
    content_[registry::slot_of(r)] = record;
    return true;
  }
  bool ahead = r.deleted > now + kMaxClockAhead ||
               (!registry::is_owned(r) && HybridClock::too_far_ahead(r.stamp.major, now));
  bool long_dead = r.tombstone && r.deleted + kTombstoneHorizon < now;
  // A tombstone is as old as its stamp.
  bool backdated = r.tombstone && !registry::is_owned(r) &&
                   HybridClock::from_wall(r.deleted + kMaxClockAhead) < r.stamp.major;
  if (ahead || backdated || (long_dead && known == content_.end()) || !is_permitted(*record))
    return false;
  content_[registry::slot_of(r)] = record;
  return true;
}

// Whoever wrote it down: what counts is the root's signature.
bool StoreModel::is_said_by_root(const RecordValue& value) const {
  if (const auto* revocation = std::get_if<RevocationRecord>(&value)) {
    auto host = verify_revocation(revocation->statement, root_);
    return host && *host == revocation->host;
  }
  const auto& said = std::get<RenewalRecord>(value);
  auto renewal = verify_renewal(said.statement, root_);
  return renewal && renewal->host == said.host && renewal->certificate == said.certificate &&
         renewal->valid_until == said.valid_until && renewal->signed_at == said.signed_at;
}

bool StoreModel::is_permitted(const SignedRecord& record) const {
  const Record& r = record.record;
  auto writer = standing(r.writer);
  if (!writer || !verify_record(record, writer->signing_key)) return false;
  return registry::is_owned(r) || writer->invite.allows_org(r.org);
}

bool StoreModel::merge_host(const SignedRecordPtr& record) {
  const HostRecord& host = *std::get<HostValue>(record->record.value);
  auto certificate = verify_certificate(host.certificate, root_);
  if (!certificate || !verify_record(*record, certificate->signing_key)) return false;
  const Invite& invite = certificate->invite;
  if (invite.host != host.id || invite.name != host.name || invite.region != host.region)
    return false;
  registry::Slot slot = registry::slot_of(record->record);
  auto known = content_.find(slot);
  if (known != content_.end()) {
    auto before = *standing(host.id);
    bool same = before.encoded == certificate->encoded;
    if (same ? !is_newer(*record, *known->second) : !enrolment_wins(*certificate, before))
      return false;
    // What the enrolment that lost has signed is nobody's.
    if (!same)
      std::erase_if(content_, [&](const auto& entry) {
        const Record& r = entry.second->record;
        return r.writer == host.id && !is_root_signed(r.key.kind) &&
               !verify_record(*entry.second, certificate->signing_key);
      });
  }
  content_[slot] = record;
  return true;
}

void StoreModel::collect(WallTime now) {
  std::erase_if(content_, [now](const auto& entry) {
    const Record& r = entry.second->record;
    return r.tombstone && r.deleted + kTombstoneHorizon < now;
  });
}

}  // namespace sixpn::fuzz
