#include "flycast/io/hop_exchange.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/io/clock.h"
#include "flycast/io/machine_drain.h"
#include "flycast/io/relay.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

constexpr int kStepsPerTurn = 16;
// While the other proxy has not taken this much, the machine is not read.
constexpr std::size_t kMostUntaken = 256 * 1024;
// How often is looked whether what came before a machine's reset is gone.
constexpr Duration kResetPoll = std::chrono::milliseconds(10);

}  // namespace

HopExchange::HopExchange(ProxyState& state, std::unique_ptr<HttpStream> hop,
                         std::unique_ptr<HttpStream> machine, const KeptMachines::Key& keep_as,
                         Done done)
    : state_(state),
      hop_(std::move(hop)),
      machine_(std::move(machine)),
      keep_as_(keep_as),
      done_(std::move(done)),
      grace_(state.loop, [this] { turn(); }) {
  hop_->set_ready([this] { turn(); });
  machine_->set_ready([this] { turn(); });
}

void HopExchange::say() {
  if (auto answer = std::exchange(answer_, nullptr)) hop_->send(answer());
}

void HopExchange::start(std::string_view ahead) {
  if (!hop_->valid() || !machine_->valid()) return cut(false);
  auto self = shared_from_this();  // it may be over with them
  if (!ahead.empty()) on_hop_bytes(ahead);
  turn();
}

void HopExchange::turn() {
  if (in_turn_ || !done_) return;
  auto self = shared_from_this();
  in_turn_ = true;
  int steps = 0;
  while (steps < kStepsPerTurn && done_ && step()) ++steps;
  in_turn_ = false;
  if (!done_ || steps < kStepsPerTurn) return;
  boost::asio::post(state_.loop.context(), [weak = weak_from_this()] {
    if (auto later = weak.lock()) later->turn();
  });
}

bool HopExchange::step() {
  hop_->flush();
  if (hop_->broken()) return cut(false), false;
  flush_machine();
  if (hop_->ended() && machine_->held() != 0 && !may_drain()) {
    cut(false);
    return false;
  }
  bool moved = read_hop();
  if (!done_) return false;
  moved = read_machine() || moved;
  if (done_ && said_ != Machine::kOpen) end_behind_bytes();
  return moved;
}

void HopExchange::flush_machine() {
  if (machine_->held() == 0) return;
  asked_at_ = monotonic_now();
  machine_->flush();
}

HopExchange::Look HopExchange::look_at_machine(Instant now) const {
  if (said_ != Machine::kOpen || unacknowledged(machine_->fd()) == 0) return {};
  Duration since = now - asked_at_;
  if (since < kSilenceLook) return {false, asked_at_ + kSilenceLook};
  if (since >= kSilenceTold) return {};
  return {acknowledges_nothing(machine_->fd(), kSilentMachine, since), now + kSilenceLook};
}

// The end is not read before the machine takes what came, which is its own while it goes on; one
// that never does would hold it all.
bool HopExchange::may_drain() {
  Instant now = monotonic_now();
  if (drained_by_ == kNever) drained_by_ = now + kDrainGrace;
  grace_.arm_at(drained_by_);
  return now < drained_by_;
}

bool HopExchange::read_hop() {
  std::size_t untaken = machine_->held();
  if (!hop_->readable() || untaken > kMostReadOn || (untaken != 0 && hop_->ended())) return false;
  std::string_view bytes;
  switch (hop_->read(bytes)) {
    case HttpStream::Got::kNothing:
      return false;
    case HttpStream::Got::kReset:
      cut(false);
      return false;
    case HttpStream::Got::kEnd:
      if (untaken == 0) cut(true);
      return false;
    case HttpStream::Got::kBytes:
      on_hop_bytes(bytes);
      return true;
  }
  return false;
}

void HopExchange::on_hop_bytes(std::string_view bytes) {
  while (true) {
    switch (frames_.next(bytes)) {
      case ExchangeReader::State::kMore:
        return;
      case ExchangeReader::State::kPiece:
        asked_at_ = monotonic_now();
        machine_->send(frames_.piece());
        break;
      case ExchangeReader::State::kEnd:
        return finish(bytes);
      case ExchangeReader::State::kFault:
        ++state_.stats.hops_malformed;
        return cut(false);
    }
  }
}

bool HopExchange::read_machine() {
  if (said_ != Machine::kOpen || !machine_->readable() || hop_->held() >= kMostUntaken)
    return false;
  std::string_view bytes;
  switch (machine_->read(bytes)) {
    case HttpStream::Got::kNothing:
      return false;
    case HttpStream::Got::kReset:
      say();
      said_ = Machine::kReset;
      return false;
    case HttpStream::Got::kEnd:
      say();
      said_ = Machine::kEnded;
      return false;
    case HttpStream::Got::kBytes:
      if (auto answer = std::exchange(answer_, nullptr)) {
        hop_->send(answer(), bytes);
      } else {
        hop_->send(bytes);
      }
      return true;
  }
  return false;
}

// The machine's end reaches the other proxy as what it was, behind all that the machine said.
void HopExchange::end_behind_bytes() {
  if (hop_->held() != 0) return;
  if (said_ == Machine::kEnded) {
    shutdown(hop_->fd(), SHUT_WR);  // how it goes on is the other proxy's word
    return;
  }
  Instant now = monotonic_now();
  if (patience_ == kNever) patience_ = now + Relay::kResetGrace;
  if (unacknowledged(hop_->fd()) == 0 || now >= patience_) return cut(false);
  grace_.arm_after(kResetPoll);
}

void HopExchange::finish(std::string_view first) {
  Over over{{}, std::string(first), nullptr};
  if (hop_->held() != 0 || !has_said()) return cut(false);  // nobody can know that it is over
  if (said_ != Machine::kOpen || machine_->broken()) {
    allow_clean_close(machine_->fd());
  } else if (machine_->held() != 0) {
    over.untaken = std::move(machine_);
  } else {
    state_.kept_machines.keep(keep_as_, std::move(machine_), state_.most_kept());
  }
  // Its end, once told to the other proxy, is the stream's too.
  hop_->set_ready(nullptr);
  if (said_ == Machine::kOpen) over.hop = std::move(hop_);
  Done report = std::exchange(done_, nullptr);
  if (over.hop) return report(std::move(over));
  report(std::nullopt);
}

// Last: the callback may destroy the exchange. `clean`: the other proxy has what it wanted.
void HopExchange::cut(bool clean) {
  if (clean) {
    allow_clean_close(hop_->fd());
    allow_clean_close(machine_->fd());
  }
  Done report = std::exchange(done_, nullptr);
  if (report) report(std::nullopt);
}

}  // namespace sixpn::flycast
