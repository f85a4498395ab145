#include "mesh/io/knock_service.h"

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/token_bucket.h"
#include "mesh/core/knock_gate.h"
#include "mesh/core/knocker.h"
#include "mesh/io/knock_socket.h"

namespace sixpn::mesh {
namespace {

constexpr std::string_view kRoom = "knock";
constexpr BucketLimit kLogLimit{std::chrono::seconds(1), 20};
// Datagrams read before other work of the loop gets its turn.
constexpr int kReceiveBatch = 32;

}  // namespace

struct KnockService::Impl {
  Impl(EventLoop& owner, const Identity& identity, KnockCallbacks to_agent,
       std::uint16_t wanted_port)
      : loop(owner),
        self(identity.certificate.invite.host),
        cluster_key(identity.cluster_key),
        seeds(identity.seeds),
        callbacks(std::move(to_agent)),
        port(wanted_port),
        gate({identity.root_key, identity.cluster_key, self}),
        knocker({identity.root_key, identity.cluster_key, self}, rng),
        timer(owner, [this] { tick(); }),
        seek_timer(owner, [this] { seek(); }) {}

  // ---- the world
  // ------------------------------------------------------------------------------------

  void read_socket() {
    for (int i = 0; i < kReceiveBatch; ++i) {
      auto datagram = socket->receive();
      if (!datagram) return;
      on_datagram(*datagram);
    }
  }

  void on_datagram(const KnockSocket::Datagram& datagram) {
    auto decoded = decode_knock_datagram(datagram.bytes, cluster_key);
    if (auto* garbage = std::get_if<KnockGarbage>(&decoded))
      gate.on_garbage(*garbage);
    else if (auto* knock = std::get_if<Knock>(&decoded))
      on_knock(datagram, *knock);
    else
      on_reply(datagram.from, *std::get_if<KnockReply>(&decoded));
  }

  void on_knock(const KnockSocket::Datagram& datagram, const Knock& knock) {
    if (!snapshot) return;
    SignedRecordPtr own = callbacks.own_record();
    auto output = gate.on_knock(read_clocks(), datagram.from, knock, *snapshot, own.get());
    // Logged and admitted before the other side learns of it: what it does next finds this side
    // ready.
    if (output.refused)
      say(fmt::format("refused a knock from {}: {}", to_string(datagram.from),
                      output.refused->sentence));
    if (output.second_enrolment && callbacks.on_second_enrolment)
      callbacks.on_second_enrolment(*output.second_enrolment);
    if (output.admitted) admit(*output.admitted, datagram.from);
    if (!output.reply.empty()) report(socket->reply(datagram, output.reply));
  }

  void admit(const VerifiedHost& admitted, const IpEndpoint& from) {
    const HostRecord& host = admitted.host();
    say(fmt::format("host {} ({}) knocked from {} and may come in", host.name, to_string(host.id),
                    to_string(from)),
        log::Level::kInfo);
    callbacks.on_admit(admitted.record, from);
  }

  void on_reply(const IpEndpoint& from, const KnockReply& reply) {
    auto output = knocker.on_reply(read_clocks(), reply);
    if (output.problem) say(fmt::format("{}: {}", to_string(from), *output.problem));
    if (output.refused) {
      say(fmt::format("{} refuses this host: {}", to_string(from), *output.refused));
      last_refusal = output.refused;
      callbacks.on_refused(*output.refused);
    }
    if (output.accepted) on_accepted(from, *output.accepted);
    arm();
  }

  void on_accepted(const IpEndpoint& from, const KnockerOutput::Accepted& accepted) {
    last_refusal.reset();
    if (!accepted.by) {
      say(fmt::format("{} accepts this host, but its own record is too large for a reply",
                      to_string(from)));
      return;
    }
    const HostRecord& peer = accepted.by->host();
    if (snapshot && snapshot->revocations.contains(peer.id)) {
      say(fmt::format("{} answered as host {} ({}), which was revoked", to_string(from), peer.name,
                      to_string(peer.id)));
      return;
    }
    say(fmt::format("host {} ({}) at {} accepts this host", peer.name, to_string(peer.id),
                    to_string(from)),
        log::Level::kInfo);
    callbacks.on_accepted(accepted.by->record, accepted.observed_self.ip);
  }

