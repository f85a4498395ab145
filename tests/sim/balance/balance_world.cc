#include "tests/sim/balance/balance_world.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "flycast/core/admission_queue.h"
#include "tests/sim/event_queue.h"

namespace sixpn::sim {
namespace {

using flycast::AdmissionQueue;
using flycast::Retry;
using flycast::Trouble;
using std::chrono::milliseconds;

constexpr std::array<const char*, kBalanceRegions> kRegions = {"iad", "lax", "fra", "nrt"};
// Round trips between them, as measured across the Internet.
constexpr std::array<std::array<int, kBalanceRegions>, kBalanceRegions> kRoundTripMs = {
    {{0, 60, 88, 160}, {60, 0, 145, 105}, {88, 145, 0, 230}, {160, 105, 230, 0}}};
constexpr Duration kInRegion = std::chrono::microseconds(800);
constexpr Duration kService = milliseconds(50);
// Twice the soft limit would take so much longer; between, in proportion.
constexpr double kSlowdown = 0.2;
constexpr std::uint16_t kPort = 8080;

double slowdown(std::uint32_t open) {
  if (open <= kSceneSoft) return 1;
  return 1 + kSlowdown * (open - kSceneSoft) / kSceneSoft;
}

// Erlang's loss formula: what an all-knowing balancer has to send away that takes every free place
// at once and lets nobody wait. At places that serve as slowly as full machines do.
double least_spill(double load) {
  double offered = load * kSceneSoft * kMachinesPerRegion * slowdown(kSceneHard);
  double blocked = 1;
  for (unsigned n = 1; n <= kSceneHard * kMachinesPerRegion; ++n)
    blocked = offered * blocked / (n + offered * blocked);
  return blocked;
}

struct Event {
  enum Kind : std::uint8_t {
    kArrive,   // a new request at proxy `a`
    kTry,      // request `a` may try again
    kReach,    // attempt `b` of request `a` is at its machine
    kAnswer,   // its admission, refusal or failure is back at the proxy
    kFinish,   // the machine has served it
    kReply,    // and the proxy has the reply
    kTimeout,  // attempt `b` of request `a` was not answered
    kExpire,   // waiters of the owners' queues
    kGossip,   // is made
    kHeard,    // is everywhere
  };
  Kind kind = kArrive;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

enum class Answer : std::uint8_t { kNone, kAdmitted, kRefused, kFailed };

struct Request {
  unsigned proxy = 0;
  Instant start{};
  Instant sent{};  // the attempt under way
  bool counts = false;
  Retry retry{{}, {}};
  std::uint32_t attempt = 0;  // the one under way
  unsigned machine = 0;
  bool may_wait = false;
  bool holds_place = false;
  Answer answer = Answer::kNone;
  flycast::LoadReport report;
  flycast::LoadView::Ticket ticket;
};

class World {
 public:
  World(const Scene& scene, PolicyKind kind, std::uint64_t seed)
      : scene_(scene), rng_(seed), machines_(kBalanceRegions * kMachinesPerRegion) {
    for (unsigned proxy = 0; proxy < scene.proxies; ++proxy) add_proxy(proxy);
    vista_.gossip.assign(machines_.size(), 0);
    heard_ = vista_.gossip;
    policy_ = make_policy(kind, vista_, seed + 1);
    queue_.push(now_ + scene.gossip_every, {Event::kGossip});
    for (unsigned proxy = 0; proxy < scene.proxies; ++proxy) schedule_arrival(proxy);
  }

  BalanceFigures run() {
    Instant end = now_ + scene_.warm_up + scene_.measured;
    while (!queue_.empty() && queue_.next() <= end + std::chrono::seconds(3)) {
      now_ = queue_.next();
      closed_ = now_ > end;
      on_event(queue_.pop());
    }
    return figures();
  }

 private:
  struct Machine {
    std::uint32_t open = 0;
    std::uint64_t sequence = 0;
  };

  static unsigned region_of_machine(unsigned machine) { return machine / kMachinesPerRegion; }
  static unsigned region_of_proxy(unsigned proxy) { return proxy % kBalanceRegions; }
  static Duration round_trip(unsigned from, unsigned to) {
    return from == to ? kInRegion : Duration(milliseconds(kRoundTripMs[from][to]));
  }
  Duration one_way(const Request& request) const {
    return round_trip(region_of_proxy(request.proxy), region_of_machine(request.machine)) / 2;
  }
  bool is_dead(unsigned machine) const {
    bool second = machine % kMachinesPerRegion == 1;
    return second && (scene_.one_refuses || scene_.one_is_silent);
  }

  void add_proxy(unsigned proxy) {
    std::vector<flycast::Candidate> candidates;
    unsigned region = region_of_proxy(proxy);
    for (unsigned n = 0; n < machines_.size(); ++n)
      candidates.push_back({MachineId{n}, HostId{0x10000 + n}, kRegions[region_of_machine(n)],
                            false, round_trip(region, region_of_machine(n)), kSceneSoft,
                            kSceneHard});
    vista_.candidates.push_back(std::move(candidates));
    vista_.regions.emplace_back(kRegions[region]);
  }

