#include "tests/sim/swarm.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "tests/sim/liar.h"
#include "tests/sim/simulator.h"
#include "tests/sim/workload.h"

namespace sixpn::sim {
namespace {

constexpr int kStormSeconds = 60;
constexpr unsigned kSeeds = 3;       // in a token
constexpr Duration kSettle = 120s;   // after the last fault, plus what clocks were ahead
constexpr Duration kReunion = 600s;  // where islands may have to be found by chance knocks
constexpr Duration kSeen = 60s;      // for membership, once stores are equal

struct Faults {
  bool geographic, loss, duplicate, jitter, bad_spells, cuts, partitions, pauses, crashes;
  bool lost_disks, old_disks, skew, clock_steps, liar, shared_writes, erasures, leaves, revocation,
      twin, no_udp;

  explicit Faults(Rng& rng) {
    for (bool* fault : {&geographic, &loss,       &duplicate,   &jitter,  &bad_spells,
                        &cuts,       &partitions, &pauses,      &crashes, &lost_disks,
                        &old_disks,  &skew,       &clock_steps, &liar,    &shared_writes,
                        &erasures,   &leaves,     &revocation,  &twin,    &no_udp})
      *fault = rng.chance(0.4);
  }
  // Nothing that could make an honest host look dead.
  [[nodiscard]] bool only_lies() const {
    return liar && !bad_spells && !cuts && !partitions && !pauses && !crashes && !leaves && !no_udp;
  }
};

std::string to_string(const Faults& f) {
  std::ostringstream out;
  auto add = [&out](bool on, const char* name) {
    if (on) out << ' ' << name;
  };
  add(f.geographic, "geographic");
  add(f.loss, "loss");
  add(f.duplicate, "duplicate");
  add(f.jitter, "jitter");
  add(f.bad_spells, "bad-spells");
  add(f.cuts, "cuts");
  add(f.partitions, "partitions");
  add(f.pauses, "pauses");
  add(f.crashes, "crashes");
  add(f.crashes && f.lost_disks, "lost-disks");
  add(f.crashes && f.old_disks, "old-disks");
  add(f.skew, "skew");
  add(f.clock_steps, "clock-steps");
  add(f.liar, "liar");
  add(f.shared_writes, "shared-writes");
  add(f.erasures, "erasures");
  add(f.leaves, "leaves");
  add(f.revocation, "revocation");
  add(f.twin, "twin");
  add(f.no_udp, "no-udp");
  return out.str();
}

class Swarm {
 public:
  Swarm(std::uint64_t seed, const SwarmLimits& limits)
      : rng_(seed * 7919 + 13), faults_(rng_), sim_(options(seed, limits)) {}

  SwarmOutcome run() {
    SwarmOutcome out;
    out.faults = std::to_string(sim_.hosts()) + " hosts:" + to_string(faults_);
    try {
      begin();
      for (int second = 0; second < kStormSeconds; ++second) storm(second);
      out.settled_seconds = settle();
      out.ok = true;
    } catch (const std::exception& broken) {
      out.problem = broken.what();
    }
    out.effects = sim_.effects();
    out.events = sim_.events();
    return out;
  }

 private:
  SimOptions options(std::uint64_t seed, const SwarmLimits& limits) {
    SimOptions out;
    out.seed = seed;
    out.hosts = limits.hosts_least + below(limits.hosts_most - limits.hosts_least + 1);
    out.network.geographic = faults_.geographic;
    out.network.loss = faults_.loss ? 0.01 * static_cast<double>(1 + rng_.below(20)) : 0;
    out.network.duplicate = faults_.duplicate ? 0.05 : 0;
    out.network.jitter = faults_.jitter ? 200ms : 0ms;
    out.network.bad_spell = faults_.bad_spells ? 0.05 : 0;
    if (faults_.skew) skew_ = std::chrono::milliseconds(rng_.chance(0.5) ? 5'000 : 180'000);
    out.clock_skew = skew_;
    // Of any host but those whom the others' tokens name.
    if (faults_.twin && out.hosts > kSeeds + 2)
      out.twin = SimOptions::Twin{kSeeds + below(out.hosts - kSeeds - 1), 1 + below(kSeeds - 1),
                                  rng_.chance(0.5)};
    if (faults_.liar) liar_host_ = 1 + below(out.hosts - 1);
    if (out.twin) twins_ = {out.twin->of, out.hosts - 1};
    if (liar_host_ && is_twin(*liar_host_)) {
      out.twin.reset();
      twins_.clear();
    }
    faults_.twin = out.twin.has_value();
    out.orgs = [liar = liar_host_](unsigned host) {
      return std::vector<std::string>{liar == host ? "other" : "*"};
    };
    out.invites_last = rng_.chance(0.5);
    out.seeds = seeds_of;
    if (faults_.revocation && out.hosts > kSeeds)
      revoked_at_ = static_cast<int>(rng_.below(kStormSeconds));
    return out;
  }