  void tick() {
    if (targets_stale && !connected) {
      knocker.set_targets(knock_targets(snapshot.get(), seeds, self));
      targets_stale = false;
    }
    SignedRecordPtr own = callbacks.own_record();
    auto output = knocker.on_timer(read_clocks(), own.get());
    if (output.problem) say(*output.problem);
    if (output.send) report(socket->send(output.send->to, output.send->bytes));
    arm();
  }

  // Without contact the rounds do it.
  void seek() {
    if (snapshot && connected)
      for (const auto& target : lost_targets(*snapshot, seeds, rng))
        knocker.knock_at(read_clocks(), target);
    seek_timer.arm_after(kSeekInterval);
    arm();
  }

  // Nothing is sent before start().
  void arm() {
    if (socket) timer.arm_at(knocker.next_wake());
  }

  // ---- logs
  // -----------------------------------------------------------------------------------------

  // An endpoint that cannot be reached is no news: there are others, and the next round.
  static void report(const Result<void>& sent) {
    if (!sent) log::debug(kRoom, "{}", sent.error().message);
  }

  // Outsiders cause these lines: they are bounded.
  void say(const std::string& sentence, log::Level level = log::Level::kWarn) {
    if (!log_bucket.try_take(kLogLimit, monotonic_now())) {
      ++unsaid;
      return;
    }
    if (unsaid > 0) log::warn(kRoom, "{} lines like the next were left out", unsaid);
    unsaid = 0;
    log::write(level, kRoom, sentence);
  }

  EventLoop& loop;
  const HostId self;
  const Secret cluster_key;
  const std::vector<Seed> seeds;
  KnockCallbacks callbacks;
  const std::uint16_t port;
  Rng rng{random_u64()};
  KnockGate gate;
  Knocker knocker;
  SnapshotPtr snapshot;
  std::optional<std::string> last_refusal;
  bool connected = false;
  bool targets_stale = true;
  TokenBucket log_bucket;
  std::uint64_t unsaid = 0;
  LoopTimer timer;
  LoopTimer seek_timer;
  std::optional<KnockSocket> socket;
  std::optional<FdWatch> watch;  // before the socket closes
};

KnockService::KnockService(EventLoop& loop, const Identity& identity, KnockCallbacks callbacks,
                           std::uint16_t port)
    : impl_(std::make_unique<Impl>(loop, identity, std::move(callbacks), port)) {}

KnockService::~KnockService() = default;

Result<void> KnockService::start() {
  auto socket = KnockSocket::open(impl_->port);
  if (!socket) return std::move(socket).error();
  impl_->socket.emplace(std::move(*socket));
  impl_->watch.emplace(impl_->loop, impl_->socket->fd(),
                       [impl = impl_.get()] { impl->read_socket(); });
  impl_->arm();
  impl_->seek_timer.arm_after(kSeekInterval);
  return {};
}

std::uint16_t KnockService::port() const {
  return impl_->socket ? impl_->socket->port() : impl_->port;
}

void KnockService::set_snapshot(SnapshotPtr snapshot) {
  impl_->snapshot = std::move(snapshot);
  impl_->targets_stale = true;
}

void KnockService::set_connected(bool connected) {
  impl_->connected = connected;
  impl_->knocker.set_connected(read_clocks(), connected);
  impl_->arm();
}

void KnockService::knock_seeds() {
  impl_->knocker.restart(read_clocks());
  impl_->arm();
}

void KnockService::knock(const HostRecord& host) {
  impl_->knocker.knock_at(read_clocks(), target_of(host));
  impl_->arm();
}

const std::optional<std::string>& KnockService::last_refusal() const {
  return impl_->last_refusal;
}

const GateCounters& KnockService::gate_counters() const {
  return impl_->gate.counters();
}

const KnockerCounters& KnockService::knocker_counters() const {
  return impl_->knocker.counters();
}

}  // namespace sixpn::mesh
