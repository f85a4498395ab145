#include "registry/io/registry_service.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <utility>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/log.h"
#include "registry/core/address.h"
#include "registry/core/gossip.h"
#include "registry/core/snapshot_builder.h"
#include "registry/io/disk_queue.h"
#include "registry/io/gossip_socket.h"
#include "registry/io/registry_log.h"
#include "registry/io/sync_endpoint.h"
#include "registry/io/tcp_probe.h"

namespace sixpn::registry {
namespace {

// A change that comes alone is published at once; of many, those that come within a pause make one
// snapshot. The pause is this, or longer where snapshots are dear, so that building them takes at
// most a quarter of the loop.
constexpr Duration kPublishPause = std::chrono::milliseconds(2);
constexpr int kPauseForCost = 3;

// By then a start is over: what its reading, its first probes and views took goes back to the
// kernel, 1.5 MB with 1,000 hosts, in half a millisecond. Once: later what is free is used again.
constexpr Duration kSettled = std::chrono::seconds(30);

}  // namespace

struct RegistryService::Impl {
  Impl(EventLoop& control, RegistryOptions given)
      : loop(control),
        options(std::move(given)),
        rng(random_u64()),
        builder(options.self, options.certificate_grace),
        protocol_timer(control, [this] { perform(gossip->on_timer(read_clocks())); }),
        publish_timer(control, [this] { publish(); }),
        settle_timer(control, [] { ::malloc_trim(0); }) {}

  Result<void> open();
  Result<void> start();
  Result<void> write(const std::vector<LocalWrite>& writes, bool anew = false);
  Result<void> write_own_host(bool anew = false);
  void perform(Gossip::Output out);
  void send(const std::vector<Gossip::Datagram>& datagrams);
  void publish();
  void publish_soon();
  void raise_incarnation(std::uint64_t seen);
  void on_setback(const Disk::Setback& setback);
  [[nodiscard]] bool says_nothing_new(const LocalWrite& write) const;
  void on_sync_records(HostId from, const std::vector<SignedRecordPtr>& records);
  void on_sync_finished(HostId peer, bool settled, Duration come_back);
  void stop();
  [[nodiscard]] bool is_displaced() const;

