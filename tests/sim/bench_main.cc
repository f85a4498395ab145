// sim_bench [--only NAME] [--hosts N] [--loss P] [--noise P] [--seed S] [--runs R] [--size BYTES]
// [--memberlist 0]: what a cluster does in virtual time, ours beside a model of memberlist's LAN
// defaults (memberlist_model.h), on the same network of nineteen regions. NAME: propagation, idle,
// busy, detection, pauses, partition, revocation, revocation-heal, busy-processor, interest,
// interest-memory. One line per figure: name, ours, memberlist's, and how many times ours is
// smaller.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "registry/core/gossip_codec.h"
#include "tests/sim/interest_bench.h"
#include "tests/sim/memberlist_model.h"
#include "tests/sim/processor_bench.h"
#include "tests/sim/workload.h"

namespace sixpn::sim {
namespace {

struct Settings {
  std::string only;
  unsigned hosts = 100;
  double loss = 0.05;
  double noise = 0;
  std::uint64_t seed = 1;
  bool alone = false;  // without memberlist's model
  unsigned runs = 1;   // of partition and revocation, with seeds one after the other
  unsigned size = 0;  // bytes of metadata in each change; 0: none, and memberlist's have 320 in all
};

NetworkModel world(double loss) {
  return {.loss = loss, .geographic = true};
}

// Both clusters under one face.
class Ours {
 public:
  Ours(const Settings& s, double loss, bool lifeguard = true)
      : sim_(options(s, loss, lifeguard)), size_(s.size) {
    sim_.start_all();
  }
  void watch(std::function<void(unsigned, unsigned)> learnt) {
    sim_.watch([learnt = std::move(learnt)](unsigned host, const SignedRecordPtr& record) {
      const auto* machine = std::get_if<MachineRecord>(&record->record.value);
      if (machine != nullptr) learnt(host, static_cast<unsigned>(machine->id.value & 0xffff));
    });
  }
  // Every record that leaves a host in a datagram from now on, lost or not: of changes (machines),
  // and of hosts, which views that differ cost.
  void count_copies() {
    sim_.tap_sent([this](unsigned, unsigned, const std::string& bytes) {
      auto datagram = registry::decode_datagram(bytes);
      if (!datagram) return;
      for (const auto& wire : datagram->records) ++(is_change(wire) ? copies_ : other_copies_);
    });
  }
  void publish(unsigned host, unsigned item) {
    auto machine = machine_of(sim_, host, item, MachineState::kStarted);
    for (unsigned left = size_; left > 0; left -= std::min(left, 1000U))
      machine.metadata.try_emplace(std::to_string(left), std::string(std::min(left, 1000U), 'x'));
    sim_.write(host, {machine, false, {}, ""});
  }
  void run_for(Duration time) { sim_.run_for(time); }
  void crash(unsigned host) { sim_.crash(host); }
  void stall(unsigned host, Duration time) { sim_.stall(host, time); }
  [[nodiscard]] unsigned dead_to(unsigned about) const {
    unsigned count = 0;
    HostId id = sim_.identity(about).id;
    for (unsigned i = 0; i < sim_.hosts(); ++i)
      if (i != about && sim_.is_running(i) &&
          sim_.gossip(i).membership().status(id) == HostStatus::kDown)
        ++count;
    return count;
  }
  [[nodiscard]] std::uint64_t deaths() const { return sim_.total_counters().downs; }
  [[nodiscard]] std::uint64_t bytes() const { return sim_.packet_bytes() + sim_.stream_bytes(); }
  [[nodiscard]] double copies() const { return static_cast<double>(copies_); }
  [[nodiscard]] double other_copies() const { return static_cast<double>(other_copies_); }
  [[nodiscard]] Instant now() const { return sim_.now(); }
  Simulator& sim() { return sim_; }

 private:
  static SimOptions options(const Settings& s, double loss, bool lifeguard) {
    SimOptions out;
    out.seed = s.seed;
    out.hosts = s.hosts;
    out.network = world(loss);
    out.warm = true;
    out.warm_without = s.noise;
    out.check_every = 100'000;
    out.configure = [lifeguard](unsigned, registry::Gossip::Options& o) { set(o, lifeguard); };
    return out;
  }
  static void set(auto& o, bool lifeguard) {
    if constexpr (requires { o.membership.lifeguard; }) o.membership.lifeguard = lifeguard;
  }

  bool is_change(const std::string& wire) {
    auto [place, added] = changes_.try_emplace(wire, false);
    if (added) {
      auto record = decode_record(wire);
      place->second = record && (*record)->record.key.kind == RecordKind::kMachine;
    }
    return place->second;
  }