  Duration exponential(double mean_us) {
    double u = (static_cast<double>(rng_() >> 11) + 1) * 0x1.0p-53;
    return Duration(static_cast<Duration::rep>(-std::log(u) * mean_us) + 1);
  }

  void schedule_arrival(unsigned proxy) {
    double in_region = static_cast<double>(scene_.proxies) / kBalanceRegions;
    double places = scene_.load[region_of_proxy(proxy)] * kSceneSoft * kMachinesPerRegion;
    if (places == 0) return;
    double mean = static_cast<double>(kService.count()) / places * in_region;
    queue_.push(now_ + exponential(mean), {Event::kArrive, proxy});
  }

  void on_event(const Event& event) {
    switch (event.kind) {
      case Event::kArrive:
        return on_arrive(event.a);
      case Event::kTry:
        return attempt(event.a);
      case Event::kReach:
        return on_reach(event.a, event.b);
      case Event::kAnswer:
        return on_answer(event.a, event.b);
      case Event::kFinish:
        return on_finish(event.a);
      case Event::kReply:
        return on_reply(event.a);
      case Event::kTimeout:
        return on_timeout(event.a, event.b);
      case Event::kExpire:
        for (auto waiter : waiting_.expire(now_)) refuse(static_cast<std::uint32_t>(waiter));
        return;
      case Event::kGossip:
        return on_gossip();
      case Event::kHeard:
        vista_.gossip = heard_;
        return;
    }
  }

  void on_gossip() {
    for (std::size_t n = 0; n < machines_.size(); ++n) heard_[n] = machines_[n].open;
    queue_.push(now_ + scene_.gossip_late, {Event::kHeard});
    if (!closed_) queue_.push(now_ + scene_.gossip_every, {Event::kGossip});
  }

  void on_arrive(unsigned proxy) {
    if (closed_) return;
    schedule_arrival(proxy);
    std::uint32_t id = take_request();
    Request& request = requests_[id];
    request.proxy = proxy;
    request.start = now_;
    request.counts = now_ >= Instant{} + scene_.warm_up;
    request.retry = Retry({}, now_);
    if (request.counts) ++requests_made_;
    attempt(id);
  }

  std::uint32_t take_request() {
    if (free_.empty()) {
      requests_.emplace_back();
      return static_cast<std::uint32_t>(requests_.size() - 1);
    }
    std::uint32_t id = free_.back();
    free_.pop_back();
    // Attempts are numbered on, so that events of the request before mean nothing to this one.
    std::uint32_t attempt = requests_[id].attempt;
    requests_[id] = Request();
    requests_[id].attempt = attempt + 1;
    return id;
  }

  void attempt(std::uint32_t id) {
    Request& request = requests_[id];
    auto choice = policy_->pick(request.proxy, request.retry, now_);
    if (!choice) return next_round(id);
    request.machine = choice->machine;
    bool home = region_of_machine(request.machine) == region_of_proxy(request.proxy);
    if (!request.retry.begin_attempt(home, now_)) return end(id, false);
    request.ticket = std::move(choice->ticket);
    request.may_wait = !choice->has_other;
    request.answer = Answer::kNone;
    request.sent = now_;
    ++request.attempt;
    if (request.counts) ++sends_;
    const auto& candidate = vista_.candidates[request.proxy][request.machine];
    Duration timeout = request.retry.attempt_timeout(candidate, choice->has_other, now_);
    queue_.push(now_ + one_way(request), {Event::kReach, id, request.attempt});
    queue_.push(now_ + timeout, {Event::kTimeout, id, request.attempt});
  }

  void next_round(std::uint32_t id) {
    auto wait = requests_[id].retry.next_round(now_, rng_);
    if (!wait) return end(id, false);
    queue_.push(now_ + *wait, {Event::kTry, id});
  }

  // ---- the owner

  void on_reach(std::uint32_t id, std::uint32_t attempt) {
    Request& request = requests_[id];
    if (request.attempt != attempt) return;
    if (is_dead(request.machine)) {
      if (scene_.one_refuses) answer(id, Answer::kFailed);
      return;
    }
    Machine& machine = machines_[request.machine];
    if (machine.open < kSceneHard) return admit(id);
    if (!request.may_wait || !waiting_.join(key(request.machine), id, kSceneHard, now_))
      return answer(id, Answer::kRefused);
    queue_.push(now_ + AdmissionQueue::kLongestWait, {Event::kExpire});
  }

  void admit(std::uint32_t id) {
    Request& request = requests_[id];
    Machine& machine = machines_[request.machine];
    ++machine.open;
    most_open_ = std::max(most_open_, machine.open);
    request.holds_place = true;
    answer(id, Answer::kAdmitted);
    bool slow = request.machine % kMachinesPerRegion == 0;
    double mean = static_cast<double>(kService.count()) * (slow ? scene_.slow_by : 1) *
                  slowdown(machine.open);
    queue_.push(now_ + exponential(mean), {Event::kFinish, id});
  }

  void refuse(std::uint32_t id) { answer(id, Answer::kRefused); }

