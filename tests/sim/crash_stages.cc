#include "tests/sim/crash_stages.h"

#include <algorithm>
#include <cstdio>

#include "registry/core/gossip_codec.h"

namespace sixpn::sim {
namespace {

constexpr std::array<const char*, CrashStages::kStages> kNames = {
    "until it is asked",       "until a question has failed", "until three have accused it",
    "until six of eight have", "until the first verdict",     "until half have theirs",
};
constexpr std::size_t kCertainAccusers = (3 * registry::kObservers + 3) / 4;

double median(std::vector<double> values) {
  if (values.empty()) return -1;
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool asks(const std::string& bytes) {
  auto datagram = registry::decode_datagram(bytes);
  return datagram && datagram->probe &&
         datagram->probe->kind == registry::ProbeMessage::Kind::kPing;
}

}  // namespace

CrashStages::CrashStages(Simulator& sim) : sim_(sim) {
  sim_.tap_sent([this](unsigned, unsigned to, const std::string& bytes) {
    bool waits = crashed_ != kNever && to == victim_ && !reached_[kAsked];
    if (waits && asks(bytes)) reach(kAsked);
  });
}

CrashStages::~CrashStages() {
  sim_.tap_sent({});
}

void CrashStages::begin(unsigned victim) {
  victim_ = victim;
  deaths_ = 0;
  crashed_ = sim_.now();
  reached_ = {};
  HostId id = sim_.identity(victim).id;
  unsigned known = 0;
  for (unsigned host = 0; host < sim_.hosts(); ++host)
    if (host != victim && sim_.gossip(host).membership().round_trip(id)) ++known;
  measured_.push_back(double(known) / (sim_.hosts() - 1));
}

void CrashStages::on_death() {
  reach(kJudged);
  if (2 * ++deaths_ >= sim_.hosts() - 1) reach(kHalf);
}

void CrashStages::look() {
  if (reached_[kHalf]) return;
  std::size_t most = 0;
  HostId id = sim_.identity(victim_).id;
  for (unsigned host = 0; host < sim_.hosts(); ++host)
    if (sim_.is_running(host))
      most = std::max(most, sim_.gossip(host).membership().accusers_of(id));
  if (most >= 1) reach(kAccused);
  if (most >= registry::kQuorum) reach(kProven);
  if (most >= kCertainAccusers) reach(kCertain);
}

// A stage that was never reached, or after a later one, took no time.
void CrashStages::reach(Stage stage) {
  if (reached_[stage]) return;
  Duration since = sim_.now() - crashed_;
  Duration before{};
  for (int earlier = 0; earlier < stage; ++earlier)
    if (reached_[earlier]) before = std::max(before, *reached_[earlier]);
  reached_[stage] = since;
  took_[stage].push_back(static_cast<double>((since - before).count()) / 1e6);
}

void CrashStages::print() const {
  std::printf("  a crash's time, medians; %.0f %% of the paths to the dead were measured\n",
              100 * median(measured_));
  for (int stage = 0; stage < kStages; ++stage)
    std::printf("    %-30s %7.3f s  (%zu crashes)\n", kNames[stage], median(took_[stage]),
                took_[stage].size());
}

}  // namespace sixpn::sim
