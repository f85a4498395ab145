#include "dns/io/direct_forward.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/io/clock.h"
#include "dns/core/loop_probes.h"
#include "dns/io/direct_sockets.h"
#include "dns/io/random_words.h"

namespace sixpn::dns {
namespace {

// How exactly patience is kept; only while questions are in flight.
constexpr Duration kTick = std::chrono::milliseconds(10);
// Of a question that many waited for, the memory is not kept for the next one.
constexpr std::size_t kKeptWaiters = 4;

using Token = DirectSockets::Token;
using Lost = DirectSockets::Lost;
using End = DirectTry::End;
using What = UpstreamOutcome::What;

// A question that this worker asks, until it is answered, or silence ends it.
struct Question {
  bool in_use = false;
  bool late = false;  // handed over: nobody waits here any more, but a reply is still welcome
  bool edns = true;   // it was asked with
  std::uint16_t group = 0;
  std::uint64_t hash = 0;
  ForeignQuery query;  // of who asked first, and who that is
  Ip6 client;
  NetworkId network;
  std::string bytes;  // as it was sent
  std::size_t upstream = 0;
  DirectSockets::Ticket ticket;
  Instant asked{}, late_at{}, ends{};
  std::vector<DirectWaiter> waiters;

  [[nodiscard]] std::string_view spelling() const {
    return std::string_view(bytes).substr(kHeaderBytes, query.name_size);
  }
  [[nodiscard]] ForwardKey key() const { return key_of(query, group); }
};

}  // namespace

struct DirectForward::Impl {
  Impl(EventLoop& loop, ForwardShared& with, Forwarder& other, Stats& counters, Callbacks handlers)
      : shared(with),
        forwarder(other),
        counts(counters),
        callbacks(std::move(handlers)),
        reports(with.board.upstreams().size()),
        tick(loop, [this] { on_tick(); }),
        sockets(
            loop, with.board.upstreams(),
            {[this](Token token, std::string_view message) { return on_reply(token, message); },
             [this](Token token, Lost why) { on_lost(token, why); }, [this] { after_turn(); }}) {}

  // ---- a query ----

  Begun begin(DirectWaiter& waiter, std::uint16_t group, std::uint64_t hash, Instant now) {
    auto found = by_hash.find(hash);
    if (found != by_hash.end()) return join(questions[found->second], waiter, group);
    auto best = shared.board.best(group);
    bool room = by_hash.size() < shared.limits.in_flight;
    if (!best || !room || LoopProbes::is_probe(waiter.query.name())) return Begun::kForwarder;
    auto spelling = spell_randomly(waiter.query.name(), random_words.next());
    std::string_view telling = is_telling(waiter.query, spelling) ? spelling : std::string_view();
    if (shared.asked.is_echo(hash, waiter.query.spelled()) ||
        shared.asked.claim(hash, telling) != AskedQuestions::Claim::kOurs)
      return Begun::kForwarder;
    if (!shared.budget.admit(waiter.client, waiter.network)) {
      shared.asked.release(hash);
      return Begun::kRejected;
    }
    if (ask(waiter, group, hash, *best, spelling, now)) return Begun::kWaits;
    shared.budget.release(waiter.client, waiter.network);
    shared.asked.release(hash);
    return Begun::kForwarder;
  }

  Begun join(Question& question, DirectWaiter& waiter, std::uint16_t group) {
    bool is_equal = question.key() == key_of(waiter.query, group);
    bool is_echo = shared.asked.is_echo(question.hash, waiter.query.spelled());
    if (!is_equal || is_echo || question.late) return Begun::kForwarder;
    if (!shared.budget.admit(waiter.client, waiter.network)) return Begun::kRejected;
    ++counts.forward_joined;
    question.waiters.push_back(std::move(waiter));
    return Begun::kWaits;
  }

