#include "flycast/io/waker.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::flycast {
namespace {

// A machine whose start was reported may be shown as stopped for so long yet: snapshots follow.
constexpr Duration kSnapshotLag = std::chrono::seconds(1);

}  // namespace

struct Waker::Call {
  Call(Waker& of, WakeRequest asked, WakeCall::Done on_done)
      : waker(&of), request(std::move(asked)), done(std::move(on_done)), deadline(of.loop_, [this] {
          finish({HopStatus::kConnectFailed, {}, ETIMEDOUT, {}});
        }) {}

  // Last: the callback may destroy the WakeCall.
  void finish(WakeOutcome outcome) {
    if (waker != nullptr) waker->leave(*this);
    deadline.cancel();
    connector.reset();
    auto report = std::exchange(done, nullptr);
    if (report) report(std::move(outcome));
  }

  void connect(Duration timeout, StreamConnector::Done on_connected) {
    ConnectRequest once = request.connect;
    once.timeout = timeout;
    connector = std::make_unique<StreamConnector>(waker->loop_, once, std::move(on_connected));
  }

  Waker* waker;  // nothing once the waker is gone
  WakeRequest request;
  WakeCall::Done done;
  LoopTimer deadline;
  std::unique_ptr<StreamConnector> connector;
};

struct Waker::Entry {
  Entry(Waker& waker, const ServiceKey& key, std::uint64_t of)
      : number(of),
        again(waker.loop_, [&waker, key] { waker.probe(key); }),
        wait(waker.starts_, key) {}
  std::uint64_t number;
  NetworkId network;
  bool started = false;
  Instant started_at{};
  Duration pause = kFirstProbePause;
  std::list<std::shared_ptr<Call>> waiting;  // the first one tries
  LoopTimer again;
  MachineStarts::Wait wait;
};

Waker::Waker(EventLoop& loop, const ServiceTable& table, MachineStarts& starts)
    : loop_(loop), table_(table), starts_(starts), alive_(std::make_shared<Waker*>(this)) {}

Waker::~Waker() {
  for (auto& [key, entry] : entries_)
    for (auto& call : entry->waiting) call->waker = nullptr;
}

void Waker::start_only(MachineId machine, std::function<void(Result<void>)> done) {
  starts_.start(
      loop_, machine,
      [weak = std::weak_ptr(alive_), machine, done = std::move(done)](const Result<void>& outcome) {
        auto alive = weak.lock();
        if (!alive) return;
        if (!outcome) (*alive)->starts_.on_failed(machine, monotonic_now());
        done(outcome);
      });
}

void Waker::join(const std::shared_ptr<Call>& call) {
  const ServiceKey key = call->request.key;
  call->deadline.arm_after(call->request.connect.timeout);
  auto& entry = entries_[key];
  if (entry) {
    entry->waiting.push_back(call);
    return;
  }
  std::uint64_t number = ++last_number_;
  entry = std::make_unique<Entry>(*this, key, number);
  entry->network = call->request.network;
  entry->waiting.push_back(call);
  starts_.start(loop_, key.machine,
                [weak = std::weak_ptr(alive_), key, number](const Result<void>& outcome) {
                  if (auto alive = weak.lock()) (*alive)->on_started(key, number, outcome);
                });
}

void Waker::leave(Call& call) {
  auto found = entries_.find(call.request.key);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  auto own = std::find_if(entry.waiting.begin(), entry.waiting.end(),
                          [&](const auto& waiting) { return waiting.get() == &call; });
  if (own == entry.waiting.end()) return;
  bool was_trying = own == entry.waiting.begin();
  auto kept = *own;
  entry.waiting.erase(own);
  if (entry.waiting.empty()) {
    entries_.erase(found);
  } else if (was_trying && entry.started) {
    entry.again.arm_after(Duration::zero());
  }
}

