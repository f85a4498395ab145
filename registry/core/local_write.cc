#include "registry/core/local_write.h"

#include "registry/core/slot.h"
#include "registry/core/store.h"

namespace sixpn::registry {

void name_network(LocalWrite& write, HostId self, const Store& store) {
  if (!write.erase || write.key.kind != RecordKind::kMachine) return;
  if (auto known = store.find({write.key, to_string(self)}))
    write.network = interest_network(known->record);
}

Result<SignedRecordPtr> RecordWriter::sign(const LocalWrite& write, HybridClock& clock,
                                           WallTime now) {
  Record record;
  record.key = write.erase ? write.key : key_of(write.value);
  record.writer = self_;
  record.org = write.org;
  record.tombstone = write.erase;
  if (write.erase) {
    record.deleted = now;
    record.network = write.network;
  } else {
    record.value = write.value;
  }
  if (is_owned(record)) {
    record.stamp = {incarnation_, ++version_};
  } else if (const auto* renewal = std::get_if<RenewalRecord>(&record.value)) {
    record.stamp = {HybridClock::from_wall(renewal->signed_at), self_.value};
  } else {
    record.stamp = {clock.tick(now), self_.value};
  }
  return sign_record(record, key_);
}

void RecordWriter::raise_incarnation(std::uint64_t incarnation) {
  if (incarnation <= incarnation_) return;
  incarnation_ = incarnation;
  version_ = 0;
}

}  // namespace sixpn::registry
