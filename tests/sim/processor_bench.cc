#include "tests/sim/processor_bench.h"

#include <cstdio>

#include "tests/sim/workload.h"

namespace sixpn::sim {
namespace {

constexpr unsigned kMeasured = 4;  // hosts, in different regions

SimOptions options_of(const ProcessorBench& what) {
  SimOptions out;
  out.seed = what.seed;
  out.hosts = what.hosts;
  out.network = {.loss = what.loss, .geographic = true};
  out.warm = true;
  out.check_every = 1'000'000;
  out.metered = [](unsigned host) { return host >= 1 && host <= kMeasured; };
  out.configure = [metered = out.metered](unsigned host, registry::Gossip::Options& options) {
    if (metered(host)) options.checks = {};
  };
  return out;
}

struct Totals {
  double processor = 0;  // seconds
  registry::Counters counters;
};

Totals totals_of(const Simulator& sim) {
  Totals out;
  for (unsigned host = 1; host <= kMeasured; ++host) {
    auto each = sim.gossip(host).counters();
    out.processor += std::chrono::duration<double>(sim.processor_time(host)).count();
    out.counters.records_accepted += each.records_accepted;
    out.counters.claims_verified += each.claims_verified;
    out.counters.datagrams_in += each.datagrams_in;
    out.counters.datagrams_out += each.datagrams_out;
    out.counters.copies_received += each.copies_received;
  }
  return out;
}

// Per host and second, since `before`.
void print(const ProcessorBench& what, const char* when, const Totals& before, const Totals& after,
           double seconds) {
  auto line = [&](const char* name, double amount) {
    std::printf("%5u hosts  %-15s %-39s %10.2f\n", what.hosts, when, name,
                amount / seconds / kMeasured);
  };
  auto since = [](std::uint64_t a, std::uint64_t b) { return static_cast<double>(b - a); };
  const auto& a = before.counters;
  const auto& b = after.counters;
  line("processor, % of a core", 100 * (after.processor - before.processor));
  line("records accepted per second", since(a.records_accepted, b.records_accepted));
  line("claims verified per second", since(a.claims_verified, b.claims_verified));
  line("copies received per second", since(a.copies_received, b.copies_received));
  line("datagrams in per second", since(a.datagrams_in, b.datagrams_in));
  line("datagrams out per second", since(a.datagrams_out, b.datagrams_out));
  std::fflush(stdout);
}

}  // namespace

void measure_processor(const ProcessorBench& what) {
  Simulator sim(options_of(what));
  sim.start_all();
  sim.run_for(10s);
  Rng rng(what.seed + 2);
  Totals idle = totals_of(sim);
  sim.run_for(5s);
  Totals before = totals_of(sim);
  print(what, "idle:", idle, before, 5);
  unsigned item = 0;
  for (unsigned i = 0; i < what.per_second * what.seconds; ++i) {
    auto host = static_cast<unsigned>(rng.below(what.hosts));
    sim.write(host, {machine_of(sim, host, ++item, MachineState::kStarted), false, {}, ""});
    sim.run_for(Duration(1'000'000 / what.per_second));
  }
  std::string busy = std::to_string(what.per_second) + " changes/s:";
  print(what, busy.c_str(), before, totals_of(sim), what.seconds);
}

}  // namespace sixpn::sim