void Waker::on_started(const ServiceKey& key, std::uint64_t number, const Result<void>& outcome) {
  auto found = entries_.find(key);
  if (found == entries_.end() || found->second->number != number) {
    if (!outcome) starts_.on_failed(key.machine, monotonic_now());
    return;
  }
  if (!outcome) return fail(key, outcome.error().message);
  found->second->started = true;
  found->second->started_at = monotonic_now();
  probe(key);
}

void Waker::probe(const ServiceKey& key) {
  auto found = entries_.find(key);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  entry.waiting.front()->connect(kProbeTimeout,
                                 [this, key, number = entry.number](ConnectOutcome outcome) {
                                   on_probed(key, number, std::move(outcome));
                                 });
}

void Waker::on_probed(const ServiceKey& key, std::uint64_t number, ConnectOutcome outcome) {
  auto found = entries_.find(key);
  if (found == entries_.end() || found->second->number != number) return;
  Entry& entry = *found->second;
  if (outcome.error != 0) {
    if (has_ended(entry, key)) return fail(key, "it ended before its port was open");
    entry.again.arm_after(entry.pause);
    entry.pause = std::min(entry.pause * 3 / 2, kLastProbePause);
    return;
  }
  starts_.on_open(key.machine);
  auto waiting = std::move(entry.waiting);
  entries_.erase(found);
  auto first = std::move(waiting.front());
  waiting.pop_front();
  // The port is open: what happens to theirs is final.
  for (auto& call : waiting)
    call->connect(kProbeTimeout, [weak = std::weak_ptr(call)](ConnectOutcome theirs) {
      auto self = weak.lock();
      if (!self) return;
      auto status = theirs.error == 0 ? HopStatus::kOk : HopStatus::kConnectFailed;
      self->finish({status, std::move(theirs.stream), theirs.error, {}});
    });
  first->finish({HopStatus::kOk, std::move(outcome.stream), 0, {}});
}

const MachineRecord* Waker::find(NetworkId network, MachineId machine) const {
  const NetworkView* view = table_.ready() ? table_.snapshot()->find_network(network) : nullptr;
  if (view == nullptr) return nullptr;
  auto found = view->machines.find(machine);
  return found == view->machines.end() ? nullptr : found->second.get();
}

std::optional<HopStatus> Waker::refusal(const Preamble& preamble, const ServiceKey& key) const {
  if (is_waking(key)) return std::nullopt;
  const MachineRecord* machine = find(preamble.network, preamble.machine);
  if (machine == nullptr) return HopStatus::kUnknown;
  switch (starts_.judge(*machine, key.internal_port, preamble.last, read_clocks())) {
    case StartVerdict::kStart:
      return std::nullopt;
    case StartVerdict::kRecentlyStopped:
      return HopStatus::kRecentlyStopped;
    case StartVerdict::kFailedLately:
      return HopStatus::kStartFailed;
  }
  return std::nullopt;
}

bool Waker::has_ended(const Entry& entry, const ServiceKey& key) const {
  if (monotonic_now() - entry.started_at < kSnapshotLag) return false;
  const MachineRecord* machine = find(entry.network, key.machine);
  return machine == nullptr || machine->state >= MachineState::kStopping;
}

void Waker::fail(const ServiceKey& key, const std::string& why) {
  starts_.on_failed(key.machine, monotonic_now());
  log::warn("flycast", "machine {} was woken in vain: {}", to_string(key.machine), why);
  auto found = entries_.find(key);
  auto waiting = std::move(found->second->waiting);
  entries_.erase(found);
  for (auto& call : waiting) call->finish({HopStatus::kStartFailed, {}, 0, why});
}

WakeCall::WakeCall(Waker& waker, const WakeRequest& request, Done done)
    : call_(std::make_shared<Waker::Call>(waker, request, std::move(done))) {
  waker.join(call_);
}

WakeCall::~WakeCall() {
  call_->done = nullptr;
  if (call_->waker != nullptr) call_->waker->leave(*call_);
  call_->deadline.cancel();
  call_->connector.reset();
}

}  // namespace sixpn::flycast