  EventLoop& loop;
  RegistryOptions options;
  Rng rng;
  std::unique_ptr<DiskQueue> disk;
  std::unique_ptr<Gossip> gossip;
  std::unique_ptr<RecordWriter> writer;
  SnapshotBuilder builder;
  std::unique_ptr<GossipSocket> socket;
  std::unique_ptr<SyncEndpoint> sync;
  std::unique_ptr<TcpProbe> tcp_probe;
  LoopTimer protocol_timer;
  LoopTimer publish_timer;
  LoopTimer settle_timer;
  std::vector<std::function<void(SnapshotPtr)>> subscribers;
  SnapshotPtr snapshot;
  std::uint64_t send_failures = 0;
  bool publish_pending = false;
  bool disk_is_whole = false;  // or is told so with its next batch
  Instant next_publish{};
  bool twin_reported = false;
  bool stopped = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

// ---- life

Result<void> RegistryService::Impl::open() {
  auto opened = Disk::open(options.state_dir);
  if (!opened) return std::move(opened).error();
  auto& file = *opened;
  auto content = file->read();
  if (!content) return std::move(content).error();
  log_unreadable(content->unreadable);
  log_setback(file->take_setback());
  auto incarnation = file->next_incarnation(wall_now());
  if (!incarnation) return std::move(incarnation).error();
  // Found by the first write: what was read is not all in the file that took the damaged one's
  // place.
  auto late = file->take_setback();

  Gossip::Options core;
  core.self = options.self;
  core.root_key = options.root_key;
  core.incarnation = *incarnation << kLifeBits;
  core.expects_peers = options.expects_peers;
  core.loads_whole = content->whole;
  core.signing_key = options.signing_key;
  core.certificate_grace = options.certificate_grace;
  gossip = std::make_unique<Gossip>(core, rng);
  writer = std::make_unique<RecordWriter>(options.self, options.signing_key, *incarnation);
  disk = std::make_unique<DiskQueue>(loop, std::move(*opened),
                                     [this](const auto& setback) { on_setback(setback); });
  auto loaded = gossip->load(read_clocks(), content->records);
  builder.touch(loaded.changes);
  for (const auto& slot : loaded.changes.slots)  // what an earlier life had let go of
    if (gossip->store().find(slot) == nullptr) disk->put(slot, nullptr);
  disk_is_whole = content->whole && !late.any() && gossip->synced();
  if (late.any()) on_setback(late);
  content->records = {};
  // Signed anew in each life: who left before is let in by it (Gossip::welcome_back). Displaced,
  // this host says nothing any more, but its operator can ask it why.
  if (auto own = write_own_host(true); !own && !is_displaced()) return own;
  publish();
  // The rows as they were read are a third of the memory at this point: back to the kernel with it.
  ::malloc_trim(0);
  return {};
}

Result<void> RegistryService::Impl::start() {
  Ip6 address = options.bind_address.value_or(host_address(options.self));
  auto bound =
      GossipSocket::open(loop, address, options.port, [this](HostId from, std::string_view bytes) {
        perform(gossip->on_datagram(read_clocks(), from, bytes));
      });
  if (!bound) return std::move(bound).error();
  SyncEndpoint::Callbacks callbacks;
  callbacks.is_member = [this](HostId host) {
    return gossip->membership().status(host).has_value() && host != options.self &&
           gossip->floods().admits_sync(monotonic_now(), host);
  };
  callbacks.is_filling = [this] { return gossip->is_filling(); };
  callbacks.to_compare = [this](HostId peer) { return gossip->to_compare(peer); };
  callbacks.on_records = [this](HostId from, const auto& records) {
    on_sync_records(from, records);
  };
  callbacks.on_question = [this](HostId from, std::string_view question) {
    auto out = gossip->on_question(read_clocks(), from, question);
    auto answers = std::move(out.answers);
    perform(std::move(out));
    return answers;
  };
  callbacks.on_finished = [this](HostId peer, bool settled, Duration come_back) {
    on_sync_finished(peer, settled, come_back);
  };
  auto endpoint = std::make_unique<SyncEndpoint>(loop, rng, gossip->store(), address, options.port,
                                                 std::move(callbacks));
  if (auto listening = endpoint->listen(); !listening) return listening;
  socket = std::move(*bound);
  sync = std::move(endpoint);
  tcp_probe = std::make_unique<TcpProbe>(
      loop, address, options.port, [this](HostId host, bool answered, const auto& said) {
        perform(gossip->on_tcp_probe(read_clocks(), host, answered, said));
      });
  perform(gossip->start(read_clocks()));
  settle_timer.arm_after(kSettled);
  return {};
}

void RegistryService::Impl::stop() {
  if (std::exchange(stopped, true)) return;
  protocol_timer.cancel();
  publish_timer.cancel();
  settle_timer.cancel();
  tcp_probe.reset();
  sync.reset();
  socket.reset();
  disk.reset();
  subscribers.clear();
}

// Damage that was found while running costs nothing: all of it is still in memory.
void RegistryService::Impl::on_setback(const Disk::Setback& setback) {
  log_setback(setback);
  if (stopped) return;
  log::info("registry", "all {} records are written to the new database",
            gossip->store().records().size());
  disk->put_incarnation(writer->incarnation());
  for (const auto& record : gossip->store().records()) disk->put(slot_of(record->record), record);
  if (gossip->synced()) disk->put_whole();
}

// ---- writing

Result<void> RegistryService::Impl::write_own_host(bool anew) {
  LocalWrite own;
  own.value = options.own_host;
  return write({own}, anew).within("publishing this host");
}

// Rewriting what is already said would only make traffic.
bool RegistryService::Impl::says_nothing_new(const LocalWrite& write) const {
  if (write.erase) return false;
  Record record;
  record.key = key_of(write.value);
  record.writer = options.self;
  record.org = write.org;
  auto known = gossip->store().find(slot_of(record));
  return known && !known->record.tombstone && known->record.value == write.value;
}

Result<void> RegistryService::Impl::write(const std::vector<LocalWrite>& writes, bool anew) {
  std::vector<SignedRecordPtr> records;
  Now now = read_clocks();
  for (auto write : writes) {
    if (!anew && says_nothing_new(write)) continue;
    name_network(write, options.self, gossip->store());
    auto record = writer->sign(write, gossip->clock(), now.wall);
    if (!record) return std::move(record).error();
    records.push_back(std::move(*record));
  }
  if (records.empty()) return {};
  auto out = gossip->on_local_write(now, records);
  Result<void> outcome;
  if (out.refused) outcome = *out.refused;
  perform(std::move(out));
  return outcome;
}

// Another life of this host (before its disk was lost or restored) was ahead of this one.
void RegistryService::Impl::raise_incarnation(std::uint64_t seen) {
  if (seen < writer->incarnation()) return;
  writer->raise_incarnation(seen + 1);
  disk->put_incarnation(seen + 1);
  log_later_life();
  // Not from within the event that told us.
  loop.post([this, weak = std::weak_ptr<bool>(alive)] {
    if (weak.expired() || stopped) return;
    if (auto own = write_own_host(); !own) log::error("registry", "{}", own.error().message);
  });
}

// ---- performing

void RegistryService::Impl::perform(Gossip::Output out) {
  if (stopped) return;
  for (const auto& slot : out.changes.slots) disk->put(slot, gossip->store().find(slot));
  if (gossip->synced() && !std::exchange(disk_is_whole, true)) disk->put_whole();
  builder.touch(out.changes);
  send(out.datagrams);
  for (HostId peer : out.syncs) {
    if (sync) {
      sync->connect(peer);
    } else {
      on_sync_finished(peer, false, {});
    }
  }
  if (out.own_incarnation_seen != 0) raise_incarnation(out.own_incarnation_seen);
  log_floods(gossip->floods().take_reports(monotonic_now()), snapshot.get());
  log_members(out, gossip->store(), options.port);
  if (out.twin && !std::exchange(twin_reported, true)) log_twin();
  for (auto& question : out.tcp_probes)
    if (tcp_probe) tcp_probe->ask(question.to, std::move(question.bytes));
  if (out.snapshot_dirty) publish_soon();
  if (socket) protocol_timer.arm_at(out.wake);
}

void RegistryService::Impl::send(const std::vector<Gossip::Datagram>& datagrams) {
  if (!socket || datagrams.empty()) return;
  std::size_t taken = 0;
  for (const auto& datagram : datagrams) taken += socket->send(datagram.to, datagram.bytes) ? 1 : 0;
  send_failures += datagrams.size() - taken;
  gossip->on_sent(monotonic_now(), taken, datagrams.size() - taken);
}

void RegistryService::Impl::on_sync_records(HostId from,
                                            const std::vector<SignedRecordPtr>& records) {
  perform(gossip->on_sync_records(read_clocks(), from, records));
}

void RegistryService::Impl::on_sync_finished(HostId peer, bool settled, Duration come_back) {
  perform(gossip->on_sync_finished(read_clocks(), peer, settled, come_back));
}

// Another enrolment of our own host id has taken our record's place.
bool RegistryService::Impl::is_displaced() const {
  const HostCertificate* standing = gossip->store().certificate_of(options.self);
  return standing != nullptr && standing->encoded != options.own_host.certificate;
}

// ---- snapshots

// Not from within the event that changed something: others that arrived with it join.
void RegistryService::Impl::publish_soon() {
  if (std::exchange(publish_pending, true)) return;
  if (monotonic_now() < next_publish) return publish_timer.arm_at(next_publish);
  loop.post([this, weak = std::weak_ptr<bool>(alive)] {
    if (!weak.expired() && !stopped && publish_pending) publish();
  });
}

void RegistryService::Impl::publish() {
  publish_pending = false;
  publish_timer.cancel();
  const Instant begin = monotonic_now();
  builder.set_held(gossip->held());
  auto before = std::exchange(
      snapshot, builder.build(gossip->store(), gossip->membership(), gossip->synced(), wall_now()));
  if (before && !before->hosts.is(snapshot->hosts)) log_hosts(*before, *snapshot);
  // A subscriber may add another.
  for (std::size_t i = 0; i < subscribers.size(); ++i) subscribers[i](snapshot);
  const Instant end = monotonic_now();
  next_publish = end + std::max(kPublishPause, kPauseForCost * (end - begin));
}

// ---- public

RegistryService::RegistryService(EventLoop& loop, RegistryOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(options))) {}

RegistryService::~RegistryService() {
  stop();
}

Result<void> RegistryService::open() {
  return impl_->open().within("registry in " + impl_->options.state_dir);
}

Result<void> RegistryService::start() {
  return impl_->start().within("registry");
}

void RegistryService::stop() {
  impl_->stop();
}

void RegistryService::leave(std::function<void()> done) {
  if (!impl_->stopped) impl_->perform(impl_->gossip->leave(read_clocks()));
  impl_->stop();
  impl_->loop.post(std::move(done));
}

void RegistryService::write(std::vector<LocalWrite> writes,
                            std::function<void(Result<void>)> done) {
  Impl& impl = *impl_;
  Result<void> outcome = impl.stopped ? Error("the registry has stopped") : impl.write(writes);
  if (!outcome)
    return impl.loop.post(
        [done = std::move(done), outcome = std::move(outcome)] { done(outcome); });
  impl.publish();
  impl.disk->flush([done = std::move(done)] { done({}); });
}

Result<void> RegistryService::check_room() const {
  Record machine;
  machine.key.kind = RecordKind::kMachine;
  machine.writer = impl_->options.self;
  if (!impl_->gossip || impl_->gossip->store().has_room(machine)) return {};
  constexpr StoreLimits kLimits;
  return Error(fmt::format(
      "the registry has no room for another machine of this host: a host may have {} records, and "
      "{} deletions in {} days; all hosts {}",
      kLimits.records_per_writer, kLimits.tombstones_per_writer, kTombstoneHorizon.count() / 24,
      kLimits.records));
}

void RegistryService::admit(SignedRecordPtr host_record) {
  if (!impl_->stopped) impl_->perform(impl_->gossip->admit(read_clocks(), host_record));
}

SignedRecordPtr RegistryService::own_host_record() const {
  return impl_->gossip && !impl_->is_displaced()
             ? impl_->gossip->store().host_record(impl_->options.self)
             : nullptr;
}

void RegistryService::update_own_host(HostRecord record) {
  impl_->options.own_host = std::move(record);
  if (impl_->stopped || !impl_->gossip) return;
  if (auto own = impl_->write_own_host(); !own) log::error("registry", "{}", own.error().message);
}

SnapshotPtr RegistryService::snapshot() const {
  return impl_->snapshot;
}

void RegistryService::on_snapshot(std::function<void(SnapshotPtr)> subscriber) {
  impl_->subscribers.push_back(std::move(subscriber));
  if (impl_->snapshot) impl_->subscribers.back()(impl_->snapshot);
}

std::vector<SignedRecordPtr> RegistryService::dump() const {
  std::vector<SignedRecordPtr> out;
  if (!impl_->gossip) return out;
  for (const auto& record : impl_->gossip->store().records()) out.push_back(record);
  return out;
}

Counters RegistryService::counters() const {
  Counters out = impl_->gossip ? impl_->gossip->counters() : Counters{};
  out.send_failures = impl_->send_failures;
  if (impl_->socket) out.dropped_stranger += impl_->socket->strangers();
  if (impl_->sync) out.dropped_malformed += impl_->sync->counts().malformed;
  return out;
}

std::vector<HostId> RegistryService::flooding() const {
  return impl_->gossip ? impl_->gossip->floods().limited(monotonic_now()) : std::vector<HostId>();
}

void RegistryService::note_second_enrolment(const HostCertificate& refused) {
  if (impl_->gossip) impl_->gossip->note_second_enrolment(read_clocks(), refused);
}

std::map<HostId, LastHeard> RegistryService::last_heard() const {
  std::map<HostId, LastHeard> out;
  if (!impl_->gossip) return out;
  const Instant now = read_clocks().mono;
  for (const auto& [host, view] : impl_->snapshot->hosts) {
    auto heard = impl_->gossip->membership().heard(host);
    out[host] = {heard ? std::optional(now - *heard) : std::nullopt,
                 impl_->gossip->clock_ahead(host)};
  }
  return out;
}

// This host's own loss is known from its disk too, after a restart.
std::map<HostId, EnrolmentConflict> RegistryService::conflicts() const {
  if (!impl_->gossip) return {};
  auto out = impl_->gossip->conflicts().all();
  if (!impl_->is_displaced()) return out;
  auto own = verify_certificate(impl_->options.own_host.certificate, impl_->options.root_key);
  const HostId self = impl_->options.self;
  if (own) out[self] = {*impl_->gossip->store().certificate_of(self), *own, wall_now()};
  return out;
}

Keeping RegistryService::keeping() const {
  if (!impl_->gossip) return {};
  return {[this](NetworkId network) { return impl_->gossip->may_let_go(network); },
          impl_->gossip->orphans()};
}

std::optional<Error> RegistryService::disk_error() const {
  return impl_->disk ? impl_->disk->error() : std::nullopt;
}

}  // namespace sixpn::registry
