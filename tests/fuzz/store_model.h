// StoreModel: what the store must hold, said as plainly as possible. No hashes, no indexes, no
// order of checks for speed: each record is judged from the records that are there. The store is
// held to it by store_target.cc and by tests/unit/registry/store_model_test.cc.
#pragma once

#include <map>

#include "registry/core/certificate.h"
#include "registry/core/hybrid_clock.h"
#include "registry/core/signed_record.h"
#include "registry/core/slot.h"
#include "registry/core/store.h"

namespace sixpn::fuzz {

class StoreModel {
 public:
  using Content = std::map<registry::Slot, SignedRecordPtr>;
  explicit StoreModel(const PublicKey& root) : root_(root) {}

  // Whether it was taken.
  bool merge(const SignedRecordPtr& record, WallTime now);
  void collect(WallTime now);
  [[nodiscard]] const Content& content() const { return content_; }

 private:
  bool merge_host(const SignedRecordPtr& record);
  [[nodiscard]] bool is_said_by_root(const RecordValue& value) const;
  [[nodiscard]] bool is_permitted(const SignedRecord& record) const;
  [[nodiscard]] std::optional<HostCertificate> standing(HostId host) const;

  PublicKey root_;
  Content content_;
};

}  // namespace sixpn::fuzz