  // The founder was told of nobody; it and the first that joined are in the later tokens.
  static std::vector<unsigned> seeds_of(unsigned host) {
    std::vector<unsigned> out;
    for (unsigned seed = 0; seed < std::min(host, kSeeds); ++seed) out.push_back(seed);
    return out;
  }

  void begin() {
    sim_.start_all();
    sim_.write(0, org_acme());
    if (liar_host_) liar_.emplace(sim_, *liar_host_, rng_);
    if (!sim_.run_until([&] { return sim_.converged(); }, kSettle + 2 * skew_, 250ms))
      fail("the cluster did not form");
    // Who waited for its first sync dropped the probes of strangers, and was rightly accused.
    if (!sim_.run_until([&] { return all_see_the_truth(); }, kSeen, 250ms)) blame_membership();
    // Whoever loses its registry has met the others before.
    if (faults_.crashes && faults_.lost_disks) sim_.run_for(11s);
    sim_.watch_deaths([this](unsigned host, const registry::Membership::Death& death) {
      unsigned about = death.host.value - host_id(0).value;
      if (sim_.is_trusted(host) && sim_.is_trusted(about)) ++deaths_;
    });
  }

  // One second of faults and writes.
  void storm(int second) {
    if (revoked_at_ && second >= *revoked_at_ && revoke()) revoked_at_.reset();
    unsigned host = any_host();
    if (faults_.pauses && rng_.chance(0.3)) sim_.stall(host, up_to(6s));
    if (faults_.cuts && rng_.chance(0.2)) sim_.cut(any_host(), any_host());
    if (faults_.partitions && rng_.chance(0.1)) partition();
    if (faults_.no_udp && rng_.chance(0.1)) sim_.block_datagrams(any_host());
    if ((faults_.cuts || faults_.partitions || faults_.no_udp) && rng_.chance(0.1)) sim_.heal();
    if (faults_.clock_steps && rng_.chance(0.1))
      sim_.set_skew(any_host(), std::chrono::milliseconds(rng_.below(120'001)) - 60s);
    if (faults_.crashes) crash_or_restart();
    if (faults_.leaves && rng_.chance(0.1)) leave_or_return();
    int writes = static_cast<int>(rng_.below(5));
    for (int i = 0; i < writes; ++i) write();
    for (int i = 0; i < 5; ++i) {
      if (liar_) liar_->act();
      sim_.run_for(200ms);
    }
  }

  void write() {
    unsigned host = any_host();
    if (liar_host_ == host) return;
    auto number = below(3);
    if (faults_.erasures && rng_.chance(0.25)) {
      sim_.write(host, machine_erasure(sim_, host, number));
      return;
    }
    // What an enrolment that loses has written over is lost with it.
    bool may_share = !is_twin(host) || sim_.is_trusted(host);
    if (faults_.shared_writes && may_share) return write_at_random(sim_, rng_, host);
    auto state = rng_.chance(0.5) ? MachineState::kStarted : MachineState::kStopped;
    sim_.write(host, {machine_of(sim_, host, number, state), false, {}, ""});
  }

  void partition() {
    auto salt = rng_();
    unsigned groups = 2 + below(2);
    sim_.partition(
        [salt, groups](unsigned host) { return static_cast<int>(Rng(salt + host).below(groups)); });
  }

  void crash_or_restart() {
    unsigned host = any_host();
    if (liar_host_ == host) return;
    if (!sim_.is_running(host)) return revive(host);
    if (faults_.old_disks && rng_.chance(0.1)) sim_.copy_disk(host);
    if (rng_.chance(0.3) && running() > sim_.hosts() / 2) sim_.crash(host);
  }

  // As systemd stops an agent, and starts it.
  void leave_or_return() {
    unsigned host = any_host();
    if (liar_host_ == host) return;
    if (!sim_.is_running(host)) return revive(host);
    if (running() <= sim_.hosts() / 2) return;
    if (!sim_.leave(host)) return;
    left_.insert(host);
    sim_.run_for(up_to(100ms));
    sim_.crash(host);
  }

  // By any other that runs; not one of the seeds, at which those knock who lost all.
  bool revoke() {
    unsigned host = kSeeds + below(sim_.hosts() - kSeeds);
    unsigned by = any_host();
    bool may = by != host && !is_twin(host) && sim_.is_running(by) && sim_.is_trusted(by);
    return may && sim_.revoke(by, host);
  }

  void revive(unsigned host) {
    if (faults_.crashes && faults_.lost_disks && rng_.chance(0.3)) {
      sim_.lose_disk(host);
    } else if (faults_.old_disks) {
      sim_.restore_disk(host);
    }
    left_.erase(host);
    sim_.restart(host);
  }

  // Peace: the network is whole, clocks are right, some of the dead stay dead.
  double settle() {
    sim_.heal();
    NetworkModel calm{.loss = 0.01, .geographic = faults_.geographic};
    sim_.set_network(calm);
    for (unsigned host = 0; host < sim_.hosts(); ++host) {
      sim_.set_skew(host, 0ms);
      bool stands = is_twin(host) && sim_.is_trusted(host);
      if (!sim_.is_running(host) && (stands || rng_.chance(0.5))) revive(host);
    }
    auto ahead = std::max<Duration>(skew_, faults_.clock_steps ? 60s : 0s);
    Duration patience = faults_.crashes && faults_.lost_disks ? kReunion : kSettle;
    auto settled = sim_.run_until([&] { return sim_.converged(); }, patience + 2 * ahead, 250ms);
    if (!settled) fail("stores are not equal long after the last fault:" + camps());
    if (!sim_.run_until([&] { return all_see_the_truth(); }, kSeen, 500ms)) blame_membership();
    check_truth();
    check_stores();
    check_revoked();
    if (faults_.only_lies() && claims_are_signed() && deaths_ > 0)
      fail("lies made somebody believe that an honest host is down");
    return static_cast<double>(settled->count()) / 1e6;
  }

  // Which hosts hold the same, and how many members each knows.
  [[nodiscard]] std::string camps() const {
    std::map<std::uint64_t, std::string> camps;
    for (unsigned host = 0; host < sim_.hosts(); ++host) {
      if (!sim_.is_running(host) || !sim_.is_trusted(host)) continue;
      const auto& gossip = sim_.gossip(host);
      camps[gossip.store().root_hash()] += " " + std::to_string(host) + "(" +
                                           std::to_string(gossip.membership().living().size()) +
                                           "/" + std::to_string(gossip.membership().size()) + ")";
    }
    std::string out;
    for (const auto& [hash, hosts] : camps) out += " [" + hosts.substr(1) + "]";
    return out;
  }

  // Whoever left is gone, as is who was found dead; and who has lost its registry never met it.
  [[nodiscard]] bool is_true(unsigned about, std::optional<HostStatus> status) const {
    if (sim_.is_running(about)) return status == HostStatus::kAlive;
    return status == HostStatus::kDown || (left_.contains(about) && status == HostStatus::kLeft);
  }

  // Calls with the host, whom it judges, and how.
  template <class Call>
  void each_judgement(const Call& call) const {
    for (unsigned host = 0; host < sim_.hosts(); ++host)
      for (unsigned about = 0; about < sim_.hosts(); ++about) {
        if (host == about || !sim_.is_running(host)) continue;
        if (!sim_.is_trusted(host) || !sim_.is_trusted(about)) continue;
        call(host, about, sim_.gossip(host).membership().status(sim_.identity(about).id));
      }
  }

  [[nodiscard]] bool all_see_the_truth() const {
    bool all = true;
    each_judgement([&](unsigned, unsigned about, std::optional<HostStatus> status) {
      all = all && is_true(about, status);
    });
    return all;
  }

  void blame_membership() const {
    each_judgement([&](unsigned host, unsigned about, std::optional<HostStatus> status) {
      if (is_true(about, status)) return;
      fail("host " + std::to_string(host) + " takes host " + std::to_string(about) + " for " +
           (status ? std::string(to_string_of(*status)) : "a stranger") + ", but it " +
           (sim_.is_running(about) ? "runs" : "is gone"));
    });
  }
  static std::string_view to_string_of(HostStatus status) { return sixpn::to_string(status); }

  void check_truth() const {
    for (unsigned host = 0; host < sim_.hosts(); ++host) {
      if (!sim_.is_running(host) || !sim_.is_trusted(host)) continue;
      for (const auto& [slot, expected] : sim_.truth()) {
        auto found = sim_.gossip(host).store().find(slot);
        if (!found) fail("an accepted write of " + to_string(slot.key) + " is lost");
        if (found->record.stamp < expected->record.stamp)
          fail("an accepted write of " + to_string(slot.key) + " gave way to an older one");
        check_accepted(slot, found);
      }
      return;  // stores are equal: one host tells for all
    }
  }

  // Also one that a host died with, if it got out before.
  void check_accepted(const registry::Slot& slot, const SignedRecordPtr& found) const {
    for (const auto& version : sim_.accepted().at(slot)) {
      if (version->record.stamp != found->record.stamp) continue;
      if (version->digest != found->digest)
        fail("two versions of " + to_string(slot.key) + " carry one stamp");
      return;
    }
    fail("a version of " + to_string(slot.key) + " that nobody's write was accepted for");
  }

  void check_stores() {
    for (unsigned host = 0; host < sim_.hosts(); ++host)
      if (sim_.is_running(host) && !sim_.gossip(host).store().check_invariants())
        fail("host " + std::to_string(host) + " broke an invariant of its store");
    for (unsigned host = 0; host < sim_.hosts(); ++host)
      if (sim_.is_running(host) && sim_.is_trusted(host) && !sim_.tells_twins_apart(host))
        fail("host " + std::to_string(host) + " holds records of both that have one host id");
  }

  // Whoever heard of it has it for no member: the mesh takes its peers from the same list.
  void check_revoked() const {
    for (unsigned victim = 0; victim < sim_.hosts(); ++victim) {
      if (!sim_.is_revoked(victim)) continue;
      HostId id = sim_.identity(victim).id;
      for (unsigned host = 0; host < sim_.hosts(); ++host) {
        if (!sim_.is_running(host) || !sim_.is_trusted(host)) continue;
        const auto& gossip = sim_.gossip(host);
        if (gossip.store().is_revoked(id) && gossip.membership().status(id))
          fail("host " + std::to_string(host) + " has host " + std::to_string(victim) +
               " for a member, which is revoked");
      }
    }
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::logic_error(what + " (at " + std::to_string(sim_.now().time_since_epoch().count()) +
                           " us)");
  }

  unsigned any_host() { return below(sim_.hosts()); }
  unsigned below(unsigned bound) { return static_cast<unsigned>(rng_.below(bound)); }
  [[nodiscard]] bool is_twin(unsigned host) const {
    return std::find(twins_.begin(), twins_.end(), host) != twins_.end();
  }
  Duration up_to(Duration most) {
    return Duration(
        static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(most.count()))));
  }
  [[nodiscard]] unsigned running() const {
    unsigned count = 0;
    for (unsigned host = 0; host < sim_.hosts(); ++host) count += sim_.is_running(host) ? 1 : 0;
    return count;
  }

  Rng rng_;
  Faults faults_;
  std::chrono::milliseconds skew_{0};
  std::optional<unsigned> liar_host_;
  std::optional<int> revoked_at_;  // the second
  std::vector<unsigned> twins_;    // two enrolments of one host id
  std::set<unsigned> left_;        // and were not started since
  Simulator sim_;
  std::optional<Liar> liar_;
  std::uint64_t deaths_ = 0;  // of honest hosts, to honest ones, since the storm began
};

}  // namespace

SwarmOutcome run_seed(std::uint64_t seed, const SwarmLimits& limits) {
  return Swarm(seed, limits).run();
}

}  // namespace sixpn::sim
