#include "flycast/io/relay_poller.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::flycast {
namespace {

constexpr int kEventsPerTurn = 256;
constexpr Duration kSweepEvery = std::chrono::seconds(1);
// How often a relay that is ending is looked at: no event tells that all was acknowledged.
constexpr int kEndingCheckMs = 10;
// No relay's.
constexpr std::uint64_t kWakeName = ~std::uint64_t{0};

}  // namespace

Result<void> RelayPoller::open() {
  epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return Error::from_errno("an epoll instance for relays");
  return {};
}

bool RelayPoller::watch(int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kWakeName;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void RelayPoller::add(RelayStreams streams) {
  shared_.now = monotonic_now();
  SessionId id = streams.id;
  begin(relays_.try_emplace(id, std::move(streams), shared_).first->second);
}

void RelayPoller::add(Loose relay) {
  shared_.now = monotonic_now();
  Relay& added = relays_.insert(std::move(relay)).position->second;
  added.join(shared_);
  begin(added);
}

void RelayPoller::begin(Relay& relay) {
  if (!relay.watch(epoll_.get())) {
    log::warn("flycast", "a connection was reset: its sockets could not be watched");
    ended_.push_back(relay.id());
    return;
  }
  if (most_reads_ == 0) relay.make_lasting();
  relay.move_some();
  note(relay);
}

void RelayPoller::lose_hops(const std::vector<SessionId>& relays) {
  shared_.now = monotonic_now();
  for (SessionId id : relays) {
    auto found = relays_.find(id);
    if (found == relays_.end() || found->second.has_ended()) continue;
    found->second.lose_hop();
    note(found->second);
  }
}

void RelayPoller::turn(int patience_ms) {
  std::array<epoll_event, kEventsPerTurn> events;
  int count = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, patience_ms);
  shared_.now = monotonic_now();
  take_turns();
  for (int i = 0; i < count; ++i) {
    auto& event = events[static_cast<std::size_t>(i)];
    // Not found: kWakeName, or it has gone and a child that is being started has its sockets still.
    auto found = relays_.find(Relay::id_of(event.data.u64));
    if (found == relays_.end()) continue;
    found->second.on_events(event.data.u64, event.events);
    note(found->second);
  }
  check_ending();
  look_at_machines();
  sweep();
}

int RelayPoller::due_ms() const {
  if (!turns_.empty()) return 0;
  return ending_.empty() ? -1 : kEndingCheckMs;
}

int RelayPoller::patience_ms() const {
  int due = due_ms();
  if (due >= 0 || relays_.empty()) return due;
  Duration wait = kSweepEvery;
  if (!owing_.empty()) wait = std::clamp(next_look() - shared_.now, Duration::zero(), wait);
  return static_cast<int>(wait / std::chrono::milliseconds(1)) + 1;
}

// Puts a relay on the lists of what it waits for.
void RelayPoller::note(Relay& relay) {
  if (relay.has_ended()) {
    ended_.push_back(relay.id());
    return;
  }
  if (relay.wants_turn() && !std::exchange(relay.is_on_turns, true)) turns_.push_back(&relay);
  if (relay.is_ending() && !std::exchange(relay.is_on_ending, true)) ending_.push_back(&relay);
  if (relay.owes() && !std::exchange(relay.is_on_owing, true))
    owing_.emplace(shared_.now + kSilenceLook, relay.id());
  if (most_reads_ != 0 && relay.reads() > most_reads_ && !std::exchange(relay.is_on_lasting, true))
    lasting_.push_back(relay.id());
}

void RelayPoller::take_turns() {
  for (Relay* relay : std::exchange(turns_, {})) {
    relay->is_on_turns = false;
    relay->move_some();
    note(*relay);
  }
}

void RelayPoller::check_ending() {
  for (Relay* relay : std::exchange(ending_, {})) {
    relay->is_on_ending = false;
    if (!relay->has_ended()) relay->check_ending();
    note(*relay);
  }
}

void RelayPoller::look_at_machines() {
  while (!owing_.empty() && owing_.top().first <= shared_.now) {
    auto found = relays_.find(owing_.top().second);
    owing_.pop();
    if (found == relays_.end()) continue;
    Relay& relay = found->second;
    Relay::Look look = relay.look_at_machine();
    if (look.silent) silent_.push_back(relay.id());
    relay.is_on_owing = look.next != kNever;
    if (relay.is_on_owing) owing_.emplace(look.next, relay.id());
  }
}

void RelayPoller::sweep() {
  if (relays_.empty() || shared_.now < next_sweep_) return;
  next_sweep_ = shared_.now + kSweepEvery;
  for (auto& [id, relay] : relays_) {
    if (relay.has_ended()) continue;
    relay.sweep();
    note(relay);
  }
}

std::vector<SessionId> RelayPoller::take_ended() {
  if (ended_.empty()) return {};
  auto has_ended = [](const Relay* relay) { return relay->has_ended(); };
  std::erase_if(turns_, has_ended);
  std::erase_if(ending_, has_ended);
  std::sort(ended_.begin(), ended_.end());
  ended_.erase(std::unique(ended_.begin(), ended_.end()), ended_.end());
  for (SessionId id : ended_) relays_.erase(id);
  return std::exchange(ended_, {});
}

std::vector<SessionId> RelayPoller::take_silent() {
  return std::exchange(silent_, {});
}

std::vector<RelayPoller::Loose> RelayPoller::take_lasting() {
  std::vector<Loose> taken;
  for (SessionId id : std::exchange(lasting_, {})) take(id, taken);
  return taken;
}

std::vector<RelayPoller::Loose> RelayPoller::take_all() {
  std::vector<SessionId> all;
  for (const auto& [id, relay] : relays_) all.push_back(id);
  std::vector<Loose> taken;
  for (SessionId id : all) take(id, taken);
  return taken;
}

void RelayPoller::take(SessionId id, std::vector<Loose>& into) {
  auto found = relays_.find(id);
  if (found == relays_.end()) return;
  Relay& relay = found->second;
  relay.is_on_lasting = false;
  if (relay.has_ended() || relay.is_ending()) return;
  std::erase(turns_, &relay);
  relay.is_on_turns = relay.is_on_owing = false;
  relay.leave();
  into.push_back(relays_.extract(found));
}

}  // namespace sixpn::flycast
