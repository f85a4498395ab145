#include "tests/sim/memberlist_model.h"

#include <algorithm>
#include <cmath>

namespace sixpn::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kProbeInterval = 1s;
constexpr Duration kProbeTimeout = 500ms;
constexpr Duration kGossipInterval = 200ms;
constexpr Duration kPushPullInterval = 30s;
constexpr std::size_t kGossipNodes = 3;
constexpr std::size_t kIndirect = 3;
constexpr unsigned kRetransmit = 4;
constexpr int kSuspicionMultiplier = 4;
constexpr int kSuspicionMost = 6;
constexpr unsigned kConfirmations = 2;  // the multiplier less 2
constexpr int kAwarenessMost = 8;
// Bytes on the wire, encryption (29) included.
constexpr std::size_t kPacket = 29;
constexpr std::size_t kPing = 40;
constexpr std::size_t kAlive = 60;
constexpr std::size_t kState = 50;  // of one host in a push/pull
constexpr std::size_t kMaxPacket = 1400;

}  // namespace

MemberlistModel::MemberlistModel(unsigned hosts, NetworkModel network, std::uint64_t seed)
    : rng_(seed), network_(network, hosts), hosts_(hosts) {
  for (unsigned n = hosts; n >= 10; n /= 10) ++decades_;
  Duration push_pull = kPushPullInterval;
  if (hosts > 32) push_pull *= static_cast<int>(std::ceil(std::log2(hosts) - 5)) + 1;
  for (unsigned i = 0; i < hosts; ++i) {
    hosts_[i].peers.resize(hosts);
    auto within = [&](Duration d) {
      return Duration(
          static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(d.count()))));
    };
    after(within(kGossipInterval), {.kind = Kind::kGossipTick, .host = i});
    after(within(kProbeInterval), {.kind = Kind::kProbeTick, .host = i});
    after(within(push_pull), {.kind = Kind::kPushPullTick,
                              .host = i,
                              .number = static_cast<std::uint64_t>(push_pull.count())});
  }
}

void MemberlistModel::run_for(Duration time) {
  Instant end = now_ + time;
  while (!events_.empty() && events_.next() <= end) {
    now_ = events_.next();
    Event event = events_.pop();
    Host& host = hosts_[event.host];
    if (!host.running) continue;
    if (host.stalled_until > now_) {
      events_.push(host.stalled_until, std::move(event));
    } else {
      happen(event);
    }
  }
  now_ = end;
}

void MemberlistModel::happen(const Event& event) {
  switch (event.kind) {
    case Kind::kGossipTick:
      after(kGossipInterval, event);
      return gossip(event.host);
    case Kind::kProbeTick:
      return start_probe(event.host);
    case Kind::kPushPullTick:
      after(Duration(static_cast<Duration::rep>(event.number)), event);
      return push_pull(event.host);
    case Kind::kProbeTimeout:
      return escalate_probe(event.host, event.number);
    case Kind::kProbeEnd:
      return end_probe(event.host, event.number);
    case Kind::kSuspicionEnd: {
      auto found = hosts_[event.host].suspicions.find(event.subject);
      if (found == hosts_[event.host].suspicions.end() || found->second.timer != event.number)
        return;
      News dead{.status = Status::kDead,
                .subject = event.subject,
                .incarnation = hosts_[event.host].peers[event.subject].incarnation,
                .accuser = event.host};
      return learn(event.host, dead);
    }
    default:
      return on_packet(hosts_[event.host], event);
  }
}

void MemberlistModel::on_packet(Host& host, const Event& event) {
  if (event.news)
    for (const auto& news : *event.news) learn(event.host, news);
  switch (event.kind) {
    case Kind::kPing:
      // `subject`: on whose behalf the sender asks.
      return send(Kind::kAck, event.host, event.from, event.subject, event.number, kPing, true);
    case Kind::kTcpPing:
      return after(network_.delay(event.host, event.from, rng_), {.kind = Kind::kAck,
                                                                  .host = event.from,
                                                                  .from = event.host,
                                                                  .subject = event.from,
                                                                  .number = event.number,
                                                                  .news = nullptr});
    case Kind::kAck:
      if (event.subject != event.host)  // asked for another: passed on
        return send(Kind::kAck, event.host, event.subject, event.subject, event.number, kPing,
                    true);
      if (event.number == host.probe && !host.answered) {
        host.answered = true;
        host.awareness = std::max(0, host.awareness - 1);
      }
      return;
    case Kind::kNack:
      if (event.number == host.probe && host.nacks_missing > 0) --host.nacks_missing;
      return;
    case Kind::kPingFor:
      return on_ping_for(event);
    case Kind::kRelayTimeout:
      return send(Kind::kNack, event.host, event.from, event.subject, event.number, kPing, false);
    default:
      return;
  }
}

// The nack is sent whether or not an ack was passed on: the asker ignores it then.
void MemberlistModel::on_ping_for(const Event& event) {
  send(Kind::kPing, event.host, event.subject, event.from, event.number, kPing, true);
  after(kProbeTimeout * 4 / 5, {.kind = Kind::kRelayTimeout,
                                .host = event.host,
                                .from = event.from,
                                .subject = event.subject,
                                .number = event.number,
                                .news = nullptr});
}

