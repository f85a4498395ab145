// sim_detection NAME [--hosts N] [--loss P] [--seed S] [--crashes N] [--pausing P] [--hours H]: how
// fast the dead are noticed, and how often the living are taken for dead, in virtual time over
// nineteen regions.
//   crashes  crash and restart hosts one after the other; the time until half of the others, and
//            all of them, believe it; --explain 1: where that time goes; --plain 1: without
//            Lifeguard
//   pauses   a share of the hosts stops for up to 6 s about every 12 s, or (--asleep, --awake) all
//            of that share together, again and again: deaths believed, by who believed it (a
//            pausing host or a steady one) of whom; ours, ours without Lifeguard and with a fixed
//            time of suspicion (--fixed), and a model of memberlist; --explain 1: how long a pause
//            it takes
//   calm     nobody fails: any death believed is false
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/crash_stages.h"
#include "tests/sim/memberlist_model.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {
namespace {

struct Settings {
  std::string name;
  unsigned hosts = 100;
  double loss = 0.05;
  std::uint64_t seed = 1;
  unsigned crashes = 40;
  unsigned pausing = 25;  // per cent
  double hours = 100;     // host-hours
  int seconds = 300;      // of pauses
  unsigned asleep = 0;    // milliseconds: all pause together for so long; 0: each for itself
  unsigned awake = 200;   // milliseconds between such pauses
  unsigned fixed = 6000;  // milliseconds of suspicion without Lifeguard
  bool plain = false;     // crashes: without Lifeguard
  bool memberlist = true;
  bool verbose = false;
  bool explain = false;
};

constexpr Duration kWarmUp = 30s;

SimOptions options_of(const Settings& s, bool lifeguard) {
  Duration fixed = std::chrono::milliseconds(s.fixed);
  SimOptions out;
  out.seed = s.seed;
  out.hosts = s.hosts;
  out.network = {.loss = s.loss, .geographic = true};
  out.warm = true;
  out.check_every = 1000;
  out.configure = [lifeguard, fixed](unsigned, registry::Gossip::Options& o) {
    o.membership.lifeguard = lifeguard;
    o.membership.fixed_suspicion = fixed;
  };
  return out;
}

unsigned index_of(HostId host) {
  return static_cast<unsigned>(host.value - host_id(0).value);
}

double seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e6;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return -1;
  std::sort(values.begin(), values.end());
  auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(q * last + 0.999999)];
}

void print(const Settings& s, const std::string& what, double value, const char* unit) {
  std::printf("%5u hosts, %2.0f %% loss  %-58s %10.3f %s\n", s.hosts, 100 * s.loss, what.c_str(),
              value, unit);
  std::fflush(stdout);
}

// ---- crashes

// The late believers of one crash, in words.
void print_late(const Simulator& sim, unsigned victim, Duration since) {
  for (unsigned host = 0; host < sim.hosts(); ++host) {
    if (host == victim || !sim.is_running(host)) continue;
    const auto& membership = sim.gossip(host).membership();
    auto status = membership.status(sim.identity(victim).id);
    if (status == HostStatus::kDown) continue;
    std::printf("  %.2f s after the crash of %u: host %u, health %d, %zu accuse, status %d\n",
                seconds(since), victim, host, membership.health(),
                membership.accusers_of(sim.identity(victim).id), static_cast<int>(*status));
  }
}

void crashes(const Settings& s) {
  Simulator sim(options_of(s, !s.plain));
  sim.start_all();
  sim.run_for(kWarmUp);
  Rng rng(s.seed + 5);
  std::vector<double> half;
  std::vector<double> all;
  std::vector<double> each;
  auto bytes = sim.packet_bytes();
  sim.run_for(20s);
  print(s, "idle, sent per host", static_cast<double>(sim.packet_bytes() - bytes) / 20 / s.hosts,
        "B/s");
  std::optional<CrashStages> stages;
  if (s.explain) stages.emplace(sim);
  auto all_know = [&](unsigned victim) {
    if (stages) stages->look();
    return sim.all_believe(victim, HostStatus::kDown);
  };
  for (unsigned i = 0; i < s.crashes; ++i) {
    auto victim = static_cast<unsigned>(rng.below(s.hosts));
    sim.run_for(Duration(static_cast<Duration::rep>(1'000'000 + rng.below(1'000'000))));
    Instant begin = sim.now();
    std::vector<double> when;
    sim.watch_deaths([&](unsigned, const registry::Membership::Death& death) {
      if (index_of(death.host) != victim) return;
      when.push_back(seconds(sim.now() - begin));
      if (stages) stages->on_death();
    });
    if (stages) stages->begin(victim);
    sim.crash(victim);
    for (auto late : {5s, 60s})
      if (!sim.run_until([&] { return all_know(victim); }, begin + late - sim.now(), 10ms) &&
          s.verbose)
        print_late(sim, victim, late);
    each.insert(each.end(), when.begin(), when.end());
    half.push_back(quantile(when, 0.5));
    all.push_back(seconds(sim.now() - begin));
    sim.watch_deaths({});
    sim.restart(victim);
    sim.run_until([&] { return sim.all_believe(victim, HostStatus::kAlive); }, 60s, 100ms);
  }
  std::string of = " of " + std::to_string(s.crashes);
  print(s, "crash believed by a host, p50", quantile(each, 0.5), "s");
  print(s, "crash believed by a host, p99", quantile(each, 0.99), "s");
  print(s, "crash believed by half, p50" + of, quantile(half, 0.5), "s");
  print(s, "crash believed by all, p50" + of, quantile(all, 0.5), "s");
  print(s, "crash believed by all, p99" + of, quantile(all, 0.99), "s");
  print(s, "crash believed by all, worst" + of, quantile(all, 1), "s");
  if (stages) stages->print();
}