  bool ask(DirectWaiter& waiter, std::uint16_t group, std::uint64_t hash,
           const UpstreamBoard::Best& best, std::string_view spelling, Instant now) {
    if (!shared.budget.begin_try(waiter.client, waiter.network)) return false;
    Token token = free_question();
    Question& question = questions[token];
    question.bytes = make_upstream_query(waiter.query, spelling, 0);
    if (!best.edns) question.bytes = without_opt(std::move(question.bytes));
    if (!sockets.send(best.upstream, question.bytes, token, now, question.ticket)) {
      shared.budget.end_try(waiter.client, waiter.network);
      free.push_back(token);
      return false;
    }
    question.in_use = true;
    question.late = false;
    question.edns = best.edns;
    question.group = group;
    question.hash = hash;
    question.query = waiter.query;
    question.client = waiter.client;
    question.network = waiter.network;
    question.upstream = best.upstream;
    question.asked = now;
    question.ends = now + shared.limits.deadline;
    question.late_at =
        std::min({now + Duration(best.patience), now + shared.limits.stale_after, question.ends});
    question.waiters.push_back(std::move(waiter));
    by_hash.emplace(hash, token);
    ++counts.forwarded;
    ++counts.forward_tries;
    arm();
    return true;
  }

  Token free_question() {
    if (free.empty()) {
      questions.emplace_back();
      return static_cast<Token>(questions.size() - 1);
    }
    Token token = free.back();
    free.pop_back();
    return token;
  }

  void arm() {
    if (!std::exchange(armed, true)) tick.arm_after(kTick);
  }

  // ---- what comes ----

  bool on_reply(Token token, std::string_view message) {
    Question& question = questions[token];
    auto read = read_upstream_reply(question.spelling(), question.query.type, message);
    if (read.mismatch == Mismatch::kOther) {
      ++counts.forward_mismatched;
      return false;
    }
    if (!turn) turn = monotonic_now();
    DirectReport& report = reports[question.upstream];
    ++report.answered;
    report.round_trips += *turn - question.asked;
    bool no_edns = question.edns && !read.reply.had_edns;
    report.without_edns = report.without_edns || no_edns;
    ForwardReply& reply = read.reply;
    if (read.mismatch == Mismatch::kSpelling) {
      ++counts.forward_misspelled;
      end(token, End::kAgainOverTcp);
    } else if (no_edns && reply.rcode == static_cast<std::uint8_t>(Rcode::kFormErr)) {
      end(token, End::kAgain);
    } else if (reply.truncated) {
      end(token, End::kAgainOverTcp);
    } else if (reply.is_failure()) {
      end(token, End::kFailed, static_cast<Rcode>(reply.rcode));
    } else {
      succeed(token, std::move(reply));
    }
    return true;
  }

  void succeed(Token token, ForwardReply reply) {
    Question& question = questions[token];
    // Kept before others may ask it again.
    bool is_kept = shared.cache.try_keep(question.key(), question.hash, reply, *turn);
    if (release(question) || question.late || !is_kept) outcome(question, What::kReply, reply);
    answered.swap(question.waiters);
    retire(token);
    for (const auto& waiter : answered) {
      ++counts.forward_answered;
      shared.budget.release(waiter.client, waiter.network);
      callbacks.tell(waiter, reply, {});
    }
    told = told || !answered.empty();
    answered.clear();
    if (answered.capacity() > kKeptWaiters) answered = std::vector<DirectWaiter>();
  }

  void on_lost(Token token, Lost why) {
    if (!turn) turn = monotonic_now();
    if (why == Lost::kFlooded) return end(token, End::kAgain);
    ++reports[questions[token].upstream].silent;
    end(token, End::kUnanswered);
  }

  // Without an answer to tell.
  void end(Token token, End how, Rcode failure = Rcode::kServFail) {
    Question& question = questions[token];
    release(question);
    if (question.late)
      outcome(question, how == End::kFailed ? What::kFailure : What::kNothing,
              make_failure(failure));
    else
      hand_over(question, {question.upstream, how, failure});
    retire(token);
  }

  // What is late is the forwarder's, or whose question it has become since.
  bool release(const Question& question) {
    return !question.late && shared.asked.release(question.hash);
  }

  void outcome(const Question& question, What what, ForwardReply reply) {
    news.outcomes.push_back(
        {question.query, question.group, question.hash, what, std::move(reply), question.late});
  }