void MemberlistModel::send(Kind kind, unsigned from, unsigned to, unsigned subject,
                           std::uint64_t number, std::size_t size, bool piggyback) {
  std::shared_ptr<const std::vector<News>> news;
  if (piggyback) {
    auto taken = take_news(hosts_[from], kMaxPacket - size - kPacket);
    for (const auto& item : taken) size += item.item != 0 ? item.bytes + 3 : kAlive;
    if (kind == Kind::kNews && taken.empty()) return;
    if (!taken.empty()) news = std::make_shared<const std::vector<News>>(std::move(taken));
  }
  ++packets_;
  bytes_ += size + kPacket;
  for (Duration delay : network_.carry(from, to, now_, rng_))
    after(delay, {.kind = kind,
                  .host = to,
                  .from = from,
                  .subject = subject,
                  .number = number,
                  .news = news});
}

// ---- gossip
// ----------------------------------------------------------------------------------------

void MemberlistModel::queue(Host& host, const News& news) {
  std::erase_if(host.queue, [&](const Queued& old) {
    return old.news.item == 0 && news.item == 0 && old.news.subject == news.subject;
  });
  host.queue.push_back({news, 0, ++order_});
}

// Least sent first, newest first among equals, as its TransmitLimitedQueue.
std::vector<MemberlistModel::News> MemberlistModel::take_news(Host& host, std::size_t room) {
  std::vector<News> taken;
  if (host.queue.empty()) return taken;
  std::sort(host.queue.begin(), host.queue.end(), [](const Queued& a, const Queued& b) {
    return a.sent != b.sent ? a.sent < b.sent : a.order > b.order;
  });
  for (auto& queued : host.queue) {
    std::size_t size = queued.news.item != 0 ? queued.news.bytes + 3 : kAlive;
    if (size > room) continue;
    room -= size;
    ++queued.sent;
    if (queued.news.item != 0) ++copies_;
    taken.push_back(queued.news);
  }
  std::erase_if(host.queue, [&](const Queued& q) { return q.sent >= kRetransmit * decades_; });
  return taken;
}

std::vector<unsigned> MemberlistModel::choose(unsigned index, unsigned except, std::size_t most) {
  std::vector<unsigned> chosen;
  for (std::size_t tries = 0; tries < 3 * hosts_.size() && chosen.size() < most; ++tries) {
    auto peer = static_cast<unsigned>(rng_.below(hosts_.size()));
    bool used = std::find(chosen.begin(), chosen.end(), peer) != chosen.end();
    if (peer != index && peer != except && !used &&
        hosts_[index].peers[peer].status != Status::kDead)
      chosen.push_back(peer);
  }
  return chosen;
}

void MemberlistModel::gossip(unsigned index) {
  if (hosts_[index].queue.empty()) return;
  for (unsigned to : choose(index, index, kGossipNodes))
    send(Kind::kNews, index, to, 0, 0, 0, true);
}

void MemberlistModel::push_pull(unsigned index) {
  auto chosen = choose(index, index, 1);
  if (chosen.empty() || !hosts_[chosen[0]].running || !network_.passes(index, chosen[0])) return;
  unsigned other = chosen[0];
  bytes_ += 2 * kState * hosts_.size();
  for (auto [from, to] : {std::pair(index, other), std::pair(other, index)}) {
    for (unsigned i = 0; i < hosts_.size(); ++i) {
      const Peer& peer = hosts_[from].peers[i];
      if (peer.status == hosts_[to].peers[i].status &&
          peer.incarnation == hosts_[to].peers[i].incarnation)
        continue;
      // "Dead" of others is only ever a suspicion here.
      auto status = peer.status == Status::kDead ? Status::kSuspect : peer.status;
      learn(to, {.status = status, .subject = i, .incarnation = peer.incarnation, .accuser = from});
    }
    for (unsigned item : hosts_[from].items)
      if (!hosts_[to].items.contains(item)) learn(to, {.item = item, .bytes = 320});
  }
}

void MemberlistModel::publish(unsigned from, unsigned item, std::size_t size) {
  learn(from, {.item = item, .bytes = size});
}

// ---- beliefs
// ---------------------------------------------------------------------------------------

void MemberlistModel::learn(unsigned index, const News& news) {
  Host& host = hosts_[index];
  if (news.item != 0) {
    if (!host.items.insert(news.item).second) return;
    queue(host, news);
    if (watch_) watch_(index, news.item);
    return;
  }
  if (news.subject == index) {
    if (news.status != Status::kAlive) refute(index, news.incarnation);
    return;
  }
  Peer& peer = host.peers[news.subject];
  if (news.status == Status::kSuspect) return suspect(index, news);
  if (news.status == Status::kAlive) {
    if (news.incarnation <= peer.incarnation) return;
    peer = {Status::kAlive, news.incarnation};
  } else {
    if (news.incarnation < peer.incarnation || peer.status == Status::kDead) return;
    peer = {Status::kDead, news.incarnation};
    ++deaths_;
    if (death_watch_) death_watch_(index, news.subject);
  }
  host.suspicions.erase(news.subject);
  queue(host, news);
}