// ---- pauses

// Deaths of running hosts, by whether the believer and the believed belong to the pausing.
struct Deaths {
  std::array<std::array<std::uint64_t, 2>, 2> count{};
};

bool pauses(const Settings& s, unsigned host) {
  return host * 37 % 100 < s.pausing;
}

// Told of each pause: who, for how long.
using OnPause = std::function<void(unsigned, Duration)>;

// Each pauses for itself: about every 12 s, up to 6 s.
template <class Cluster>
void pause_apart(Cluster& cluster, const Settings& s, const OnPause& paused) {
  Rng rng(s.seed + 3);
  for (int second = 0; second < s.seconds; ++second) {
    for (unsigned host = 0; host < s.hosts; ++host) {
      if (!pauses(s, host) || !rng.chance(1.0 / 12)) continue;
      Duration time(static_cast<Duration::rep>(rng.below(6'000'000)));
      cluster.stall(host, time);
      paused(host, time);
    }
    cluster.run_for(1s);
  }
}

// All of them stop and wake together, again and again (the "interval" experiment of the
// Lifeguard paper).
template <class Cluster>
void pause_together(Cluster& cluster, const Settings& s, const OnPause& paused) {
  Duration asleep = std::chrono::milliseconds(s.asleep);
  Duration cycle = asleep + std::chrono::milliseconds(s.awake);
  for (Duration spent{}; spent < std::chrono::seconds(s.seconds); spent += cycle) {
    for (unsigned host = 0; host < s.hosts; ++host) {
      if (!pauses(s, host)) continue;
      cluster.stall(host, asleep);
      paused(host, asleep);
    }
    cluster.run_for(cycle);
  }
}

template <class Cluster>
void pause(
    Cluster& cluster, const Settings& s, const std::function<void()>& begin,
    const OnPause& paused = [](unsigned, Duration) {}) {
  cluster.run_for(kWarmUp);
  begin();
  if (s.asleep > 0) return pause_together(cluster, s, paused);
  pause_apart(cluster, s, paused);
}

// How long a host may pause before the steady ones take it for dead: counts of pauses by their
// length in whole seconds.
class PauseLengths {
 public:
  void on_pause(unsigned host, Instant now, Duration time) {
    auto found = current_.find(host);
    bool longer = found != current_.end() && found->second.until > now;
    if (!longer) {
      end(host);
      found = current_.insert_or_assign(host, Pause{now, now, false}).first;
    }
    found->second.until = std::max(found->second.until, now + time);
  }
  void on_death(unsigned host) {
    auto found = current_.find(host);
    if (found != current_.end()) found->second.fatal = true;
  }
  void print() {
    while (!current_.empty()) end(current_.begin()->first);
    for (std::size_t i = 0; i < pauses_.size(); ++i)
      std::printf("    pauses of %zu s%s: %4u, taken for dead in %4u\n", i,
                  i + 1 == pauses_.size() ? " and more" : "         ", pauses_[i], fatal_[i]);
  }

 private:
  struct Pause {
    Instant from;
    Instant until;
    bool fatal = false;
  };
  void end(unsigned host) {
    auto found = current_.find(host);
    if (found == current_.end()) return;
    auto length = std::min<std::size_t>(
        pauses_.size() - 1,
        static_cast<std::size_t>((found->second.until - found->second.from) / 1s));
    ++pauses_[length];
    if (found->second.fatal) ++fatal_[length];
    current_.erase(found);
  }
  std::map<unsigned, Pause> current_;
  std::array<unsigned, 8> pauses_{};
  std::array<unsigned, 8> fatal_{};
};

