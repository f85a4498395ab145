#include "flycast/core/explain.h"

#include <algorithm>
#include <map>
#include <set>

#include "flycast/core/autostart.h"
#include "registry/core/service_health.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

constexpr int kDraws = 1000;

// Of a machine that is no candidate.
std::string why_not(const ServiceTable& table, const Route& route, const MachineRecord& machine) {
  if (machine.state != MachineState::kStarted) return std::string(to_string(machine.state));
  if (machine.cordoned) return "cordoned";
  if (!is_served_by(*route.service, machine)) return "its process group does not serve this port";
  if (!table.trusts(machine.host)) return "its host is unknown or revoked";
  if (!table.snapshot()->is_serving(machine)) return "its host is down";
  Health health = health_of(machine, route.service->internal_port);
  if (health == Health::kCritical) return "its checks fail";
  if (health == Health::kWarning) return "its checks have not passed since it started";
  return "not seen yet";
}

std::string standing_of(const Judged& judged) {
  if (judged.out && !judged.out_ignored) return "out: it failed lately";
  if (judged.full) return "at its hard limit";
  if (judged.out) return "failed lately, as most of its region: used all the same";
  return "usable";
}

ExplainedMachine explain_one(const Judged& judged, Instant now) {
  const Candidate& candidate = judged.member->candidate;
  const MachineLoad& load = *judged.member->load;
  ExplainedMachine one;
  one.machine = candidate.machine;
  one.host = candidate.host;
  one.region = candidate.region;
  one.here = candidate.here;
  one.round_trip = candidate.round_trip;
  one.candidate = true;
  one.standing = standing_of(judged);
  one.load = judged.load;
  one.own = load.own();
  if (const auto& report = load.report()) {
    one.queue = report->first.queue;
    one.heard = now - report->second;
  }
  one.latency_ms = judged.latency * 1000;
  one.start_share = judged.share;
  one.cost = judged.cost;
  one.preferred = judged.preferred;
  if (judged.out) {
    Instant until = std::max(load.out_until(), judged.member->host->until());
    one.out_for = std::max(Duration::zero(), until - now);
  }
  return one;
}

std::string rule_of(const Pick& pick) {
  const Candidate& candidate = pick.member->candidate;
  if (pick.known_full)
    return "every machine is at its hard limit: connections wait in line at region " +
           candidate.region;
  if (!pick.has_other)
    return "machine " + to_string(candidate.machine) + " is the only one that can be asked";
  if (candidate.here && candidate.soft_limit != 0)
    return "machines of this host come first, while under their soft limit";
  return "region " + candidate.region +
         " is the nearest that can take it; of two machines drawn at random the cheaper wins";
}

// The machine that a connection which no running one takes would wake; nothing when there is none.
std::optional<Candidate> to_wake(const ServiceTable& table, const Route& route) {
  std::vector<Sleeper> asleep = sleepers(table, route);
  auto self = table.snapshot()->hosts.find(table.snapshot()->self);
  bool known = self != table.snapshot()->hosts.end();
  auto choice = choose_sleeper(asleep, known ? std::string_view(self->second.record.region) : "");
  if (!choice) return std::nullopt;
  return asleep[*choice].candidate;
}

// Instead of what is said of the running ones, where one of those would be woken.
void add_wake(const ServiceTable& table, const Route& route, std::string_view because,
              Explanation& out) {
  auto woken = to_wake(table, route);
  if (!woken) return;
  out.rule = std::string(because) + ": a connection wakes machine " + to_string(woken->machine) +
             " of region " + woken->region + " and waits for it";
  for (ExplainedMachine& one : out.machines)
    if (one.machine == woken->machine) one.standing += ": a connection wakes it";
}

}  // namespace

Explanation explain(const ServiceTable& table, const Route& route, const ServicePool& pool,
                    Instant now, Rng& rng) {
  Explanation out;
  out.app = route.app->app.name;
  out.network = route.app->app.network;
  out.external_port = route.port->first;
  out.internal_port = route.service->internal_port;
  out.soft_limit = route.service->soft_limit;
  out.hard_limit = route.service->hard_limit;
  std::map<MachineId, int> drawn;
  std::string no_pick;  // why no running machine takes it; "": one does
  for (int i = 0; i < kDraws; ++i) {
    Choice choice = choose(pool, {}, now, rng);
    const auto* pick = std::get_if<Pick>(&choice);
    if (pick == nullptr) {
      no_pick = to_string(std::get<NoPick>(choice));
      out.rule = no_pick + ": connections wait";
      break;
    }
    if (i == 0) out.rule = rule_of(*pick);
    if (i == 0 && pick->known_full) no_pick = "every machine is at its hard limit";
    ++drawn[pick->member->candidate.machine];
  }
  std::set<MachineId> candidates;
  for (const Judged& judged : judge(pool, now)) {
    ExplainedMachine one = explain_one(judged, now);
    one.chosen = static_cast<double>(drawn[one.machine]) / kDraws;
    candidates.insert(one.machine);
    out.machines.push_back(std::move(one));
  }
  for (const MachinePtr& machine : route.app->machines) {
    if (candidates.contains(machine->id)) {
      out.checks_ignored =
          out.checks_ignored || health_of(*machine, out.internal_port) == Health::kCritical;
      continue;
    }
    ExplainedMachine one;
    one.machine = machine->id;
    one.host = machine->host;
    one.region = machine->region;
    one.here = machine->host == table.snapshot()->self;
    one.round_trip = table.snapshot()->round_trip_to(machine->host);
    one.standing = why_not(table, route, *machine);
    out.machines.push_back(std::move(one));
  }
  if (!no_pick.empty()) add_wake(table, route, no_pick, out);
  return out;
}

}  // namespace sixpn::flycast
