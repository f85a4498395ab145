// The simulator's clock, hosts and datagrams. Disks: simulator_disks.cc. Sync sessions:
// simulator_streams.cc; knocks: simulator_knocks.cc; who is who: simulator_trust.cc; questions:
// simulator_questions.cc.
#include "tests/sim/simulator.h"

#include <algorithm>
#include <stdexcept>

#include "tests/sim/simulator_node.h"

namespace sixpn::sim {

using registry::Gossip;

namespace {

const WallTime kEpoch = from_unix_ms(1'800'000'000'000);
constexpr std::uint16_t kWireGuardPort = 51820;
constexpr Duration kDiskDelay = 250ms;  // remote records reach the disk in batches
// More than a host's timers are ever apart, whatever its health: beside three others or more;
// beside fewer. So it notices such stalls. Nobody can have been asked in vain so soon after one.
constexpr Duration kLongStall = 1500ms;
constexpr Duration kLongStallOfFew = 3500ms;
constexpr Duration kStallWindow = 1s;
constexpr std::uint64_t kFullCheckEvery = 4096;  // checks between checks of a whole store

std::vector<std::string> regions_of(const SimOptions& options) {
  std::vector<std::string> regions = {"iad", "fra", "nrt"};
  if (!options.network.geographic) return regions;
  regions.clear();
  for (unsigned i = 0; i < kRegionCount; ++i) regions.push_back(region_name(i));
  return regions;
}

std::uint64_t unix_seconds(WallTime t) {
  return static_cast<std::uint64_t>(unix_ms(t) / 1000);
}

registry::Slot own_slot(const EnrolledHost& host) {
  return {host_key(host.id), to_string(host.id)};
}

// Claims about members are signed, in builds that do.
void give_key(auto& options, const SigningKey& key) {
  if constexpr (requires { options.signing_key; }) options.signing_key = key;
}

}  // namespace

Simulator::Simulator(SimOptions options)
    : options_(std::move(options)),
      cluster_("test cluster", regions_of(options_)),
      rng_(options_.seed),
      network_(options_.network, options_.hosts) {
  if (options_.invites_last) cluster_.set_invites_expire(kEpoch + std::chrono::hours(1));
  for (unsigned i = 0; i < options_.hosts; ++i) {
    auto skew = static_cast<std::int64_t>(
        rng_.below(static_cast<std::uint64_t>(2 * options_.clock_skew.count() + 1)));
    nodes_.push_back(std::unique_ptr<Node>(
        new Node{.index = i, .identity = enrol(i), .rng = Rng(options_.seed * 1000 + i)}));
    nodes_.back()->metered = options_.metered && options_.metered(i);
    nodes_.back()->skew = std::chrono::milliseconds(skew) - options_.clock_skew;
    nodes_.back()->identity.record.endpoints = {underlay_of(i, kWireGuardPort)};
  }
  if (options_.twin) distrust(options_.twin->first ? options_.twin->of : options_.hosts - 1);
}

Simulator::~Simulator() = default;

// ---- events
// ----------------------------------------------------------------------------------------

void Simulator::schedule(Instant when, Event event) {
  events_.push(std::max(when, now_), std::move(event));
}

void Simulator::at(Duration from_now, std::function<void()> action) {
  Event event;
  event.action = [action = std::move(action)](Node*) { action(); };
  schedule(now_ + from_now, std::move(event));
}

void Simulator::deliver(Instant when, unsigned host, std::function<void(Node&)> action) {
  Event event{.kind = Kind::kNodeAction, .host = host, .life = nodes_[host]->life};
  event.action = [action = std::move(action)](Node* node) { action(*node); };
  schedule(when, std::move(event));
}

void Simulator::run_for(Duration time) {
  Instant end = now_ + time;
  while (!events_.empty() && events_.next() <= end) {
    now_ = events_.next();
    ++event_count_;
    happen(events_.pop());
  }
  now_ = end;
}

// An event of a host happens when it is neither stalled nor another process life by then.
void Simulator::happen(Event event) {
  if (event.kind == Kind::kAction) return event.action(nullptr);
  Node& node = *nodes_[event.host];
  if (node.life != event.life || !node.running) return;
  if (node.stalled_until > now_) return schedule(node.stalled_until, std::move(event));
  switch (event.kind) {
    case Kind::kTimer:
      on_timer(node, event.timer);
      break;
    case Kind::kDatagram:
      on_datagram(node, event.source, *event.bytes);
      break;
    default:
      event.action(&node);
  }
  check_accusations(node);
  if (event_count_ % options_.check_every == 0) check(node);
}

// Whoever slept accuses nobody of having been silent meanwhile.
void Simulator::check_accusations(Node& node) {
  if (!node.running) return;
  const auto& membership = node.gossip->membership();
  if (membership.counters().accusations == node.accusations) return;
  node.accusations = membership.counters().accusations;
  bool few = membership.living().size() < registry::kProbesPerInterval;
  Duration slept = node.stalled_until - node.stalled_from;
  if (node.lifeguard && slept >= (few ? kLongStallOfFew : kLongStall) &&
      now_ - node.stalled_until < kStallWindow)
    broken(node, "accused another right after its own stall");
}

// One event per host waits at the earliest wake-up asked for; a later wish moves it when it fires.
void Simulator::arm(Node& node, Instant wake) {
  node.wake = wake;
  if (wake >= node.timer_at) return;
  node.timer_at = wake;
  Event event{.kind = Kind::kTimer, .host = node.index, .life = node.life};
  event.timer = ++node.timer;
  schedule(wake, std::move(event));
}

void Simulator::on_timer(Node& node, std::uint64_t timer) {
  if (timer != node.timer) return;
  node.timer_at = kNever;
  if (node.wake > now_) return arm(node, node.wake);
  perform(node, metered(node, [&] { return node.gossip->on_timer(clocks(node)); }));
}

void Simulator::on_datagram(Node& node, unsigned source, const std::string& bytes) {
  if (!network_.passes(source, node.index) || !has_tunnel(node, *nodes_[source])) return;
  if (tap_) tap_(source, node.index, bytes);
  perform(node, metered(node, [&] {
            return node.gossip->on_datagram(clocks(node), nodes_[source]->identity.id, bytes);
          }));
}

std::optional<Duration> Simulator::run_until(const std::function<bool()>& condition, Duration limit,
                                             Duration step) {
  Instant begin = now_;
  while (!condition()) {
    if (now_ - begin >= limit) return std::nullopt;
    run_for(step);
  }
  return now_ - begin;
}

void Simulator::check(Node& node) {
  if (!node.running) return;
  ++check_count_;
  if (!node.gossip->check_invariants()) broken(node, "broke an invariant");
  if (check_count_ % kFullCheckEvery == 0 && !node.gossip->store().check_invariants())
    broken(node, "broke an invariant of its store");
}

void Simulator::broken(const Node& node, const std::string& what) const {
  throw std::logic_error("host " + std::to_string(node.index) + " " + what + "; " + replay_hint());
}

void Simulator::record_effect(unsigned host, std::string_view bytes) {
  auto mix = [this](std::uint64_t v) {
    effects_ = (effects_ ^ v) * 0x100000001b3ULL;
    effects_ ^= effects_ >> 29;
  };
  mix(host);
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  mix(std::hash<std::string_view>{}(bytes));
}

Now Simulator::clocks(const Node& node) const {
  auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  return {now_, kEpoch + elapsed + node.skew};
}

// ---- hosts
// -----------------------------------------------------------------------------------------

void Simulator::start_all() {
  if (options_.warm) warm_up();
  for (auto& node : nodes_) begin_life(*node);
  if (options_.warm) return;
  for (auto& node : nodes_) {
    bool is_twin = options_.twin && node->index + 1 == options_.hosts;
    if (node->index != 0) knock(node->index, is_twin ? options_.twin->door : 0);
  }
}

// Every disk holds every host's record.
void Simulator::warm_up() {
  std::vector<SignedRecordPtr> records;
  for (auto& node : nodes_) {
    records.push_back(node->identity.signed_host(1, 1));
    if (options_.interests) {
      registry::RecordWriter writer(node->identity.id, node->identity.key, 1);
      registry::HybridClock clock;
      auto said = writer.sign({options_.interests(node->index), false, {}, ""}, clock, kEpoch);
      if (said) records.push_back(*said);
    }
  }
  for (const auto& record : records) checks_.learn(record);
  for (auto& node : nodes_)
    for (const auto& record : records)
      if (record->record.writer == node->identity.id || !rng_.chance(options_.warm_without))
        node->disk[registry::slot_of(record->record)] = record;
}

void Simulator::knock(unsigned host, unsigned door) {
  Node& guest = *nodes_[host];
  Node& keeper = *nodes_[door];
  if (!guest.running || !keeper.running) return;
  auto card = own_record(guest);
  auto answer = own_record(keeper);
  perform(keeper, keeper.gossip->admit(clocks(keeper), card));
  perform(guest, guest.gossip->admit(clocks(guest), answer));
}

// As the daemon: above every number used before, and never below the Unix time in seconds, so that
// a lost or restored disk does not lead to a number twice.
void Simulator::begin_life(Node& node) {
  ++node.life;
  node.running = true;
  node.stalled_from = node.stalled_until = {};
  node.accusations = 0;
  node.timer_at = kNever;
  node.seen.clear();
  node.sync_pace = {};
  Gossip::Options options;
  options.self = node.identity.id;
  options.root_key = cluster_.root().public_key();
  node.incarnation = std::max(node.incarnation + 1, unix_seconds(clocks(node).wall));
  options.incarnation = node.incarnation << 16;
  options.expects_peers = node.index != 0 || !node.contacts.empty();
  options.loads_whole = node.disk_is_whole || options_.warm;
  options.checks = checks_.checks();
  give_key(options, node.identity.key);
  if (options_.configure) options_.configure(node.index, options);
  node.lifeguard = options.membership.lifeguard;
  node.gossip = std::make_unique<Gossip>(options, node.rng);
  node.writer = std::make_unique<registry::RecordWriter>(node.identity.id, node.identity.key,
                                                         node.incarnation);
  std::vector<SignedRecordPtr> read_back;
  for (const auto& [slot, record] : node.disk) read_back.push_back(record);
  perform(node, node.gossip->load(clocks(node), read_back));
  if (options.expects_peers && !options.loads_whole && node.gossip->synced())
    broken(node, "took a part of the registry for all of it");
  if (!options_.warm)
    for (const auto& record : node.gossip->store().records())
      node.seen[registry::slot_of(record->record)] = record;
  registry::LocalWrite own;
  own.value = node.identity.record;
  // A warm start is one where nothing has changed: else a thousand host records would spread first.
  bool known = options_.warm && node.life == 1 && node.disk.contains(own_slot(node.identity));
  if (!known && !write(node.index, own) && node.trusted)
    throw std::logic_error("a host refused its own record");
  perform(node, node.gossip->start(clocks(node)));
  begin_knocking(node);
}

bool Simulator::write(unsigned host, registry::LocalWrite write) {
  Node& node = *nodes_[host];
  if (!runs_now(node)) return false;
  Now now = clocks(node);
  registry::name_network(write, node.identity.id, node.gossip->store());
  auto record =
      metered(node, [&] { return node.writer->sign(write, node.gossip->clock(), now.wall); });
  if (!record) return false;
  checks_.learn(*record);
  auto out = metered(node, [&] { return node.gossip->on_local_write(now, {*record}); });
  bool accepted = !out.refused;
  if (accepted) {
    persist(node, out.changes, now_);
    if (node.trusted || node.revoked) remember(node, *record);
  }
  perform(node, std::move(out));
  check(node);
  return accepted;
}

void Simulator::crash(unsigned host) {
  Node& node = *nodes_[host];
  node.running = false;
  ++node.life;
  node.knocking.reset();
  node.served.clear();
  node.gossip.reset();
}

bool Simulator::leave(unsigned host) {
  Node& node = *nodes_[host];
  if (!runs_now(node)) return false;
  perform(node, node.gossip->leave(clocks(node)));
  return true;
}

void Simulator::restart(unsigned host) {
  begin_life(*nodes_[host]);
}

bool Simulator::runs_now(const Node& node) const {
  return node.running && node.stalled_until <= now_;
}

void Simulator::stall(unsigned host, Duration time) {
  Node& node = *nodes_[host];
  if (node.stalled_until < now_) node.stalled_from = now_;
  node.stalled_until = std::max(node.stalled_until, now_ + time);
}

void Simulator::set_skew(unsigned host, std::chrono::milliseconds skew) {
  nodes_[host]->skew = skew;
}

// ---- performing a host's output
// --------------------------------------------------------------------

void Simulator::perform(Node& node, Gossip::Output out) {
  watch_changes(node, out.changes);
  persist(node, out.changes, now_ + kDiskDelay);
  if (out.own_incarnation_seen > node.incarnation) {
    node.incarnation = out.own_incarnation_seen + 1;
    node.writer->raise_incarnation(node.incarnation);
  }
  for (auto& datagram : out.datagrams) transmit(node, datagram.to, std::move(datagram.bytes));
  for (HostId peer : out.syncs) open_stream(node, peer);
  for (auto& question : out.tcp_probes) ask_by_tcp(node, question.to, std::move(question.bytes));
  if (death_watch_)
    for (const auto& death : out.deaths) death_watch_(node.index, death);
  arm(node, out.wake);
  follow_contact(node);
}

void Simulator::transmit(Node& from, HostId to_id, std::string bytes) {
  record_effect(from.index, bytes);
  auto known = reached_as(from, to_id);
  unsigned to = known.value_or(options_.hosts);
  ++packets_;
  packet_bytes_ += bytes.size();
  if (sent_tap_) sent_tap_(from.index, to, bytes);
  if (!known || !nodes_[to]->running) return;
  auto arrivals = network_.carry(from.index, to, now_, rng_);
  if (arrivals.empty()) return;
  auto shared = std::make_shared<const std::string>(std::move(bytes));
  for (Duration delay : arrivals) {
    Event event{.kind = Kind::kDatagram,
                .host = to,
                .source = from.index,
                .life = nodes_[to]->life,
                .timer = 0,
                .bytes = shared};
    schedule(now_ + delay, std::move(event));
  }
}

// A connection, the question and its answer. Streams are reliable here, so loss does not delay it.
// What no tunnel carries is not heard, and the probe that asked has its own deadline.
void Simulator::ask_by_tcp(Node& from, HostId to, std::string question) {
  unsigned peer = reached_as(from, to).value();
  record_effect(from.index, question);
  if (!reachable(from.index, peer)) return;
  Duration there = 3 * network_.delay(from.index, peer, rng_);
  auto ask = [this, source = from.index, to, question = std::move(question)](Node& self) {
    if (!has_tunnel(self, *nodes_[source])) return;
    auto out = self.gossip->on_question(clocks(self), nodes_[source]->identity.id, question);
    auto answers = std::move(out.answers);
    for (const auto& answer : answers) record_effect(self.index, answer);
    perform(self, std::move(out));
    if (!reachable(self.index, source)) return;
    deliver(now_ + network_.delay(self.index, source, rng_), source,
            [this, to, asked = self.index, answers = std::move(answers)](Node& asker) {
              if (!has_tunnel(asker, *nodes_[asked])) return;
              perform(asker, asker.gossip->on_tcp_probe(clocks(asker), to, true, answers));
            });
  };
  deliver(now_ + there, peer, std::move(ask));
}

void Simulator::inject(unsigned from, unsigned to, std::string bytes) {
  if (nodes_[from]->running) transmit(*nodes_[from], nodes_[to]->identity.id, std::move(bytes));
}

void Simulator::inject_record(unsigned from, unsigned to, const SignedRecordPtr& record) {
  if (!nodes_[from]->running || !reachable(from, to)) return;
  deliver(now_ + network_.delay(from, to, rng_), to, [this, from, record](Node& self) {
    perform(self, self.gossip->on_sync_records(clocks(self), nodes_[from]->identity.id, {record}));
  });
}

// What a host has accepted was signed by its writer, and never goes back within a process life: but
// for the word of a host whose other enrolment has displaced it.
void Simulator::watch_changes(Node& node, const registry::Changes& changes) {
  if (options_.warm && !watch_) return;
  for (const auto& slot : changes.slots) {
    auto record = node.gossip->store().find(slot);
    if (watch_ && record) watch_(node.index, record);
    if (options_.warm) continue;
    auto before = node.seen.find(slot);
    if (!record) {
      if (before != node.seen.end()) node.seen.erase(before);
      continue;
    }
    const Record& r = record->record;
    if (!is_signed_by_writer(*record)) broken(node, "holds a forged " + to_string(r.key));
    bool is_twins = options_.twin && r.writer == host_id(options_.twin->of);
    if (before != node.seen.end() && r.stamp < before->second->record.stamp && !is_twins)
      broken(node, "went back to an older " + to_string(r.key));
    node.seen[slot] = record;
  }
}

}  // namespace sixpn::sim
