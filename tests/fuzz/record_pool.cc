#include "tests/fuzz/record_pool.h"

#include "registry/core/certificate.h"
#include "registry/core/hybrid_clock.h"
#include "registry/core/store.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::fuzz {
namespace {

using registry::HybridClock;
using registry::kTombstoneHorizon;
using std::chrono::hours;
using std::chrono::seconds;

struct Hosts {
  const sim::TestCluster& cluster = pool_cluster();
  sim::EnrolledHost any = cluster.enrol(1);
  sim::EnrolledHost acme = cluster.enrol(2, {"acme"});
  sim::EnrolledHost first = cluster.enrol(3, {"*"}, 0);  // three enrolments of one id
  sim::EnrolledHost second = cluster.enrol(3, {"globex"}, 60);
  sim::EnrolledHost third = cluster.enrol(3, {"*"}, 120);
  sim::EnrolledHost stranger = sim::TestCluster("another cluster").enrol(4);
  std::vector<const sim::EnrolledHost*> all = {&any, &acme, &first, &second, &third, &stranger};
};

using Pool = std::vector<SignedRecordPtr>;

void add_hosts(const Hosts& hosts, Pool& pool) {
  for (const auto* host : hosts.all)
    for (std::uint64_t version : {1, 2}) pool.push_back(host->signed_host(1, version));
  sim::EnrolledHost renamed = hosts.any;
  renamed.record.name = "other";
  pool.push_back(renamed.signed_host(9, 9));
  sim::EnrolledHost thief = hosts.acme;  // another's certificate under its own key
  thief.record = hosts.any.record;
  thief.id = hosts.any.id;
  pool.push_back(thief.signed_host(9, 9));
}

void add_random(const Hosts& hosts, Pool& pool) {
  Rng rng(11);
  for (const auto* host : hosts.all)
    for (int i = 0; i < 30; ++i) pool.push_back(host->sign(test::random_record(*host, rng)));
}

void add_forged(const Hosts& hosts, Pool& pool) {
  Rng rng(12);
  for (int i = 0; i < 10; ++i)
    pool.push_back(*sign_record(test::random_record(hosts.any, rng), hosts.acme.key));
}

void add_timed(const Hosts& hosts, Pool& pool) {
  AppRecord app{"timed", "acme", test::kTestNetwork, "", {}};
  for (int age : {-2, 0, 13 * 24, 14 * 24, 15 * 24}) {
    auto of = test::make_shared_record(hosts.any, app, "acme", 1);
    auto deleted = kPoolTime - hours(age);
    pool.push_back(hosts.any.sign(
        test::make_tombstone(of, static_cast<std::uint64_t>(20 - age % 7), deleted)));
    auto machine = test::make_owned_record(hosts.acme, test::make_machine(hosts.acme, 1), 2, 1);
    machine.stamp.minor = static_cast<std::uint64_t>(100 - age % 11);
    machine.tombstone = true;
    machine.value = std::monostate{};
    machine.deleted = deleted;
    pool.push_back(hosts.acme.sign(machine));
  }
  for (int ahead : {0, 299, 301, 3600}) {
    auto stamp = HybridClock::from_wall(kPoolTime + seconds(ahead));
    pool.push_back(hosts.any.sign(test::make_shared_record(hosts.any, app, "acme", stamp)));
  }
}

void add_revocations(const Hosts& hosts, Pool& pool) {
  auto revoke = [&](const sim::EnrolledHost& by, HostId whom, const SigningKey& key) {
    RevocationRecord value{whom, sign_revocation(whom, kPoolTime, key)};
    pool.push_back(by.sign(test::make_shared_record(by, value, "", 5)));
  };
  revoke(hosts.any, hosts.acme.id, hosts.cluster.root());
  revoke(hosts.acme, hosts.acme.id, hosts.cluster.root());
  revoke(hosts.second, hosts.any.id, hosts.cluster.root());
  revoke(hosts.any, hosts.acme.id, hosts.any.key);
}

// Of two enrolments of one id, at two times, and one that says more than the root did.
void add_renewals(const Hosts& hosts, Pool& pool) {
  auto renew = [&](const sim::EnrolledHost& whom, int day, bool stretched) {
    Renewal said{whom.id, certificate_digest(whom.certificate.encoded), kPoolTime + hours(24 * 99),
                 kPoolTime + hours(24 * day)};
    RenewalRecord value{said.host, said.certificate, said.valid_until, said.signed_at,
                        sign_renewal(said, hosts.cluster.root())};
    if (stretched) value.valid_until += hours(1);
    auto stamp = HybridClock::from_wall(said.signed_at);
    for (const auto* by : {&hosts.any, &hosts.stranger})
      pool.push_back(by->sign(test::make_shared_record(*by, value, "", stamp)));
  };
  renew(hosts.first, 1, false);
  renew(hosts.second, 2, false);
  renew(hosts.acme, 3, true);
}

void add_unknown_kinds(const Hosts& hosts, Pool& pool) {
  for (const auto* host : hosts.all) {
    Record record;
    record.key = {static_cast<RecordKind>(77), "thing"};
    record.writer = host->id;
    record.stamp = {3, host->id.value};
    pool.push_back(host->sign(record));
    record.org = "globex";
    pool.push_back(host->sign(record));
  }
}

}  // namespace

const sim::TestCluster& pool_cluster() {
  static const sim::TestCluster made;
  return made;
}

const Pool& record_pool() {
  static const Pool made = [] {
    Hosts hosts;
    Pool pool;
    add_hosts(hosts, pool);
    add_random(hosts, pool);
    add_forged(hosts, pool);
    add_timed(hosts, pool);
    add_revocations(hosts, pool);
    add_renewals(hosts, pool);
    add_unknown_kinds(hosts, pool);
    return pool;
  }();
  return made;
}

const Pool& lasting_pool() {
  static const Pool made = [] {
    Pool pool;
    for (const auto& record : record_pool()) {
      const Record& r = record->record;
      bool ahead = HybridClock::too_far_ahead(r.stamp.major, kPoolTime) && !registry::is_owned(r) &&
                   !is_root_signed(r.key.kind);
      bool dead = r.tombstone && r.deleted + kTombstoneHorizon < kPoolTime;
      if (!ahead && !dead && r.deleted <= kPoolTime) pool.push_back(record);
    }
    return pool;
  }();
  return made;
}

}  // namespace sixpn::fuzz