  void answer(std::uint32_t id, Answer answer) {
    Request& request = requests_[id];
    Machine& machine = machines_[request.machine];
    request.answer = answer;
    request.report = {machine.open, waiting_.length(key(request.machine)), ++machine.sequence};
    queue_.push(now_ + one_way(request), {Event::kAnswer, id, request.attempt});
  }

  void on_finish(std::uint32_t id) {
    Request& request = requests_[id];
    --machines_[request.machine].open;
    request.holds_place = false;
    queue_.push(now_ + one_way(request), {Event::kReply, id});
    auto turn = waiting_.on_free(key(request.machine), now_);
    for (auto waiter : turn.refused) refuse(static_cast<std::uint32_t>(waiter));
    if (turn.admitted) admit(static_cast<std::uint32_t>(*turn.admitted));
  }

  static flycast::ServiceKey key(unsigned machine) { return {MachineId{machine}, kPort}; }

  // ---- the proxy again

  void on_answer(std::uint32_t id, std::uint32_t attempt) {
    Request& request = requests_[id];
    if (request.attempt != attempt) return;
    bool counted = request.answer != Answer::kFailed;
    if (counted) policy_->on_report(request.proxy, request.machine, request.report, now_);
    if (request.answer == Answer::kAdmitted) return;
    if (!counted) policy_->on_failure(request.proxy, request.machine, now_);
    fail_attempt(id, counted ? Trouble::kFull : Trouble::kAbsent);
  }

  void on_timeout(std::uint32_t id, std::uint32_t attempt) {
    Request& request = requests_[id];
    if (request.attempt != attempt || request.answer != Answer::kNone) return;
    waiting_.leave(key(request.machine), id);
    policy_->on_failure(request.proxy, request.machine, now_);
    ++request.attempt;  // what may still come is about nothing
    fail_attempt(id, Trouble::kAbsent);
  }

  void fail_attempt(std::uint32_t id, Trouble trouble) {
    Request& request = requests_[id];
    request.ticket = {};
    request.retry.exclude(MachineId{request.machine});
    request.retry.on_trouble(trouble, now_);
    attempt(id);
  }

  void on_reply(std::uint32_t id) {
    Request& request = requests_[id];
    policy_->on_response(request.proxy, request.machine, now_ - request.sent, now_);
    end(id, true);
  }

  void end(std::uint32_t id, bool served) {
    Request& request = requests_[id];
    request.ticket = {};
    ++request.attempt;
    if (request.counts) {
      if (served) {
        took_.push_back(static_cast<double>((now_ - request.start).count()) / 1000);
        if (region_of_proxy(request.proxy) == 0) {
          ++hot_served_;
          hot_elsewhere_ += region_of_machine(request.machine) != 0 ? 1 : 0;
        }
      } else {
        ++failed_;
      }
    }
    free_.push_back(id);
  }

  BalanceFigures figures() {
    BalanceFigures out;
    out.requests = requests_made_;
    out.sends = static_cast<double>(sends_) / static_cast<double>(requests_made_);
    out.failed = static_cast<double>(failed_) / static_cast<double>(requests_made_);
    std::sort(took_.begin(), took_.end());
    out.p50_ms = took_[took_.size() / 2];
    out.p99_ms = took_[took_.size() * 99 / 100];
    out.spill = static_cast<double>(hot_elsewhere_) / static_cast<double>(hot_served_);
    out.least_spill = least_spill(scene_.load[0]);
    out.most_open = most_open_;
    return out;
  }

  const Scene& scene_;
  Rng rng_;
  Instant now_{};
  bool closed_ = false;
  EventQueue<Event> queue_;
  Vista vista_;
  std::vector<std::uint32_t> heard_;
  std::unique_ptr<Policy> policy_;
  std::vector<Machine> machines_;
  AdmissionQueue waiting_;
  std::vector<Request> requests_;
  std::vector<std::uint32_t> free_;
  std::uint64_t requests_made_ = 0;
  std::uint64_t sends_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t hot_served_ = 0;
  std::uint64_t hot_elsewhere_ = 0;
  std::uint32_t most_open_ = 0;
  std::vector<double> took_;
};

}  // namespace

BalanceFigures play(const Scene& scene, PolicyKind policy, std::uint64_t seed) {
  return World(scene, policy, seed).run();
}

Scene even_scene() {
  return {.name = "even, 85 % of soft", .load = {0.85, 0.85, 0.85, 0.85}};
}
Scene hot_scene() {
  return {.name = "hot region, 110 %", .load = {1.1, 0.5, 0.5, 0.5}};
}
Scene spill_scene() {
  return {.name = "must spill, 150 %", .load = {1.5, 0.5, 0.5, 0.5}};
}
Scene slow_scene() {
  return {.name = "one of six is slow", .load = {0.5, 0.5, 0.5, 0.5}, .slow_by = 3};
}
Scene dead_scene() {
  return {.name = "one of six refuses", .load = {0.7, 0.7, 0.7, 0.7}, .one_refuses = true};
}
Scene silent_scene() {
  return {.name = "one of six is silent", .load = {0.7, 0.7, 0.7, 0.7}, .one_is_silent = true};
}

}  // namespace sixpn::sim