  Simulator sim_;
  unsigned size_;
  std::unordered_map<std::string, bool> changes_;
  std::uint64_t copies_ = 0;
  std::uint64_t other_copies_ = 0;
};

class Memberlist {
 public:
  Memberlist(const Settings& s, double loss)
      : model_(s.hosts, world(loss), s.seed), bytes_(s.size == 0 ? 320 : s.size + 200) {}
  void watch(std::function<void(unsigned, unsigned)> learnt) { model_.watch(std::move(learnt)); }
  void count_copies() {}
  void publish(unsigned host, unsigned item) { model_.publish(host, item, bytes_); }
  void run_for(Duration time) { model_.run_for(time); }
  void crash(unsigned host) { model_.crash(host); }
  void stall(unsigned host, Duration time) { model_.stall(host, time); }
  [[nodiscard]] unsigned dead_to(unsigned about) const { return model_.dead_to(about); }
  [[nodiscard]] std::uint64_t deaths() const { return model_.deaths(); }
  [[nodiscard]] std::uint64_t bytes() const { return model_.bytes(); }
  [[nodiscard]] double copies() const { return static_cast<double>(model_.copies()); }
  [[nodiscard]] double other_copies() const { return 0; }
  [[nodiscard]] Instant now() const { return model_.now(); }

