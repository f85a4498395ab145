#include "dns/io/forwarder.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "base/io/clock.h"
#include "dns/io/forward_exchange.h"
#include "dns/io/random_words.h"
#include "dns/io/upstreams.h"

namespace sixpn::dns {
namespace {

// How exactly patience and deadlines are kept; only while queries are in flight.
constexpr Duration kTick = std::chrono::milliseconds(10);
// Of one question, at all upstreams together.
constexpr std::size_t kMostTries = 8;
constexpr std::size_t kRounds = 2;

constexpr const char* kNoUpstream = "no upstream resolver is configured";
constexpr const char* kLoop = "the upstream resolver asks this one";

}  // namespace

struct Forwarder::Impl : std::enable_shared_from_this<Forwarder::Impl> {
  using Exchange = ForwardExchange;
  using Waiter = ForwardWaiter;
  using What = UpstreamOutcome::What;

  Impl(EventLoop& on, ForwardShared& with)
      : loop(on),
        shared(with),
        cache(with.cache),
        limits(with.limits),
        tick(on, [this] { on_tick(); }),
        upstreams(on, with.board, with.budget, with.limits,
                  [this](UpstreamOutcome outcome) { on_outcome(std::move(outcome)); }) {}

  bool reserve() {
    if (queued.fetch_add(1, std::memory_order_relaxed) < limits.queue) return true;
    queued.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  void submit(std::vector<ForwardRequest> requests, DirectNews news) {
    loop.post([weak = weak_from_this(), requests = std::move(requests),
               news = std::move(news)]() mutable {
      if (auto self = weak.lock()) self->receive(requests, news);
    });
  }

  void receive(std::vector<ForwardRequest>& requests, DirectNews& news) {
    for (const auto& report : news.reports) upstreams.on_report(report);
    for (auto& outcome : news.outcomes) on_direct_outcome(std::move(outcome));
    for (auto& request : requests) {
      queued.fetch_sub(1, std::memory_order_relaxed);
      forward(std::move(request));
    }
  }

  // What clients are told is handed over when the work at hand is done: whoever is woken by the
  // first reply might take our processor.
  void hand_over(std::function<void(std::string)> done, std::string message) {
    if (told.empty())
      loop.post([weak = weak_from_this()] {
        if (auto self = weak.lock())
          for (auto& [to, what] : std::exchange(self->told, {})) to(std::move(what));
      });
    told.emplace_back(std::move(done), std::move(message));
  }

  // ---- a request ----

  void forward(ForwardRequest request) {
    if (request.since == Instant{}) request.since = monotonic_now();
    if (upstreams.is_own_probe(request.query.name())) return refuse_loop(request, {});
    auto key = key_of(request.query, request.group);
    auto hash = hash_of(key);
    bool prefetch = !request.done;
    if (!prefetch && answer_from_cache(request, key, hash)) return;
    Exchange* same = exchanges.find(key, hash);
    if (same != nullptr && prefetch) return;
    if (!request.is_counted && is_our_own(request.query, hash, same))
      return refuse_loop(request, upstreams.order(request.group));
    if (!prefetch && !admit(request)) {
      ++counts.forward_rejected;
      return refuse(request, kTooManyForwarded);
    }
    if (same == nullptr) return begin(std::move(request), hash);
    if (!request.is_counted) ++counts.forward_joined;
    auto tried = request.tried;
    wait(*same, std::move(request));
    if (tried) adopt(*same, *tried, monotonic_now());
  }

  // What another worker's query has brought meanwhile, or what this one's worker could not look at.
  bool answer_from_cache(const ForwardRequest& request, const ForwardKey& key, std::uint64_t hash) {
    using State = ForwardCache::State;
    std::string message;
    cache.find(key, hash, monotonic_now(), [&](const ForwardCache::Found& found) {
      if (found.state == State::kMissing || found.state == State::kStale) return;
      Telling telling{.age = found.age};
      if (found.state == State::kStaleForNow) telling = stale(*found.reply);
      if (found.state == State::kFailed) telling = cached_failure();
      count_told(found.state);
      message = to_message(*found.reply, request, telling);
    });
    if (message.empty()) return false;
    if (request.is_admitted) shared.budget.release(request.client, request.network);
    hand_over(request.done, std::move(message));
    return true;
  }

  void count_told(ForwardCache::State state) {
    if (state == ForwardCache::State::kFresh) ++counts.forward_hits;
    if (state == ForwardCache::State::kFailed) ++counts.forward_failure_hits;
    if (state == ForwardCache::State::kStaleForNow) ++counts.forward_stale;
  }

  // A question to upstream, letter by letter: upstream asks us what we ask it.
  bool is_our_own(const ForeignQuery& query, std::uint64_t hash, const Exchange* exchange) const {
    bool is_forwarders = exchange != nullptr && query.spelled() == exchange->spelling &&
                         is_telling(exchange->query, exchange->spelling);
    return is_forwarders || shared.asked.is_echo(hash, query.spelled());
  }

  void refuse_loop(const ForwardRequest& request, const std::vector<std::size_t>& suspects) {
    ++counts.forward_loops;
    upstreams.suspect_loop(suspects);
    refuse(request, kLoop);
  }

  bool admit(ForwardRequest& request) {
    if (request.is_counted) return true;
    if (!request.is_admitted)
      request.is_admitted = shared.budget.admit(request.client, request.network);
    return request.is_admitted && upstreams.has_room();
  }

  void wait(Exchange& exchange, ForwardRequest request) {
    auto done = std::move(request.done);
    exchange.waiters.push_back({std::move(request), std::move(done)});
  }

  void begin(ForwardRequest request, std::uint64_t hash) {
    bool prefetch = !request.done;
    auto order = upstreams.order(request.group);
    if (prefetch && (order.empty() || prefetches >= limits.prefetches)) return;
    if (order.empty()) {
      ++counts.forward_failed;
      return refuse(request, upstreams.has_any(request.group) ? kLoop : kNoUpstream);
    }
    auto now = monotonic_now();
    auto tried = request.tried;
    Exchange& fresh = add_exchange(request, hash, std::move(order));
    // Another worker asks, and tells us what comes.
    bool elsewhere = claim(fresh) == AskedQuestions::Claim::kOthers && !tried;
    if (!request.is_counted) ++(elsewhere ? counts.forward_joined : counts.forwarded);
    if (prefetch) ++prefetches, ++counts.forward_prefetched;
    if (!prefetch) wait(fresh, std::move(request));
    if (tried) return adopt(fresh, *tried, now);
    if (elsewhere)
      fresh.next_try = now + upstreams.patience(fresh.order.front());
    else
      try_next(fresh, now);
  }

  Exchange& add_exchange(const ForwardRequest& request, std::uint64_t hash,
                         std::vector<std::size_t> order) {
    if (exchanges.empty()) tick.arm_after(kTick);
    auto exchange = std::make_unique<Exchange>();
    Exchange& fresh = *exchange;
    fresh.query = request.query;
    fresh.group = request.group;
    fresh.hash = hash;
    fresh.spelling = spell_randomly(request.query.name(), random_words.next());
    fresh.prefetch = !request.done;
    fresh.order = std::move(order);
    fresh.deadline = request.since + limits.deadline;
    fresh.stale_at = request.since + limits.stale_after;
    return exchanges.add(std::move(exchange));
  }

  AskedQuestions::Claim claim(Exchange& exchange) {
    bool tells = is_telling(exchange.query, exchange.spelling);
    auto claim = shared.asked.claim(exchange.hash, tells ? exchange.spelling : std::string_view());
    exchange.is_claimed = claim == AskedQuestions::Claim::kOurs;
    return claim;
  }

  // ---- tries ----

  // The next upstream; after the last, the first once more: a datagram may have been lost.
  void try_next(Exchange& exchange, Instant now) {
    exchange.next_try = kNever;
    if (!may_try(exchange)) return;
    if (exchange.tried > 0 && !upstreams.has_room_to_spare()) return;
    auto upstream = exchange.order[exchange.tried % exchange.order.size()];
    auto round = exchange.tried / exchange.order.size();
    ask(exchange, upstream, Upstreams::Over::kUdp, now);
    if (exchange.next_try == kNever) return;
    ++exchange.tried;
    exchange.next_try = now + upstreams.patience(upstream) * (std::int64_t{1} << round);
  }

  void ask(Exchange& exchange, std::size_t upstream, Upstreams::Over way, Instant now) {
    if (!upstreams.ask(exchange.serial, upstream, exchange.query, exchange.spelling, way)) return;
    ++exchange.pending;
    exchange.next_try = now + upstreams.patience(upstream);
  }

  static bool may_try(const Exchange& exchange) {
    auto most = std::min(kMostTries, kRounds * exchange.order.size());
    return !exchange.exhausted && exchange.tried < most;
  }

  void on_tick() {
    Instant now = monotonic_now();
    std::vector<Exchange*> over;
    exchanges.for_each([&](Exchange& exchange) {
      if (now >= exchange.deadline) return over.push_back(&exchange);
      if (now >= exchange.stale_at) tell_stale(exchange, now);
      if (now < exchange.next_try) return;
      if (exchange.tried > 0)  // else a worker's try was waited for
        upstreams.on_late(exchange.order[(exchange.tried - 1) % exchange.order.size()]);
      try_next(exchange, now);
    });
    for (Exchange* exchange : over) fail(*exchange, now);
    if (!exchanges.empty()) tick.arm_after(kTick);
  }

  void on_outcome(UpstreamOutcome outcome) {
    Exchange* exchange = exchanges.find(outcome.exchange);
    if (exchange == nullptr) return;  // another try was quicker
    --exchange->pending;
    conclude(*exchange, outcome.what, outcome.reply);
  }

  // Of a try that is not pending any more.
  void conclude(Exchange& exchange, What what, const ForwardReply& reply) {
    Instant now = monotonic_now();
    if (what == What::kReply) return succeed(exchange, reply, now);
    // A code is an answer: the same upstream is not asked a second time for it.
    if (what == What::kFailure) {
      exchange.failure = static_cast<Rcode>(reply.rcode);
      exchange.has_failure = true;
      exchange.exhausted = exchange.tried >= exchange.order.size();
    }
    // Not before the pending ones are through with it, unless this was the last that was begun.
    if (may_try(exchange)) try_next(exchange, now);
    if (exchange.pending == 0) fail(exchange, now);
  }

  // ---- tries of workers ----

  // A worker's try becomes the exchange's first.
  void adopt(Exchange& exchange, const DirectTry& direct, Instant now) {
    using End = DirectTry::End;
    auto place = std::find(exchange.order.begin(), exchange.order.end(), direct.upstream);
    if (exchange.tried > 0 || place == exchange.order.end()) {  // it has gone on without
      if (exchange.pending == 0) try_next(exchange, now);
      return;
    }
    std::rotate(exchange.order.begin(), place, place + 1);
    exchange.tried = 1;
    if (direct.end == End::kAgain || direct.end == End::kAgainOverTcp) {
      auto way = direct.end == End::kAgain ? Upstreams::Over::kUdp : Upstreams::Over::kTcp;
      exchange.wants_tcp = way == Upstreams::Over::kTcp;
      return ask(exchange, direct.upstream, way, now);
    }
    if (direct.end == End::kLate) {
      upstreams.on_late(direct.upstream);
      if (!exchange.is_claimed) claim(exchange);  // the worker claims it no more
      exchange.direct_pending = true;
      ++exchange.pending;
      return try_next(exchange, now);
    }
    auto what = direct.end == End::kFailed ? What::kFailure : What::kNothing;
    conclude(exchange, what, make_failure(direct.failure));
  }

  void on_direct_outcome(DirectOutcome outcome) {
    auto key = key_of(outcome.query, outcome.group);
    Exchange* exchange = exchanges.find(key, outcome.hash);
    if (exchange == nullptr) {
      if (outcome.what == What::kReply)
        cache.keep(key, outcome.hash, outcome.reply, monotonic_now());
      return;
    }
    if (outcome.was_late && std::exchange(exchange->direct_pending, false))
      --exchange->pending;
    else if (outcome.what != What::kReply)
      return;  // who waited for it comes here, and says so
    conclude(*exchange, outcome.what, outcome.reply);
  }

  // ---- ends ----

  void succeed(Exchange& ended, const ForwardReply& reply, Instant now) {
    cache.keep(ended.key(), ended.hash, reply, now);
    auto exchange = take(ended);
    for (auto& waiter : exchange->waiters) {
      ++counts.forward_answered;
      tell(waiter, reply, {});
    }
  }

  void fail(Exchange& ended, Instant now) {
    cache.keep_failure(ended.key(), ended.hash, ended.failure, now);
    tell_stale(ended, now);
    auto exchange = take(ended);
    for (auto& waiter : exchange->waiters) {
      ++counts.forward_failed;
      tell(waiter, make_failure(exchange->failure), exchange->failed());
    }
  }

  // Whoever waits gets what is stale, if there is anything; the question goes on, and until it has
  // an answer nobody else waits for it.
  void tell_stale(Exchange& exchange, Instant now) {
    exchange.stale_at = kNever;
    if (exchange.waiters.empty()) return;
    using State = ForwardCache::State;
    std::optional<ForwardReply> kept;
    cache.find(exchange.key(), exchange.hash, now, [&](const ForwardCache::Found& found) {
      if (found.state == State::kStale || found.state == State::kStaleForNow) kept = *found.reply;
    });
    if (!kept) return;
    cache.keep_failure(exchange.key(), exchange.hash, exchange.failure, now);
    for (auto& waiter : std::exchange(exchange.waiters, {})) {
      ++counts.forward_stale;
      release(waiter);
      tell(waiter, *kept, stale(*kept));
    }
  }

  // Out of the tables, its waiters not counted as waiting any more.
  std::unique_ptr<Exchange> take(Exchange& ended) {
    for (const auto& waiter : ended.waiters) release(waiter);
    if (ended.prefetch) --prefetches;
    if (ended.is_claimed) shared.asked.release(ended.hash);
    return exchanges.take(ended);
  }

  void release(const Waiter& waiter) { shared.budget.release(waiter.client, waiter.network); }

  void tell(Waiter& waiter, const ForwardReply& reply, const Telling& telling) {
    hand_over(std::move(waiter.done), to_message(reply, waiter, telling));
  }

  void refuse(const ForwardRequest& request, std::string_view why) {
    if (!request.done) return;
    if (request.is_admitted) shared.budget.release(request.client, request.network);
    hand_over(request.done, to_message(make_failure(Rcode::kServFail), request, unreachable(why)));
  }

  // `to`: a ForwardRequest or a Waiter.
  static std::string to_message(const ForwardReply& reply, const auto& to, Telling telling) {
    telling.options = to.options;
    return make_reply(reply, to.query, telling);
  }

  EventLoop& loop;
  ForwardShared& shared;
  SharedCache& cache;
  const ForwardLimits& limits;
  std::atomic<std::size_t> queued{0};
  std::vector<std::pair<std::function<void(std::string)>, std::string>> told;
  Stats counts;
  RandomWords random_words;
  ForwardExchanges exchanges;
  std::size_t prefetches = 0;
  LoopTimer tick;
  Upstreams upstreams;  // last: it calls into the rest
};

Forwarder::Forwarder(EventLoop& loop, ForwardShared& shared)
    : impl_(std::make_shared<Impl>(loop, shared)) {}

Forwarder::~Forwarder() = default;

bool Forwarder::reserve() {
  return impl_->reserve();
}

void Forwarder::submit(std::vector<ForwardRequest> requests, DirectNews news) {
  impl_->submit(std::move(requests), std::move(news));
}

void Forwarder::add_to(Stats& stats) const {
  stats.add(impl_->counts);
  stats.forward_in_flight += impl_->shared.budget.waiting();
  impl_->upstreams.add_to(stats);
}

}  // namespace sixpn::dns