void print(const Settings& s, const std::string& who, const Deaths& deaths) {
  static constexpr std::array<const char*, 2> kNames{"steady", "pausing"};
  double hours = double(s.hosts) * s.seconds / 3600;
  for (unsigned by : {0U, 1U})
    for (unsigned of : {0U, 1U})
      print(s,
            who + ": a " + kNames[of] + " host down to a " + kNames[by] + " one, " +
                std::to_string(s.pausing) + " % pausing",
            double(deaths.count[by][of]), "times");
  double false_deaths = double(deaths.count[0][0] + deaths.count[1][0]);
  print(s, who + ": beliefs that a steady host is dead, per host-hour", false_deaths / hours, "");
}

Deaths pauses_of_ours(const Settings& s, bool lifeguard) {
  Simulator sim(options_of(s, lifeguard));
  sim.start_all();
  Deaths deaths;
  PauseLengths lengths;
  auto watch = [&] {
    sim.watch_deaths([&](unsigned by, const registry::Membership::Death& death) {
      unsigned of = index_of(death.host);
      ++deaths.count[pauses(s, by) ? 1 : 0][pauses(s, of) ? 1 : 0];
      if (!pauses(s, by)) lengths.on_death(of);
    });
  };
  pause(sim, s, watch,
        [&](unsigned host, Duration time) { lengths.on_pause(host, sim.now(), time); });
  if (s.explain) lengths.print();
  return deaths;
}

Deaths pauses_of_memberlist(const Settings& s) {
  MemberlistModel model(s.hosts, {.loss = s.loss, .geographic = true}, s.seed);
  Deaths deaths;
  pause(model, s, [&] {
    model.watch_deaths([&](unsigned by, unsigned of) {
      ++deaths.count[pauses(s, by) ? 1 : 0][pauses(s, of) ? 1 : 0];
    });
  });
  return deaths;
}

void all_pauses(const Settings& s) {
  print(s, "ours", pauses_of_ours(s, true));
  print(s, "without Lifeguard", pauses_of_ours(s, false));
  if (s.memberlist) print(s, "memberlist", pauses_of_memberlist(s));
}

// ---- calm

void calm(const Settings& s) {
  Simulator sim(options_of(s, true));
  sim.start_all();
  std::uint64_t deaths = 0;
  sim.watch_deaths([&](unsigned, const registry::Membership::Death&) { ++deaths; });
  double hours = 0;
  while (hours < s.hours) {
    sim.run_for(60s);
    hours += double(s.hosts) / 60;
  }
  auto total = sim.total_counters();
  print(s, "host-hours", hours, "");
  print(s, "suspicions believed, per host-hour", double(total.suspicions) / hours, "");
  print(s, "false deaths believed", double(deaths), "");
}

bool parse(int argc, char** argv, Settings& out) {
  if (argc < 2) return false;
  out.name = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string_view name = argv[i];
    const char* value = argv[i + 1];
    auto number = static_cast<unsigned>(std::atoi(value));
    if (name == "--hosts") {
      out.hosts = number;
    } else if (name == "--loss") {
      out.loss = std::atof(value);
    } else if (name == "--seed") {
      out.seed = number;
    } else if (name == "--crashes") {
      out.crashes = number;
    } else if (name == "--pausing") {
      out.pausing = number;
    } else if (name == "--hours") {
      out.hours = std::atof(value);
    } else if (name == "--seconds") {
      out.seconds = static_cast<int>(number);
    } else if (name == "--verbose") {
      out.verbose = number != 0;
    } else if (name == "--asleep") {
      out.asleep = number;
    } else if (name == "--awake") {
      out.awake = number;
    } else if (name == "--fixed") {
      out.fixed = number;
    } else if (name == "--plain") {
      out.plain = number != 0;
    } else if (name == "--memberlist") {
      out.memberlist = number != 0;
    } else if (name == "--explain") {
      out.explain = number != 0;
    } else {
      return false;
    }
  }
  return argc % 2 == 0 && out.hosts > 10;
}

}  // namespace
}  // namespace sixpn::sim

int main(int argc, char** argv) {
  using namespace sixpn::sim;
  Settings settings;
  if (parse(argc, argv, settings)) {
    if (settings.name == "crashes") return crashes(settings), 0;
    if (settings.name == "pauses") return all_pauses(settings), 0;
    if (settings.name == "calm") return calm(settings), 0;
  }
  std::fprintf(stderr,
               "usage: sim_detection crashes|pauses|calm [--hosts N] [--loss P] [--seed S]\n"
               "       [--crashes N] [--pausing PERCENT] [--seconds N] [--hours HOST-HOURS]\n"
               "       [--asleep MS] [--awake MS] [--fixed MS] [--plain 1] [--memberlist 0]\n"
               "       [--explain 1] [--verbose 1]\n");
  return 2;
}
