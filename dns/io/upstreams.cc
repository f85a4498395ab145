#include "dns/io/upstreams.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"
#include "dns/core/loop_probes.h"
#include "dns/core/upstream_choice.h"
#include "dns/io/random_words.h"
#include "dns/io/upstream_pool.h"

namespace sixpn::dns {
namespace {

constexpr const char* kRoom = "dns";
// How often to look whether a probe is due.
constexpr Duration kProbeTick = std::chrono::seconds(1);
// c-ares needs to be told that time passes; only while something is in flight.
constexpr Duration kTick = std::chrono::milliseconds(50);
// Of one report, each counted as a reply of its own: as many as make up the average.
constexpr std::uint32_t kMostSamples = 8;
// Between two probes for a loop, whatever gave rise to them.
constexpr Duration kLoopProbePause = std::chrono::seconds(1);

using What = UpstreamOutcome::What;
using Health = UpstreamChoice::Health;

using Over = Upstreams::Over;

enum class Purpose { kClient, kHealthProbe, kLoopProbe };

// One try in flight.
struct Try {
  Purpose purpose = Purpose::kClient;
  std::uint64_t exchange = 0;
  std::size_t upstream = 0;
  UpstreamWay way = UpstreamWay::kUdp;
  Instant sent{};
  std::string query;  // as make_upstream_query() made it
  std::uint8_t name_size = 0;
  RrType type = 0;

  [[nodiscard]] std::string_view spelling() const {
    return std::string_view(query).substr(kHeaderBytes, name_size);
  }
};

// The type of a probe is of no matter, but that it is asked for every day.
ForeignQuery make_probe(std::string_view name, RrType type) {
  ForeignQuery query;
  query.type = type;
  query.flags = ForeignQuery::kRecursionDesired;
  query.name_size = static_cast<std::uint8_t>(name.size());
  std::copy(name.begin(), name.end(), query.spelled_bytes.begin());
  std::copy(name.begin(), name.end(), query.lower_bytes.begin());
  return query;
}

}  // namespace

struct Upstreams::Impl {
  struct One {
    IpEndpoint endpoint;
    std::unique_ptr<UpstreamPool> pool;
    Instant without_edns_until{};
    Instant next_loop_probe{}, last_loop_probe{};
    std::uint64_t answered = 0, unanswered = 0;
  };

  Impl(EventLoop& on, UpstreamBoard& public_board, const ForwardBudget& workers,
       const ForwardLimits& bounds, OnOutcome handler)
      : loop(on),
        board(public_board),
        budget(workers),
        limits(bounds),
        on_outcome(std::move(handler)),
        choice(board.upstreams().size()),
        probes(board.upstreams().size()),
        tick(on, [this] { on_tick(); }),
        probe_timer(on, [this] { on_probe_timer(); }) {
    auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(limits.deadline);
    for (const auto& endpoint : board.upstreams()) {
      auto& added = all.emplace_back();
      added.endpoint = endpoint;
      added.pool = std::make_unique<UpstreamPool>(
          loop, endpoint, timeout, [this](UpstreamPool::Ended ended) { on_end(std::move(ended)); });
    }
    publish();
    if (limits.probe_every > Duration::zero() && !all.empty()) on_probe_timer();
  }

  // Whom workers ask: after every change of how well and quick one is.
  void publish() {
    for (std::size_t group = 0; group < board.groups().size(); ++group) {
      auto order = choice.order(board.groups()[group]);
      if (order.empty() || choice.health(order.front()) != Health::kUp) {
        board.set_best(group, std::nullopt);
        continue;
      }
      auto patience = std::chrono::ceil<std::chrono::microseconds>(choice.patience(order.front()));
      board.set_best(group,
                     UpstreamBoard::Best{order.front(), patience, knows_edns(order.front())});
    }
  }

  [[nodiscard]] bool knows_edns(std::size_t upstream) const {
    return monotonic_now() >= all[upstream].without_edns_until;
  }

  [[nodiscard]] std::size_t all_tries() const { return tries.size() + budget.tries(); }
  [[nodiscard]] bool has_room() const { return all_tries() < limits.tries; }

  // ---- tries ----

  bool ask(Purpose purpose, std::uint64_t exchange, std::size_t upstream, const ForeignQuery& query,
           std::string_view spelling, Over over = Over::kUdp) {
    if (!has_room()) return false;
    Try fresh;
    fresh.purpose = purpose;
    fresh.exchange = exchange;
    fresh.upstream = upstream;
    fresh.way = knows_edns(upstream) ? UpstreamWay::kUdp : UpstreamWay::kUdpWithoutEdns;
    if (over == Over::kTcp) fresh.way = UpstreamWay::kTcp;
    fresh.query = make_upstream_query(query, spelling, 0);
    fresh.name_size = query.name_size;
    fresh.type = query.type;
    if (purpose == Purpose::kClient) ++sent_for_clients;
    send(std::move(fresh));
    return true;
  }