void MemberlistModel::suspect(unsigned index, const News& news) {
  Host& host = hosts_[index];
  Peer& peer = host.peers[news.subject];
  if (news.incarnation < peer.incarnation || peer.status == Status::kDead) return;
  auto [place, added] = host.suspicions.try_emplace(news.subject);
  Suspicion& suspicion = place->second;
  if (!added && (suspicion.accusers.size() > kConfirmations ||
                 !suspicion.accusers.insert(news.accuser).second))
    return;
  if (added) {
    suspicion.start = now_;
    suspicion.accusers.insert(news.accuser);
    peer = {Status::kSuspect, news.incarnation};
  }
  queue(host, news);
  arm_suspicion(index, news.subject, suspicion);
}

void MemberlistModel::arm_suspicion(unsigned index, unsigned subject, Suspicion& suspicion) {
  double scale = std::max(1.0, std::log10(std::max(1.0, double(hosts_.size()))));
  double least = kSuspicionMultiplier * scale * 1e6;
  double most = kSuspicionMost * least;
  auto confirmed = static_cast<double>(suspicion.accusers.size() - 1);
  double timeout = most - (most - least) * std::log(confirmed + 1) / std::log(kConfirmations + 1);
  Instant end = suspicion.start + Duration(std::llround(std::max(timeout, least)));
  suspicion.timer = ++order_;
  after(
      std::max(Duration(0), end - now_),
      {.kind = Kind::kSuspicionEnd, .host = index, .subject = subject, .number = suspicion.timer});
}

void MemberlistModel::refute(unsigned index, std::uint32_t incarnation) {
  Host& host = hosts_[index];
  if (incarnation < host.incarnation) return;
  host.incarnation = incarnation + 1;
  host.awareness = std::min(kAwarenessMost - 1, host.awareness + 1);
  host.peers[index].incarnation = host.incarnation;
  queue(host, {.subject = index, .incarnation = host.incarnation});
}

// ---- probes
// ----------------------------------------------------------------------------------------

void MemberlistModel::start_probe(unsigned index) {
  Host& host = hosts_[index];
  after(kProbeInterval * (host.awareness + 1), {.kind = Kind::kProbeTick, .host = index});
  for (std::size_t tries = 0; tries < 2 * hosts_.size(); ++tries) {
    if (host.round.empty()) {
      for (unsigned i = 0; i < hosts_.size(); ++i) host.round.push_back(i);
      rng_.shuffle(host.round);
    }
    unsigned target = host.round.back();
    host.round.pop_back();
    if (target == index || host.peers[target].status == Status::kDead) continue;
    host.target = target;
    host.probe = ++order_;
    host.answered = false;
    host.nacks_missing = 0;
    // A suspected host hears of it in the ping (buddy system).
    if (host.peers[target].status == Status::kSuspect)
      queue(host, {.status = Status::kSuspect,
                   .subject = target,
                   .incarnation = host.peers[target].incarnation,
                   .accuser = index});
    send(Kind::kPing, index, target, index, host.probe, kPing, true);
    after(kProbeTimeout * (host.awareness + 1),
          {.kind = Kind::kProbeTimeout, .host = index, .number = host.probe});
    after(kProbeInterval * (host.awareness + 1) - 1ms,
          {.kind = Kind::kProbeEnd, .host = index, .number = host.probe});
    return;
  }
}

void MemberlistModel::escalate_probe(unsigned index, std::uint64_t probe) {
  Host& host = hosts_[index];
  if (host.probe != probe || host.answered) return;
  for (unsigned relay : choose(index, host.target, kIndirect)) {
    ++host.nacks_missing;
    send(Kind::kPingFor, index, relay, host.target, probe, kPing, false);
  }
  if (network_.passes(index, host.target) && network_.passes(host.target, index))
    after(3 * network_.delay(index, host.target, rng_),
          {.kind = Kind::kTcpPing, .host = host.target, .from = index, .number = probe});
}

void MemberlistModel::end_probe(unsigned index, std::uint64_t probe) {
  Host& host = hosts_[index];
  if (host.probe != probe || host.answered) return;
  host.answered = true;
  int worse = host.nacks_missing > 0 ? static_cast<int>(host.nacks_missing) : 0;
  host.awareness = std::min(kAwarenessMost - 1, host.awareness + worse);
  suspect(index, {.status = Status::kSuspect,
                  .subject = host.target,
                  .incarnation = host.peers[host.target].incarnation,
                  .accuser = index});
}

void MemberlistModel::crash(unsigned host) {
  hosts_[host].running = false;
}

void MemberlistModel::stall(unsigned host, Duration time) {
  hosts_[host].stalled_until = now_ + time;
}

unsigned MemberlistModel::dead_to(unsigned subject) const {
  unsigned count = 0;
  for (unsigned i = 0; i < hosts_.size(); ++i)
    if (i != subject && hosts_[i].running && hosts_[i].peers[subject].status == Status::kDead)
      ++count;
  return count;
}

}  // namespace sixpn::sim
