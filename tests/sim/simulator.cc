#include "tests/sim/simulator.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace sixpn::sim {

using registry::Gossip;
using registry::SyncSession;

namespace {

const WallTime kEpoch = from_unix_ms(1'800'000'000'000);
constexpr Duration kDiskDelay = 100ms;           // remote records reach the disk in batches
constexpr Duration kStreamTimeout = 5s;          // a stream whose peer is gone
constexpr std::uint64_t kFullCheckEvery = 4096;  // events between checks of a whole store

}  // namespace

std::uint64_t seed_from_environment(std::uint64_t fallback) {
  const char* text = std::getenv("SIXPN_SIM_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

struct Simulator::Node {
  unsigned index;
  EnrolledHost identity;
  Rng rng;
  std::chrono::milliseconds skew{0};
  int group = 0;
  Instant stalled_until{};
  // One process life; `life` counts them, so that events of an earlier life find nobody.
  std::uint64_t life = 0;
  bool running = false;
  std::unique_ptr<Gossip> gossip;
  std::unique_ptr<registry::RecordWriter> writer;
  std::uint64_t timer = 0;  // generation of the armed timer
  // Survives a crash.
  std::uint64_t incarnation = 0;
  std::map<registry::Slot, SignedRecordPtr> disk;
};

struct Simulator::Stream {
  unsigned initiator;
  unsigned responder;
  std::uint64_t initiator_life;
  std::uint64_t responder_life;
  SyncSession near;
  SyncSession far;
  Instant near_last;  // arrival of the last chunk in each direction: streams keep order
  Instant far_last;
  bool closed = false;
};

Simulator::Simulator(SimOptions options) : options_(options), rng_(options.seed) {
  for (unsigned i = 0; i < options.hosts; ++i) {
    auto skew = static_cast<std::int64_t>(
        rng_.below(static_cast<std::uint64_t>(2 * options.clock_skew.count() + 1)));
    nodes_.push_back(std::unique_ptr<Node>(
        new Node{.index = i, .identity = cluster_.enrol(i), .rng = Rng(options.seed * 1000 + i)}));
    nodes_.back()->skew = std::chrono::milliseconds(skew) - options.clock_skew;
  }
}

Simulator::~Simulator() = default;

// ---- events
// ----------------------------------------------------------------------------------------

void Simulator::schedule(Instant when, std::function<void()> action) {
  events_.push({std::max(when, now_), ++order_, std::move(action)});
}

void Simulator::at(Duration from_now, std::function<void()> action) {
  schedule(now_ + from_now, std::move(action));
}

void Simulator::deliver(Instant when, unsigned host, std::function<void(Node&)> action) {
  schedule(when, [this, host, life = nodes_[host]->life, action = std::move(action)] {
    Node& node = *nodes_[host];
    if (node.life != life || !node.running) return;
    if (node.stalled_until > now_) return deliver(node.stalled_until, host, action);
    action(node);
    check(node);
  });
}

void Simulator::run_for(Duration time) {
  Instant end = now_ + time;
  while (!events_.empty() && events_.top().when <= end) {
    Event event = events_.top();
    events_.pop();
    now_ = event.when;
    ++event_count_;
    event.action();
  }
  now_ = end;
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
  bool whole = event_count_ % kFullCheckEvery != 0 || node.gossip->store().check_invariants();
  if (!node.gossip->check_invariants() || !whole)
    throw std::logic_error("host " + std::to_string(node.index) + " broke an invariant; " +
                           replay_hint());
}

void Simulator::record_effect(unsigned host, std::string_view bytes) {
  auto mix = [this](std::uint64_t v) { effects_ = (effects_ ^ v) * 0x100000001b3ULL; };
  mix(host);
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  for (char c : bytes) mix(static_cast<unsigned char>(c));
}

Now Simulator::clocks(const Node& node) const {
  auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  return {now_, kEpoch + elapsed + node.skew};
}

// ---- hosts
// -----------------------------------------------------------------------------------------

void Simulator::start_all() {
  for (auto& node : nodes_) begin_life(*node);
  for (auto& node : nodes_) {
    if (node->index == 0) continue;
    Node& first = *nodes_[0];
    perform(first, first.gossip->admit(clocks(first),
                                       node->gossip->store().host_record(node->identity.id)));
    perform(*node, node->gossip->admit(clocks(*node),
                                       first.gossip->store().host_record(first.identity.id)));
  }
}

void Simulator::begin_life(Node& node) {
  ++node.life;
  node.running = true;
  node.stalled_until = {};
  Gossip::Options options;
  options.self = node.identity.id;
  options.root_key = cluster_.root().public_key();
  options.incarnation = ++node.incarnation << 16;
  options.expects_peers = node.index != 0;
  node.gossip = std::make_unique<Gossip>(options, node.rng);
  node.writer = std::make_unique<registry::RecordWriter>(node.identity.id, node.identity.key,
                                                         node.incarnation);
  std::vector<SignedRecordPtr> read_back;
  for (const auto& [slot, record] : node.disk) read_back.push_back(record);
  perform(node, node.gossip->load(clocks(node), read_back));
  registry::LocalWrite own;
  own.value = node.identity.record;
  if (!write(node.index, own)) throw std::logic_error("a host refused its own record");
  perform(node, node.gossip->start(clocks(node)));
}

bool Simulator::write(unsigned host, registry::LocalWrite write) {
  Node& node = *nodes_[host];
  if (!node.running) return false;
  Now now = clocks(node);
  auto record = node.writer->sign(write, node.gossip->clock(), now.wall);
  if (!record) return false;
  auto out = node.gossip->on_local_write(now, {*record});
  bool accepted = !out.refused;
  if (accepted) {
    persist(node, out.changes, now_);
    auto& known = truth_[registry::slot_of((*record)->record)];
    if (!known || known->record.stamp < (*record)->record.stamp) known = *record;
  }
  perform(node, std::move(out));
  check(node);
  return accepted;
}

void Simulator::crash(unsigned host) {
  Node& node = *nodes_[host];
  node.running = false;
  ++node.life;
  node.gossip.reset();
}

void Simulator::restart(unsigned host) {
  begin_life(*nodes_[host]);
}

void Simulator::stall(unsigned host, Duration time) {
  nodes_[host]->stalled_until = now_ + time;
}

void Simulator::partition(const std::function<int(unsigned)>& group_of) {
  for (auto& node : nodes_) node->group = group_of(node->index);
}

void Simulator::heal() {
  for (auto& node : nodes_) node->group = 0;
}

bool Simulator::reachable(unsigned a, unsigned b) const {
  return nodes_[a]->running && nodes_[b]->running && nodes_[a]->group == nodes_[b]->group;
}

Duration Simulator::latency() {
  auto spread = options_.network.latency_most - options_.network.latency_least;
  return options_.network.latency_least + Duration(static_cast<Duration::rep>(rng_.below(
                                              static_cast<std::uint64_t>(spread.count()) + 1)));
}

// ---- performing a host's output
// --------------------------------------------------------------------

void Simulator::perform(Node& node, Gossip::Output out) {
  persist(node, out.changes, now_ + kDiskDelay);
  if (out.own_incarnation_seen > node.incarnation) {
    node.incarnation = out.own_incarnation_seen + 1;
    node.writer->raise_incarnation(node.incarnation);
  }
  for (const auto& datagram : out.datagrams) transmit(node, datagram);
  for (HostId peer : out.syncs) open_stream(node, peer);
  arm(node, out.wake);
}

void Simulator::arm(Node& node, Instant wake) {
  auto mine = ++node.timer;
  if (wake == kNever) return;
  deliver(wake, node.index, [this, mine](Node& self) {
    if (self.timer == mine) perform(self, self.gossip->on_timer(clocks(self)));
  });
}

void Simulator::transmit(Node& from, const Gossip::Datagram& datagram) {
  record_effect(from.index, datagram.bytes);
  unsigned to = datagram.to.value - host_id(0).value;
  int copies = rng_.chance(options_.network.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (rng_.chance(options_.network.loss) || !reachable(from.index, to)) continue;
    deliver(now_ + latency(), to, [this, source = from.index, bytes = datagram.bytes](Node& self) {
      if (!reachable(source, self.index)) return;
      HostId sender = nodes_[source]->identity.id;
      perform(self, self.gossip->on_datagram(clocks(self), sender, bytes));
    });
  }
}

void Simulator::persist(Node& node, const registry::Changes& changes, Instant when) {
  for (const auto& slot : changes.slots) {
    auto record = node.gossip->store().find(slot);
    if (record) record_effect(node.index, record->wire);
    auto apply = [slot, record](Node& self) {
      if (record) {
        self.disk[slot] = record;
      } else {
        self.disk.erase(slot);
      }
    };
    if (when == now_) {
      apply(node);
    } else {
      deliver(when, node.index, apply);
    }
  }
}

// ---- sync sessions over a virtual stream
// -----------------------------------------------------------

void Simulator::open_stream(Node& from, HostId to) {
  Node& peer = *nodes_[to.value - host_id(0).value];
  if (!reachable(from.index, peer.index)) {
    deliver(now_ + kStreamTimeout, from.index, [this, to](Node& self) {
      perform(self, self.gossip->on_sync_finished(clocks(self), to, false));
    });
    return;
  }
  auto stream = std::shared_ptr<Stream>(new Stream{
      from.index, peer.index, from.life, peer.life,
      SyncSession(SyncSession::Role::kInitiator, from.gossip->store()),
      SyncSession(SyncSession::Role::kResponder, peer.gossip->store()), now_, now_, false});
  deliver(now_ + kStreamTimeout, from.index, [this, stream](Node&) { close_stream(stream); });
  pump(stream);
}

void Simulator::pump(const std::shared_ptr<Stream>& stream) {
  auto drain = [&](SyncSession& session, unsigned from, unsigned to, Instant& last,
                   bool to_initiator) {
    for (std::string chunk = session.take_output(); !chunk.empty(); chunk = session.take_output()) {
      record_effect(from, chunk);
      last = std::max(last, now_ + latency());
      deliver(last, to, [this, stream, to_initiator, chunk](Node&) {
        receive_chunk(stream, to_initiator, chunk);
      });
    }
  };
  drain(stream->near, stream->initiator, stream->responder, stream->far_last, false);
  drain(stream->far, stream->responder, stream->initiator, stream->near_last, true);
}

void Simulator::receive_chunk(const std::shared_ptr<Stream>& stream, bool to_initiator,
                              const std::string& chunk) {
  bool alive = nodes_[stream->initiator]->life == stream->initiator_life &&
               nodes_[stream->responder]->life == stream->responder_life;
  if (stream->closed || !alive || !reachable(stream->initiator, stream->responder)) return;
  Node& node = *nodes_[to_initiator ? stream->initiator : stream->responder];
  HostId peer = nodes_[to_initiator ? stream->responder : stream->initiator]->identity.id;
  auto records = (to_initiator ? stream->near : stream->far).on_bytes(chunk);
  if (!records) throw std::logic_error(records.error().message + "; " + replay_hint());
  perform(node, node.gossip->on_sync_records(clocks(node), peer, *records));
  pump(stream);
  if (to_initiator && stream->near.finished()) close_stream(stream);
}

// The initiator's end: the exchange is over, or its time is.
void Simulator::close_stream(const std::shared_ptr<Stream>& stream) {
  if (std::exchange(stream->closed, true)) return;
  Node& node = *nodes_[stream->initiator];
  if (node.life != stream->initiator_life) return;
  HostId peer = nodes_[stream->responder]->identity.id;
  perform(node, node.gossip->on_sync_finished(clocks(node), peer, stream->near.settled()));
}

// ---- questions
// -------------------------------------------------------------------------------------

bool Simulator::is_running(unsigned host) const {
  return nodes_[host]->running;
}

const Gossip& Simulator::gossip(unsigned host) const {
  return *nodes_[host]->gossip;
}

const EnrolledHost& Simulator::identity(unsigned host) const {
  return nodes_[host]->identity;
}

bool Simulator::converged() const {
  const Node* first = nullptr;
  for (const auto& node : nodes_) {
    if (!node->running) continue;
    if (first == nullptr) first = node.get();
    if (node->gossip->store().root_hash() != first->gossip->store().root_hash()) return false;
  }
  return true;
}

bool Simulator::all_believe(unsigned host, HostStatus status) const {
  HostId id = nodes_[host]->identity.id;
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return !node->running || node->index == host || node->gossip->membership().status(id) == status;
  });
}

registry::Counters Simulator::total_counters() const {
  registry::Counters total;
  for (const auto& node : nodes_) {
    if (!node->running) continue;
    auto c = node->gossip->counters();
    total.datagrams_out += c.datagrams_out;
    total.bytes_out += c.bytes_out;
    total.suspicions += c.suspicions;
    total.refuted += c.refuted;
    total.downs += c.downs;
    total.stalls += c.stalls;
    total.syncs_started += c.syncs_started;
    total.dropped_malformed += c.dropped_malformed;
    total.dropped_bad_signature += c.dropped_bad_signature;
    total.dropped_not_permitted += c.dropped_not_permitted;
  }
  return total;
}

std::string Simulator::replay_hint() const {
  std::string seed = std::to_string(options_.seed);
  return "seed " + seed + ", " + std::to_string(options_.hosts) + " hosts, at " +
         std::to_string(now_.time_since_epoch().count()) +
         " us; replay with SIXPN_SIM_SEED=" + seed;
}

}  // namespace sixpn::sim