  // Each message has an id of its own, and leaves by a channel of its own: nothing links them.
  void send(Try what) {
    arm();
    auto random = random_words.next();
    set_id(what.query, static_cast<std::uint16_t>(random));
    what.sent = monotonic_now();
    auto number = ++last_try;
    auto& kept = tries[number] = std::move(what);
    auto& pool = *all[kept.upstream].pool;
    auto draw = static_cast<std::size_t>(random >> 16);
    if (kept.way == UpstreamWay::kUdpWithoutEdns)
      pool.send(number, without_opt(kept.query), kept.way, draw);
    else
      pool.send(number, kept.query, kept.way, draw);
  }

  // Not anew with every question: then it would never come where they follow one another.
  void arm() {
    if (!std::exchange(armed, true)) tick.arm_after(kTick);
  }

  void on_tick() {
    armed = false;
    for (auto& upstream : all) upstream.pool->on_tick();
    if (!tries.empty()) arm();
  }

  void on_end(UpstreamPool::Ended ended) {
    auto found = tries.find(ended.attempt);
    if (found == tries.end()) return;
    Try tried = std::move(found->second);
    tries.erase(found);
    if (!ended.answered) {
      on_silence(tried.upstream, monotonic_now());
      publish();
      return conclude(tried, What::kNothing, {});
    }
    measure(tried);
    on_reply(std::move(tried), ended.reply);
  }

  void on_silence(std::size_t upstream, Instant now) {
    ++all[upstream].unanswered;
    if (choice.on_silence(upstream, now))
      log::warn(kRoom, "upstream resolver {} does not answer", to_string(all[upstream].endpoint));
  }

  void measure(const Try& tried) {
    ++all[tried.upstream].answered;
    Instant now = monotonic_now();
    bool was_down = choice.health(tried.upstream) == Health::kDown;
    // A random name has to be looked for far away: it says nothing of how quick the upstream is.
    if (tried.purpose == Purpose::kLoopProbe)
      choice.on_sign_of_life(tried.upstream);
    else
      choice.on_reply(tried.upstream, now - tried.sent, now);
    if (was_down) log_recovery(tried.upstream);
    publish();
  }

  void log_recovery(std::size_t upstream) {
    log::info(kRoom, "upstream resolver {} answers again", to_string(all[upstream].endpoint));
  }

  // In what order it came is not known: an upstream that answered at all lives.
  void on_report(const DirectReport& report) {
    Instant now = monotonic_now();
    bool was_down = choice.health(report.upstream) == Health::kDown;
    if (report.answered > 0)
      all[report.upstream].unanswered += report.silent;
    else
      for (std::uint32_t i = 0; i < report.silent; ++i) on_silence(report.upstream, now);
    all[report.upstream].answered += report.answered;
    for (std::uint32_t i = 0; i < std::min(report.answered, kMostSamples); ++i)
      choice.on_reply(report.upstream, report.round_trips / report.answered, now);
    if (was_down && report.answered > 0) log_recovery(report.upstream);
    if (report.without_edns) forget_edns(report.upstream);
    publish();
  }

  // An upstream from before EDNS (RFC 6891 section 7), as which c-ares may have treated it.
  void forget_edns(std::size_t upstream) {
    all[upstream].without_edns_until = monotonic_now() + kEdnsMemory;
    all[upstream].pool->renew(UpstreamWay::kUdp);
    publish();
  }

  void on_reply(Try tried, std::string_view message) {
    auto read = read_upstream_reply(tried.spelling(), tried.type, message);
    if (read.mismatch == Mismatch::kOther) {
      ++mismatched;
      return conclude(tried, What::kNothing, {});
    }
    if (read.mismatch == Mismatch::kSpelling && tried.way != UpstreamWay::kTcp) {
      ++misspelled;
      return again(std::move(tried), UpstreamWay::kTcp);
    }
    if (tried.way == UpstreamWay::kUdp && !read.reply.had_edns) {
      forget_edns(tried.upstream);
      if (read.reply.rcode == static_cast<std::uint8_t>(Rcode::kFormErr))
        return again(std::move(tried), UpstreamWay::kUdpWithoutEdns);
    }
    auto what = read.reply.is_failure() ? What::kFailure : What::kReply;
    conclude(tried, what, std::move(read.reply));
  }

  void again(Try tried, UpstreamWay way) {
    tried.way = way;
    send(std::move(tried));
  }