  // All that wait, the first of them with what has become of the question.
  void hand_over(Question& question, const DirectTry& first) {
    std::optional<DirectTry> tried = first;
    const auto group = question.group;
    const Instant since = question.asked;
    for (auto& waiter : std::exchange(question.waiters, {})) {
      if (!forwarder.reserve()) {
        refuse(waiter);
        continue;
      }
      ForwardRequest request;
      request.done = callbacks.done(waiter.asker);
      static_cast<ForwardClient&>(request) = std::move(waiter);
      request.group = group;
      request.since = since;
      request.is_admitted = request.is_counted = true;
      request.tried = std::exchange(tried, std::nullopt);
      outgoing.push_back(std::move(request));
    }
  }

  void refuse(const DirectWaiter& waiter) {
    ++counts.forward_queue_full;
    shared.budget.release(waiter.client, waiter.network);
    callbacks.tell(waiter, make_failure(Rcode::kServFail), unreachable(kTooManyForwarded));
    told = true;
  }

  void retire(Token token) {
    Question& question = questions[token];
    shared.budget.end_try(question.client, question.network);
    by_hash.erase(question.hash);
    question.in_use = false;
    question.waiters.clear();
    free.push_back(token);
  }

  // ---- time ----

  void on_tick() {
    armed = false;
    Instant now = monotonic_now();
    turn = now;
    sockets.on_tick();
    for (Token token = 0; token < questions.size(); ++token) {
      Question& question = questions[token];
      if (!question.in_use || now < std::min(question.late_at, question.ends)) continue;
      if (now >= question.ends) {
        sockets.forget(question.ticket);
        on_lost(token, Lost::kFailed);
      } else {
        // Nobody waits for this one any more who is not with the forwarder: an equal question that
        // comes after that has told them all is asked anew, not joined to what may never be
        // answered.
        release(question);
        question.late = true;
        question.late_at = kNever;
        hand_over(question, {question.upstream, End::kLate, Rcode::kServFail});
      }
    }
    after_turn();
    if (now >= report_at) report(now);
    if (!by_hash.empty() || has_report()) arm();
  }

  void after_turn() {
    turn.reset();
    if (std::exchange(told, false)) callbacks.flush();
    if (outgoing.empty() && news.outcomes.empty()) return;
    report(monotonic_now());
  }

  [[nodiscard]] bool has_report() const {
    return std::any_of(reports.begin(), reports.end(),
                       [](const auto& one) { return !one.empty(); });
  }

  // Everything there is for the forwarder.
  void report(Instant now) {
    report_at = now + kReportEvery;
    for (std::size_t i = 0; i < reports.size(); ++i) {
      if (reports[i].empty()) continue;
      reports[i].upstream = i;
      news.reports.push_back(std::exchange(reports[i], {}));
    }
    if (outgoing.empty() && news.outcomes.empty() && news.reports.empty()) return;
    forwarder.submit(std::exchange(outgoing, {}), std::exchange(news, {}));
  }

  ForwardShared& shared;
  Forwarder& forwarder;
  Stats& counts;
  Callbacks callbacks;
  RandomWords random_words;
  std::vector<Question> questions;     // by token
  std::vector<Token> free;             // those that are not in use
  std::vector<DirectWaiter> answered;  // who is being told
  std::unordered_map<std::uint64_t, Token> by_hash;
  std::vector<DirectReport> reports;  // by upstream, not told yet
  Instant report_at{};
  std::vector<ForwardRequest> outgoing;
  DirectNews news;
  std::optional<Instant> turn;  // the time, once it was asked for
  bool told = false, armed = false;
  LoopTimer tick;
  DirectSockets sockets;  // last: it calls into the rest
};

DirectForward::DirectForward(EventLoop& loop, ForwardShared& shared, Forwarder& forwarder,
                             Stats& counts, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(loop, shared, forwarder, counts, std::move(callbacks))) {}

DirectForward::~DirectForward() = default;

DirectForward::Begun DirectForward::begin(DirectWaiter& waiter, std::uint16_t group,
                                          std::uint64_t hash, Instant now) {
  return impl_->begin(waiter, group, hash, now);
}

}  // namespace sixpn::dns