 private:
  MemberlistModel model_;
  std::size_t bytes_;
};

using Figures = std::map<std::string, double>;

double milliseconds(Duration d) {
  return static_cast<double>(d.count()) / 1000;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return -1;
  std::sort(values.begin(), values.end());
  auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(q * last + 0.999999)];
}

template <class Cluster>
Figures propagation(Cluster cluster_of, const Settings& s) {
  auto cluster = cluster_of(s.loss);
  auto& c = *cluster;
  constexpr unsigned kItems = 40;
  if (s.noise == 0) c.run_for(3s);
  Rng rng(s.seed + 1);
  std::map<unsigned, Instant> published;
  std::map<unsigned, std::pair<unsigned, Instant>> reached;
  std::vector<double> each;
  c.watch([&](unsigned, unsigned item) {
    auto begin = published.find(item);
    if (begin == published.end()) return;
    each.push_back(milliseconds(c.now() - begin->second));
    reached[item] = {reached[item].first + 1, c.now()};
  });
  c.count_copies();
  for (unsigned item = 1; item <= kItems; ++item) {
    published[item] = c.now();
    c.publish(static_cast<unsigned>(rng.below(s.hosts)), item);
    c.run_for(s.noise == 0 ? 100ms : 20ms);
  }
  c.run_for(10s);
  const double deliveries = double(kItems) * double(s.hosts - 1);
  std::vector<double> whole;
  for (const auto& [item, end] : reached)
    if (end.first >= s.hosts) whole.push_back(milliseconds(end.second - published[item]));
  return {{"change at a host, p99, ms", quantile(each, 0.99)},
          {"change at all hosts, p50, ms", quantile(whole, 0.5)},
          {"change at all hosts, p99, ms", quantile(whole, 0.99)},
          {"changes not at all hosts in 10 s", double(kItems) - double(whole.size())},
          {"copies per delivery", c.copies() / deliveries},
          {"host records sent meanwhile, per delivery", c.other_copies() / deliveries}};
}

template <class Cluster>
Figures traffic(Cluster cluster_of, const Settings& s, unsigned per_second, int seconds) {
  auto cluster = cluster_of(s.loss);
  auto& c = *cluster;
  c.run_for(20s);
  Rng rng(s.seed + 2);
  auto before = c.bytes();
  unsigned item = 0;
  for (int second = 0; second < seconds; ++second) {
    for (unsigned i = 0; i < per_second; ++i) {
      c.publish(static_cast<unsigned>(rng.below(s.hosts)), ++item);
      c.run_for(Duration(1'000'000 / per_second));
    }
    if (per_second == 0) c.run_for(1s);
  }
  double rate = double(c.bytes() - before) / double(s.hosts) / seconds;
  return {{"bytes sent per host and second, " + std::to_string(per_second) + " changes/s", rate}};
}

template <class Cluster>
Figures detection(Cluster cluster_of, const Settings& s) {
  auto cluster = cluster_of(s.loss);
  auto& c = *cluster;
  c.run_for(5s);
  std::vector<double> first;
  std::vector<double> all;
  constexpr unsigned kCrashes = 8;
  for (unsigned i = 0; i < kCrashes; ++i) {
    unsigned victim = s.hosts - 1 - i;
    c.run_for(Duration(static_cast<Duration::rep>(377'000 * (i + 1))));
    c.crash(victim);
    Instant begin = c.now();
    bool half = false;
    while (c.now() - begin < 60s) {
      c.run_for(50ms);
      unsigned dead = c.dead_to(victim);
      if (!half && 2 * dead >= s.hosts) {
        half = true;
        first.push_back(milliseconds(c.now() - begin) / 1000);
      }
      if (dead >= s.hosts - 1 - i - 1) break;
    }
    all.push_back(milliseconds(c.now() - begin) / 1000);
  }
  return {{"crash known to half, p50, s", quantile(first, 0.5)},
          {"crash known to all, p50, s", quantile(all, 0.5)},
          {"crash known to all, worst of 8, s", quantile(all, 1)}};
}

// A quarter of the hosts stops for up to 6 s, each about every 12 s.
template <class Cluster>
Figures pauses(Cluster cluster_of, const Settings& s) {
  auto cluster = cluster_of(s.loss);
  auto& c = *cluster;
  c.run_for(5s);
  Rng rng(s.seed + 3);
  auto before = c.deaths();
  constexpr int kSeconds = 300;
  for (int second = 0; second < kSeconds; ++second) {
    for (unsigned host = 0; host < s.hosts; host += 4)
      if (rng.chance(1.0 / 12))
        c.stall(host, Duration(static_cast<Duration::rep>(rng.below(6'000'000))));
    c.run_for(1s);
  }
  double hours = double(s.hosts) * kSeconds / 3600;
  double deaths = double(c.deaths() - before) / double(s.hosts - 1);
  return {{"false deaths per host-hour, 25 % pausing", deaths / hours}};
}

// Halves apart for ten minutes while records change on both sides: until all stores are equal.
std::optional<Duration> heal_time(const Settings& s) {
  Ours c(s, s.loss);
  Simulator& sim = c.sim();
  sim.run_for(5s);
  sim.partition([](unsigned host) { return static_cast<int>(host % 2); });
  constexpr unsigned kRecords = 5000;
  for (unsigned i = 0; i < kRecords; ++i) {
    c.publish(i % s.hosts, i / s.hosts + 1);
    sim.run_for(600s / kRecords);
  }
  sim.heal();
  return sim.run_until([&] { return sim.converged(); }, 120s, 100ms);
}

// One line per run, for a run of 500 hosts takes minutes.
Figures partition(const Settings& s) {
  std::vector<double> times;
  double never = 0;
  for (unsigned run = 0; run < s.runs; ++run) {
    Settings here = s;
    here.seed += run;
    auto equal = heal_time(here);
    equal ? times.push_back(milliseconds(*equal) / 1000) : void(++never);
    std::printf("seed %llu: equal after %.1f s\n", static_cast<unsigned long long>(here.seed),
                equal ? times.back() : -1);
    std::fflush(stdout);
  }
  const std::string what = "halves apart for 600 s, 5000 records: equal after, ";
  return {{what + "p50, s", quantile(times, 0.5)},
          {what + "worst, s", quantile(times, 1)},
          {what + "never in 120 s", never}};
}

// Until a host shuts the victim out, which is when its WireGuard peer is taken away.
void measure_shut_out(Simulator& sim, Instant begin, std::vector<double>& times) {
  sim.watch([&sim, &times, begin](unsigned, const SignedRecordPtr& got) {
    if (got->record.key.kind == RecordKind::kRevocation)
      times.push_back(milliseconds(sim.now() - begin));
  });
}

bool revoke(Simulator& sim, HostId victim) {
  RevocationRecord record{victim, sign_revocation(victim, sim.clocks_of(0).wall, sim.root())};
  return sim.write(0, {record, false, {}, ""});
}

// Revoked in one half of a cluster that is whole again half a minute later: the other half, from
// then, without the victim in it.
Figures revocation_across(const Settings& s) {
  std::vector<double> times;
  std::size_t missing = 0;
  for (unsigned run = 0; run < s.runs; ++run) {
    Settings here = s;
    here.seed += run;
    Ours c(here, s.loss);
    Simulator& sim = c.sim();
    sim.run_for(2s);
    sim.partition([](unsigned host) { return static_cast<int>(host % 2); });
    sim.run_for(30s);
    if (!revoke(sim, sim.identity(s.hosts - 1).id)) continue;
    sim.run_for(30s);
    sim.heal();
    // Of the half with the odd numbers, all but the victim.
    const std::size_t all = times.size() + s.hosts / 2 - 1;
    measure_shut_out(sim, sim.now(), times);
    sim.run_until([&] { return times.size() >= all; }, 60s, 100ms);
    missing += all - times.size();
    std::printf("seed %llu: revocation across a heal, worst so far %.0f ms\n",
                static_cast<unsigned long long>(here.seed), quantile(times, 1));
    std::fflush(stdout);
  }
  return {{"revocation across a heal, p50, ms", quantile(times, 0.5)},
          {"revocation across a heal, p99, ms", quantile(times, 0.99)},
          {"revocation across a heal, worst, ms", quantile(times, 1)},
          {"revocation across a heal, hosts without it after 60 s", double(missing)}};
}

Figures revocation(const Settings& s) {
  std::vector<double> times;
  for (unsigned run = 0; run < 5; ++run) {
    Settings here = s;
    here.seed += run;
    Ours c(here, s.loss);
    Simulator& sim = c.sim();
    sim.run_for(2s);
    if (!revoke(sim, sim.identity(s.hosts - 1).id)) continue;
    measure_shut_out(sim, sim.now(), times);
    sim.run_for(10s);
  }
  return {{"revocation at a host, p99, ms", quantile(times, 0.99)},
          {"revocation at a host, worst, ms", quantile(times, 1)}};
}

void print(const Settings& s, const Figures& ours, const Figures& theirs) {
  for (const auto& [name, value] : ours) {
    auto other = theirs.find(name);
    std::printf("%5u hosts  %-55s %10.2f", s.hosts, name.c_str(), value);
    if (other != theirs.end()) {
      std::printf(" %10.2f", other->second);
      if (value > 0) std::printf("  %6.1fx", other->second / value);
    }
    std::printf("\n");
  }
  std::fflush(stdout);
}

void run(const Settings& s) {
  auto wanted = [&s](const char* name) { return s.only.empty() || s.only == name; };
  auto ours = [&s](double loss) { return std::make_unique<Ours>(s, loss); };
  auto plain = [&s](double loss) { return std::make_unique<Ours>(s, loss, false); };
  auto theirs = [&s](double loss) { return std::make_unique<Memberlist>(s, loss); };
  const Figures none;
  bool memory = s.only == "interest-memory";
  if (memory || s.only == "interest")
    return measure_interest({.hosts = s.hosts, .loss = s.loss, .seed = s.seed, .traffic = !memory});
  if (s.only == "busy-processor")
    return measure_processor({.hosts = s.hosts, .loss = s.loss, .seed = s.seed});
  std::printf("%-67s %10s %10s\n", "", "ours", "memberlist");
  if (wanted("propagation"))
    print(s, propagation(ours, s), s.alone ? none : propagation(theirs, s));
  if (wanted("idle")) print(s, traffic(ours, s, 0, 20), s.alone ? none : traffic(theirs, s, 0, 20));
  if (wanted("busy"))
    print(s, traffic(ours, s, 200, 5), s.alone ? none : traffic(theirs, s, 200, 5));
  if (wanted("detection")) print(s, detection(ours, s), detection(theirs, s));
  if (wanted("pauses")) {
    print(s, pauses(ours, s), pauses(theirs, s));
    Figures without;
    for (const auto& [name, value] : pauses(plain, s)) without[name + ", no Lifeguard"] = value;
    print(s, without, {});
  }
  if (wanted("partition")) print(s, partition(s), {});
  if (wanted("revocation")) print(s, revocation(s), {});
  if (wanted("revocation-heal")) print(s, revocation_across(s), {});
}

bool parse(int argc, char** argv, Settings& out) {
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--only")
      out.only = value;
    else if (name == "--hosts")
      out.hosts = static_cast<unsigned>(std::atoi(value));
    else if (name == "--loss")
      out.loss = std::atof(value);
    else if (name == "--noise")
      out.noise = std::atof(value);
    else if (name == "--size")
      out.size = static_cast<unsigned>(std::atoi(value));
    else if (name == "--runs")
      out.runs = static_cast<unsigned>(std::max(1, std::atoi(value)));
    else if (name == "--memberlist")
      out.alone = std::atoi(value) == 0;
    else if (name == "--seed")
      out.seed = static_cast<std::uint64_t>(std::atoll(value));
    else
      return false;
  }
  return argc % 2 == 1 && out.hosts > 10;
}

}  // namespace
}  // namespace sixpn::sim

int main(int argc, char** argv) {
  sixpn::sim::Settings settings;
  if (!sixpn::sim::parse(argc, argv, settings)) {
    std::fprintf(stderr,
                 "usage: sim_bench [--only NAME] [--hosts N] [--loss P] [--noise P] [--seed S] "
                 "[--runs R] [--size BYTES] [--memberlist 0]\n");
    return 2;
  }
  sixpn::sim::run(settings);
  return 0;
}