  void conclude(const Try& tried, What what, ForwardReply reply) {
    if (tried.purpose == Purpose::kLoopProbe) return on_loop_probe_end(tried.upstream);
    if (tried.purpose == Purpose::kClient) on_outcome({tried.exchange, what, std::move(reply)});
  }

  // ---- probes ----

  void on_probe_timer() {
    Instant now = monotonic_now();
    static const std::string kRoot(1, '\0');
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (choice.probe_due(i, now))
        ask(Purpose::kHealthProbe, 0, i, make_probe(kRoot, kTypeNs), kRoot);
      if (now >= all[i].next_loop_probe) probe_for_loop(i, now);
    }
    publish();  // what was held against one may have expired
    probe_timer.arm_after(kProbeTick);
  }

  void probe_for_loop(std::size_t upstream, Instant now) {
    if (limits.probe_every <= Duration::zero()) return;
    all[upstream].last_loop_probe = now;
    all[upstream].next_loop_probe = now + limits.probe_every;
    auto name = probes.begin(upstream, random_words.next());
    ask(Purpose::kLoopProbe, 0, upstream, make_probe(name, kTypeA), name);
  }

  bool is_own_probe(std::string_view name) {
    auto upstream = probes.came_back(name);
    if (!upstream) return false;
    if (choice.health(*upstream) != Health::kLooping)
      log::warn(kRoom,
                "upstream resolver {} asks this one: its queries would go in circles, so it "
                "is not asked any more",
                to_string(all[*upstream].endpoint));
    choice.set_looping(*upstream, true);
    publish();
    return true;
  }

  void on_loop_probe_end(std::size_t upstream) {
    if (probes.end(upstream) || choice.health(upstream) != Health::kLooping) return;
    choice.set_looping(upstream, false);
    publish();
    log::info(kRoom, "upstream resolver {} does not ask this one any more",
              to_string(all[upstream].endpoint));
  }

  EventLoop& loop;
  UpstreamBoard& board;
  const ForwardBudget& budget;
  ForwardLimits limits;
  OnOutcome on_outcome;
  UpstreamChoice choice;
  LoopProbes probes;
  std::unordered_map<std::uint64_t, Try> tries;
  std::uint64_t last_try = 0;
  RandomWords random_words;
  std::uint64_t sent_for_clients = 0, mismatched = 0, misspelled = 0;
  bool armed = false;  // the tick is
  LoopTimer tick, probe_timer;
  std::vector<One> all;  // last: its pools call into the rest
};

Upstreams::Upstreams(EventLoop& loop, UpstreamBoard& board, const ForwardBudget& budget,
                     const ForwardLimits& limits, OnOutcome on_outcome)
    : impl_(std::make_unique<Impl>(loop, board, budget, limits, std::move(on_outcome))) {}

Upstreams::~Upstreams() = default;

std::vector<std::size_t> Upstreams::order(std::uint16_t group) const {
  return impl_->choice.order(impl_->board.groups()[group]);
}

bool Upstreams::has_any(std::uint16_t group) const {
  return !impl_->board.groups()[group].empty();
}

Duration Upstreams::patience(std::size_t upstream) const {
  return impl_->choice.patience(upstream);
}

void Upstreams::on_late(std::size_t upstream) {
  impl_->choice.on_late(upstream);
  impl_->publish();
}

bool Upstreams::has_room() const {
  return impl_->has_room();
}

bool Upstreams::has_room_to_spare() const {
  return impl_->all_tries() < impl_->limits.tries / 4 * 3;
}

bool Upstreams::ask(std::uint64_t exchange, std::size_t upstream, const ForeignQuery& query,
                    std::string_view spelling, Over over) {
  return impl_->ask(Purpose::kClient, exchange, upstream, query, spelling, over);
}

void Upstreams::on_report(const DirectReport& report) {
  impl_->on_report(report);
}

bool Upstreams::is_own_probe(std::string_view name) {
  return impl_->is_own_probe(name);
}

void Upstreams::suspect_loop(const std::vector<std::size_t>& upstreams) {
  Instant now = monotonic_now();
  for (auto upstream : upstreams)
    if (now >= impl_->all[upstream].last_loop_probe + kLoopProbePause)
      impl_->probe_for_loop(upstream, now);
}

void Upstreams::add_to(Stats& stats) const {
  Instant now = monotonic_now();
  stats.forward_tries += impl_->sent_for_clients;
  stats.forward_mismatched += impl_->mismatched;
  stats.forward_misspelled += impl_->misspelled;
  for (std::size_t i = 0; i < impl_->all.size(); ++i) {
    const auto& one = impl_->all[i];
    stats.upstreams.push_back({one.endpoint, impl_->choice.health(i), impl_->choice.round_trip(i),
                               one.answered, one.unanswered, now >= one.without_edns_until});
  }
}

}  // namespace sixpn::dns
