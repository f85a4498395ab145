#include "dns/io/forwarder.h"

#include <atomic>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/io/clock.h"
#include "dns/io/random_words.h"
#include "dns/io/upstreams.h"

namespace sixpn::dns {
namespace {

// How exactly patience and deadlines are kept; only while queries are in flight.
constexpr Duration kTick = std::chrono::milliseconds(10);
// Of one question, at all upstreams together.
constexpr std::size_t kMostTries = 8;
constexpr std::size_t kRounds = 2;
// So many letters spelled as we spelled them at random were read from our query, not guessed.
constexpr int kTellingLetters = 8;

constexpr const char* kNobodyAnswered = "no upstream resolver answered";
constexpr const char* kNoUpstream = "no upstream resolver is configured";
constexpr const char* kLoop = "the upstream resolver asks this one";
constexpr const char* kTooMany = "too many queries are being forwarded";

int letters_of(std::string_view name) {
  int letters = 0;
  for (char c : name) letters += c >= 'a' && c <= 'z' ? 1 : 0;
  return letters;
}

Telling unreachable(const char* why) {
  return {.why = ExtendedErrorCode::kNoReachableAuthority, .text = why};
}

}  // namespace

struct Forwarder::Impl : std::enable_shared_from_this<Forwarder::Impl> {
  // A client that waits.
  struct Waiter {
    ForeignQuery query;
    Ip6 client;
    NetworkId network;
    std::string options;
    std::function<void(std::string)> done;
  };

  // One question on its way.
  struct Exchange {
    std::uint64_t serial = 0;
    ForeignQuery query;  // of who asked first
    std::uint16_t group = 0;
    std::uint64_t hash = 0;
    std::string spelling;  // upstream
    std::vector<Waiter> waiters;
    bool prefetch = false;
    std::vector<std::size_t> order;  // of upstreams
    std::size_t tried = 0;           // how many times any was
    std::size_t pending = 0;         // tries without an outcome yet
    Instant next_try{}, stale_at{}, deadline{};
    bool exhausted = false;            // no further try
    Rcode failure = Rcode::kServFail;  // what the last upstream that failed said

    [[nodiscard]] ForwardKey key() const { return key_of(query, group); }
  };
  using ExchangePtr = std::unique_ptr<Exchange>;

  Impl(EventLoop& on, SharedCache& kept, ForwardLimits bounds,
       const std::vector<std::vector<IpEndpoint>>& groups)
      : loop(on),
        cache(kept),
        limits(bounds),
        tick(on, [this] { on_tick(); }),
        upstreams(on, groups, bounds,
                  [this](UpstreamOutcome outcome) { on_outcome(std::move(outcome)); }) {}

