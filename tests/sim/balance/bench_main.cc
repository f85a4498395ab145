// balance_bench [--proxies N] [--seconds N] [--gossip-ms N] [--seed N]: ours beside the rivals, in
// every scene, in virtual time: a table. Then what one choice costs, in nanoseconds of this
// thread's processor time. tools/bench flycast-balance.
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/balance/balance_world.h"

namespace sixpn::sim {
namespace {

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void print_scene(const Scene& scene, std::uint64_t seed) {
  std::printf("\n%s, %u proxies\n%-28s %8s %10s %9s %9s %8s\n", scene.name, scene.proxies, "policy",
              "sends", "failed %", "p50 ms", "p99 ms", "spill %");
  for (PolicyKind policy : kEveryPolicy) {
    BalanceFigures f = play(scene, policy, seed);
    std::printf("%-28s %8.3f %10.4f %9.1f %9.1f %8.1f", std::string(to_string(policy)).c_str(),
                f.sends, f.failed * 100, f.p50_ms, f.p99_ms, f.spill * 100);
    if (f.least_spill > 0.001) std::printf("  (at least %.1f)", f.least_spill * 100);
    std::printf("\n");
  }
}

// Everybody was heard from; all stand between their limits, in one region, the worst case.
double nanoseconds_per_choice(unsigned machines) {
  flycast::LoadView loads;
  flycast::ServicePool pool;
  std::vector<flycast::Candidate> candidates;
  for (unsigned n = 0; n < machines; ++n)
    candidates.push_back({MachineId{n}, HostId{0x10000 + n}, "iad", false,
                          std::chrono::milliseconds(1), kSceneSoft, kSceneHard});
  Instant now{std::chrono::seconds(1000)};
  pool.assign(candidates, {HostId{1}, "iad"}, 8080, loads, now);
  Rng rng(1);
  for (const auto& member : pool.members()) {
    member.load->on_report({static_cast<std::uint32_t>(rng.below(24)), 0, 1}, now);
    member.load->on_success(std::chrono::milliseconds(20 + rng.below(60)), now);
  }
  constexpr int kChoices = 1'000'000;
  std::uint64_t sum = 0;
  double start = thread_seconds();
  for (int i = 0; i < kChoices; ++i) {
    auto choice = flycast::choose(pool, {}, now, rng);
    sum += std::get<flycast::Pick>(choice).member->candidate.machine.value;
  }
  double took = thread_seconds() - start;
  if (sum == 0) std::abort();  // it was really done
  return took / kChoices * 1e9;
}

int run(int argc, char** argv) {
  unsigned proxies = 32;
  std::uint64_t seed = 1;
  int seconds = 10;
  int gossip_ms = 200;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string option = argv[i];
    int value = std::atoi(argv[i + 1]);
    if (option == "--proxies") proxies = static_cast<unsigned>(value);
    if (option == "--seed") seed = static_cast<std::uint64_t>(value);
    if (option == "--seconds") seconds = value;
    if (option == "--gossip-ms") gossip_ms = value;
  }
  for (Scene scene :
       {even_scene(), hot_scene(), spill_scene(), slow_scene(), dead_scene(), silent_scene()}) {
    scene.proxies = proxies;
    scene.measured = std::chrono::seconds(seconds);
    scene.gossip_every = std::chrono::milliseconds(gossip_ms);
    print_scene(scene, seed);
  }
  std::printf("\none choice: ");
  for (unsigned machines : {3U, 16U, 64U})
    std::printf("%.0f ns among %u machines%s", nanoseconds_per_choice(machines), machines,
                machines == 64 ? "\n" : ", ");
  return 0;
}

}  // namespace
}  // namespace sixpn::sim

int main(int argc, char** argv) {
  return sixpn::sim::run(argc, argv);
}
