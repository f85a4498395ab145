// The store against its model: the input is a program of merges, of time that passes and of
// collections. After each step both hold the same records.
#include <algorithm>
#include <set>

#include "registry/core/store.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/record_pool.h"
#include "tests/fuzz/store_model.h"
#include "tests/fuzz/targets.h"

namespace sixpn::fuzz {
namespace {

using registry::Store;
using registry::Verdict;

constexpr std::size_t kMaxSteps = 400;

std::uint64_t leading_u64(const RecordDigest& digest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest.at(i);
  return value;
}

// What the store derives from its records, worked out anew.
void check_derived(const Store& store, const StoreModel& model) {
  std::uint64_t root = 0;
  std::set<HostId> revoked;
  for (const auto& [slot, record] : model.content()) {
    root += leading_u64(record->digest);
    if (const auto* revocation = std::get_if<RevocationRecord>(&record->record.value))
      revoked.insert(revocation->host);
  }
  SIXPN_PROMISE(store.root_hash() == root);
  std::uint64_t buckets = 0;
  for (auto bucket : store.bucket_hashes()) buckets += bucket;
  SIXPN_PROMISE(buckets == root);
  SIXPN_PROMISE(store.revoked() == revoked);
  SIXPN_PROMISE(store.check_invariants());
}

}  // namespace

void store(std::string_view bytes) {
  const auto& pool = record_pool();
  Store subject(pool_cluster().root().public_key());
  StoreModel model(pool_cluster().root().public_key());
  WallTime now = kPoolTime;
  Choices choices(bytes);
  for (std::size_t step = 0; step < kMaxSteps && !choices.empty(); ++step) {
    std::uint8_t what = choices.byte();
    if (what < 240) {
      const auto& record = pool[(what + std::size_t{240} * (choices.byte() & 1)) % pool.size()];
      bool foretold = subject.judge(*record, now) == Verdict::kAccepted;
      bool taken = subject.merge(record, now) == Verdict::kAccepted;
      SIXPN_PROMISE(taken == foretold && taken == model.merge(record, now));
      SIXPN_PROMISE(subject.merge(record, now) != Verdict::kAccepted);  // once is enough
    } else if (what < 248) {
      now += std::chrono::hours(choices.byte());
    } else {
      subject.collect(now);
      model.collect(now);
    }
    auto same = [](const SignedRecordPtr& record, const auto& entry) {
      return registry::slot_of(record->record) == entry.first && record == entry.second;
    };
    SIXPN_PROMISE(std::equal(subject.records().begin(), subject.records().end(),
                             model.content().begin(), model.content().end(), same));
  }
  check_derived(subject, model);
}

}  // namespace sixpn::fuzz