  bool reserve() {
    if (queued.fetch_add(1, std::memory_order_relaxed) < limits.queue) return true;
    queued.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  void submit(std::vector<ForwardRequest> requests) {
    loop.post([weak = weak_from_this(), requests = std::move(requests)]() mutable {
      auto self = weak.lock();
      if (!self) return;
      for (auto& request : requests) {
        self->queued.fetch_sub(1, std::memory_order_relaxed);
        self->forward(std::move(request));
      }
    });
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
    if (upstreams.is_own_probe(request.query.name())) {
      ++counts.forward_loops;
      return refuse(request, kLoop);
    }
    auto key = key_of(request.query, request.group);
    auto hash = hash_of(key);
    bool prefetch = !request.done;
    if (!prefetch && answer_from_cache(request, key, hash)) return;
    Exchange* same = in_flight_of(key, hash);
    if (same != nullptr && prefetch) return;
    if (same != nullptr && is_our_own(request.query, *same)) {
      ++counts.forward_loops;
      upstreams.suspect_loop(same->order);
      return refuse(request, kLoop);
    }
    if (!prefetch && !admit(request)) {
      ++counts.forward_rejected;
      return refuse(request, kTooMany);
    }
    if (same != nullptr) {
      ++counts.forward_joined;
      return wait(*same, std::move(request));
    }
    begin(std::move(request), hash);
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
    hand_over(request.done, std::move(message));
    return true;
  }

  void count_told(ForwardCache::State state) {
    if (state == ForwardCache::State::kFresh) ++counts.forward_hits;
    if (state == ForwardCache::State::kFailed) ++counts.forward_failure_hits;
    if (state == ForwardCache::State::kStaleForNow) ++counts.forward_stale;
  }

  Exchange* in_flight_of(const ForwardKey& key, std::uint64_t hash) {
    auto found = by_hash.find(hash);
    return found != by_hash.end() && found->second->key() == key ? found->second : nullptr;
  }

  // Our question to upstream, letter by letter: upstream asks us what we ask it.
  static bool is_our_own(const ForeignQuery& query, const Exchange& exchange) {
    return query.spelled() == exchange.spelling && exchange.spelling != exchange.query.spelled() &&
           letters_of(query.name()) >= kTellingLetters;
  }

  bool admit(const ForwardRequest& request) {
    auto over = [](const auto& table, const auto& key, std::size_t limit) {
      auto found = table.find(key);
      return found != table.end() && found->second >= limit;
    };
    return waiting < limits.in_flight && upstreams.has_room() &&
           !over(per_client, request.client, limits.in_flight_per_client) &&
           !over(per_network, request.network, limits.in_flight_per_network);
  }

  void wait(Exchange& exchange, ForwardRequest request) {
    ++waiting;
    ++per_client[request.client];
    ++per_network[request.network];
    exchange.waiters.push_back({request.query, request.client, request.network,
                                std::move(request.options), std::move(request.done)});
  }

  void begin(ForwardRequest request, std::uint64_t hash) {
    bool prefetch = !request.done;
    auto order = upstreams.order(request.group);
    if (prefetch && (order.empty() || prefetches >= limits.prefetches)) return;
    if (order.empty()) {
      ++counts.forward_failed;
      return refuse(request, upstreams.has_any(request.group) ? kLoop : kNoUpstream);
    }
    if (exchanges.empty()) tick.arm_after(kTick);
    auto exchange = std::make_unique<Exchange>();
    Exchange& fresh = *exchange;
    fresh.serial = ++last_serial;
    fresh.query = request.query;
    fresh.group = request.group;
    fresh.hash = hash;
    fresh.spelling = spell_randomly(request.query.name(), random_words.next());
    fresh.prefetch = prefetch;
    fresh.order = std::move(order);
    auto now = monotonic_now();
    fresh.deadline = now + limits.deadline;
    fresh.stale_at = now + limits.stale_after;
    ++counts.forwarded;
    if (prefetch) ++prefetches, ++counts.forward_prefetched;
    if (!prefetch) wait(fresh, std::move(request));
    by_hash.emplace(hash, &fresh);
    exchanges.emplace(fresh.serial, std::move(exchange));
    try_next(fresh, now);
  }

  // ---- tries ----

  // The next upstream; after the last, the first once more: a datagram may have been lost.
  void try_next(Exchange& exchange, Instant now) {
    exchange.next_try = kNever;
    if (!may_try(exchange)) return;
    auto upstream = exchange.order[exchange.tried % exchange.order.size()];
    if (!upstreams.ask(exchange.serial, upstream, exchange.query, exchange.spelling)) return;
    auto round = exchange.tried / exchange.order.size();
    ++exchange.tried;
    ++exchange.pending;
    exchange.next_try = now + upstreams.patience(upstream) * (std::int64_t{1} << round);
  }

  static bool may_try(const Exchange& exchange) {
    return !exchange.exhausted &&
           exchange.tried < std::min(kMostTries, kRounds * exchange.order.size());
  }

  void on_tick() {
    Instant now = monotonic_now();
    std::vector<std::uint64_t> over;
    for (auto& [serial, exchange] : exchanges) {
      if (now >= exchange->deadline) {
        over.push_back(serial);
        continue;
      }
      if (now >= exchange->stale_at) tell_stale(*exchange, now);
      if (now < exchange->next_try) continue;
      upstreams.on_late(exchange->order[(exchange->tried - 1) % exchange->order.size()]);
      try_next(*exchange, now);
    }
    for (auto serial : over) fail(exchanges.at(serial), now);
    if (!exchanges.empty()) tick.arm_after(kTick);
  }

  void on_outcome(UpstreamOutcome outcome) {
    auto found = exchanges.find(outcome.exchange);
    if (found == exchanges.end()) return;  // another try was quicker
    Exchange& exchange = *found->second;
    Instant now = monotonic_now();
    --exchange.pending;
    if (outcome.what == UpstreamOutcome::What::kReply)
      return succeed(found->second, outcome.reply, now);
    // A code is an answer: the same upstream is not asked a second time for it.
    if (outcome.what == UpstreamOutcome::What::kFailure) {
      exchange.failure = static_cast<Rcode>(outcome.reply.rcode);
      exchange.exhausted = exchange.tried >= exchange.order.size();
    }
    // Not before the pending ones are through with it, unless this was the last that was begun.
    if (may_try(exchange)) try_next(exchange, now);
    if (exchange.pending == 0) fail(found->second, now);
  }

  // ---- ends ----

  void succeed(ExchangePtr& ended, const ForwardReply& reply, Instant now) {
    cache.keep(ended->key(), ended->hash, reply, now);
    auto exchange = take(ended);
    for (auto& waiter : exchange->waiters) {
      ++counts.forward_answered;
      tell(waiter, reply, {});
    }
  }

  void fail(ExchangePtr& ended, Instant now) {
    cache.keep_failure(ended->key(), ended->hash, ended->failure, now);
    tell_stale(*ended, now);
    auto exchange = take(ended);
    for (auto& waiter : exchange->waiters) {
      ++counts.forward_failed;
      tell(waiter, make_failure(exchange->failure), unreachable(kNobodyAnswered));
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
  ExchangePtr take(ExchangePtr& ended) {
    auto exchange = std::move(ended);
    for (const auto& waiter : exchange->waiters) release(waiter);
    if (exchange->prefetch) --prefetches;
    auto found = by_hash.find(exchange->hash);
    if (found != by_hash.end() && found->second == exchange.get()) by_hash.erase(found);
    exchanges.erase(exchange->serial);
    return exchange;
  }

  void release(const Waiter& waiter) {
    --waiting;
    if (auto of = per_client.find(waiter.client); --of->second == 0) per_client.erase(of);
    if (auto of = per_network.find(waiter.network); --of->second == 0) per_network.erase(of);
  }

  void tell(Waiter& waiter, const ForwardReply& reply, const Telling& telling) {
    hand_over(std::move(waiter.done), to_message(reply, waiter, telling));
  }

  void refuse(const ForwardRequest& request, const char* why) {
    if (!request.done) return;
    auto failure = make_failure(Rcode::kServFail);
    hand_over(request.done, to_message(failure, request, unreachable(why)));
  }

  // `to`: a ForwardRequest or a Waiter.
  static std::string to_message(const ForwardReply& reply, const auto& to, Telling telling) {
    telling.options = to.options;
    std::string message(reply_room(reply, to.query), '\0');
    message.resize(write_reply(reply, to.query, telling, message.data()));
    return message;
  }

  EventLoop& loop;
  SharedCache& cache;
  ForwardLimits limits;
  std::atomic<std::size_t> queued{0};
  std::vector<std::pair<std::function<void(std::string)>, std::string>> told;
  Stats counts;
  RandomWords random_words;
  std::uint64_t last_serial = 0;
  std::unordered_map<std::uint64_t, ExchangePtr> exchanges;  // by serial
  std::unordered_map<std::uint64_t, Exchange*> by_hash;      // those that can be joined
  std::size_t waiting = 0, prefetches = 0;
  std::map<Ip6, std::size_t> per_client;
  std::map<NetworkId, std::size_t> per_network;
  LoopTimer tick;
  Upstreams upstreams;  // last: it calls into the rest
};

Forwarder::Forwarder(EventLoop& loop, SharedCache& cache, ForwardLimits limits,
                     const std::vector<std::vector<IpEndpoint>>& groups)
    : impl_(std::make_shared<Impl>(loop, cache, limits, groups)) {}

Forwarder::~Forwarder() = default;

bool Forwarder::reserve() {
  return impl_->reserve();
}

void Forwarder::submit(std::vector<ForwardRequest> requests) {
  impl_->submit(std::move(requests));
}

void Forwarder::add_to(Stats& stats) const {
  stats.add(impl_->counts);
  stats.forward_in_flight += impl_->waiting;
  impl_->upstreams.add_to(stats);
}

}  // namespace sixpn::dns
