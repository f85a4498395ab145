#include "registry/core/local_write.h"

#include "registry/core/slot.h"

namespace sixpn::registry {

Result<SignedRecordPtr> RecordWriter::sign(const LocalWrite& write, HybridClock& clock,
                                           WallTime now) {
  Record record;
  record.key = write.erase ? write.key : key_of(write.value);
  record.writer = self_;
  record.org = write.org;
  record.tombstone = write.erase;
  if (write.erase) {
    record.deleted = now;
  } else {
    record.value = write.value;
  }
  record.stamp =
      is_owned(record) ? Stamp{incarnation_, ++version_} : Stamp{clock.tick(now), self_.value};
  return sign_record(record, key_);
}

void RecordWriter::raise_incarnation(std::uint64_t incarnation) {
  if (incarnation <= incarnation_) return;
  incarnation_ = incarnation;
  version_ = 0;
}

}  // namespace sixpn::registry
