#include "flycast/io/proxy_loops.h"

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <utility>

namespace sixpn::flycast {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

ProxyLoops::ProxyLoops(EventLoop& first, FlycastOptions options, StartMachine start)
    : commons_(first, std::move(options), std::move(start)) {
  states_.push_back(std::make_unique<ProxyState>(first, commons_, 0, random_seed()));
  for (std::size_t i = 1; i < commons_.loops; ++i) {
    loops_.push_back(std::make_unique<EventLoop>("sixpn-flycast" + std::to_string(i)));
    states_.push_back(std::make_unique<ProxyState>(*loops_.back(), commons_, i, random_seed()));
  }
}

ProxyLoops::~ProxyLoops() {
  stop();
}

Result<void> ProxyLoops::start() {
  unsigned threads = commons_.options.relay_threads;
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxRelayLoops);
  auto each = std::max(1u, threads / static_cast<unsigned>(states_.size()));
  for (const auto& state : states_) {
    auto first = static_cast<unsigned>(state->number) * each;
    if (auto started = state->relays.start(each, first); !started) return started;
  }
  for (const auto& loop : loops_) loop->start_thread();
  running_ = true;
  return {};
}

void ProxyLoops::stop() {
  gather([](ProxyState& state) { state.stop(); });
  running_ = false;
  for (const auto& loop : loops_) loop->stop();
  for (const auto& loop : loops_) loop->join();
}

void ProxyLoops::post_each(const std::function<void(ProxyState&)>& what) {
  for (const auto& state : states_) {
    if (state->number == 0)
      what(*state);
    else
      state->loop.post([what, proxy = state.get()] { what(*proxy); });
  }
}

// It counts from here on, or a burst would all go to the same loop.
void ProxyLoops::give(std::function<void(ProxyState&)> begin) {
  Openings& openings = commons_.openings;
  ProxyState& state = running_ ? *states_[openings.fewest()] : first();
  if (!is_elsewhere(state)) return begin(state);
  openings.add(state.number, 1);
  state.loop.post([begin = std::move(begin), proxy = &state] {
    begin(*proxy);
    proxy->commons.openings.remove(proxy->number, 1);
  });
}

std::vector<EventLoop*> ProxyLoops::loops() const {
  std::vector<EventLoop*> loops;
  for (const auto& loop : loops_) loops.push_back(loop.get());
  return loops;
}

std::vector<RelayLoop*> ProxyLoops::relay_loops() const {
  std::vector<RelayLoop*> loops;
  for (const auto& state : states_)
    for (RelayLoop* loop : state->relays.loops()) loops.push_back(loop);
  return loops;
}

}  // namespace sixpn::flycast
