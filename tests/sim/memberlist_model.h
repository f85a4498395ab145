// MemberlistModel: a cluster of hosts that behave as memberlist does with its LAN defaults, to be
// measured beside ours on the same network and schedule of faults. Written from its documented
// constants (reference: config.go): probe 1 s / 0.5 s, three indirect probes and a TCP probe,
// suspicion multiplier 4 and at most 6 times that, gossip to 3 every 0.2 s, push/pull every 30 s,
// retransmits 4 * ceil(log10(N + 1)), awareness up to 8. Not its code nor its wire: sizes are
// estimates (kPing..., kAlive...). Generous to it: push/pull also carries records.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/rng.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/network.h"

namespace sixpn::sim {

class MemberlistModel {
 public:
  MemberlistModel(unsigned hosts, NetworkModel network, std::uint64_t seed);

  void run_for(Duration time);
  // Host `from` publishes record `item` of `bytes`; watch is called at each host that learns it.
  void publish(unsigned from, unsigned item, std::size_t bytes);
  void crash(unsigned host);
  void stall(unsigned host, Duration time);
  void watch(std::function<void(unsigned, unsigned)> watch) { watch_ = std::move(watch); }

  // Called when `host` comes to believe that `subject` is dead: (host, subject).
  void watch_deaths(std::function<void(unsigned, unsigned)> watch) {
    death_watch_ = std::move(watch);
  }

  [[nodiscard]] unsigned dead_to(unsigned host) const;  // how many running hosts believe it dead
  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }  // beliefs, host by host
  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t copies() const { return copies_; }  // of records, sent
  [[nodiscard]] Instant now() const { return now_; }

 private:
  enum class Status : std::uint8_t { kAlive, kSuspect, kDead };
  struct News {  // a claim about `subject`, or, with `item`, a record
    Status status = Status::kAlive;
    unsigned subject = 0;
    std::uint32_t incarnation = 0;
    unsigned accuser = 0;
    unsigned item = 0;
    std::size_t bytes = 0;
  };
  struct Queued {
    News news;
    unsigned sent = 0;
    std::uint64_t order = 0;
  };
  struct Peer {
    Status status = Status::kAlive;
    std::uint32_t incarnation = 1;
  };
  struct Suspicion {
    Instant start;
    std::set<unsigned> accusers;
    std::uint64_t timer = 0;
  };
  struct Host {
    bool running = true;
    Instant stalled_until{};
    std::uint32_t incarnation = 1;
    int awareness = 0;
    std::vector<Peer> peers;
    std::vector<unsigned> round;
    std::map<unsigned, Suspicion> suspicions;
    std::vector<Queued> queue;
    std::set<unsigned> items;
    unsigned target = 0;  // of the probe under way
    std::uint64_t probe = 0;
    bool answered = true;
    unsigned nacks_missing = 0;
  };
  enum class Kind : std::uint8_t {
    kGossipTick,
    kProbeTick,
    kPushPullTick,
    kProbeTimeout,
    kProbeEnd,
    kSuspicionEnd,
    kPing,
    kAck,
    kNack,
    kPingFor,
    kRelayTimeout,
    kNews,
    kTcpPing,
  };
  struct Event {
    Kind kind = Kind::kNews;
    unsigned host = 0;
    unsigned from = 0;
    unsigned subject = 0;
    std::uint64_t number = 0;
    std::shared_ptr<const std::vector<News>> news;
  };

  void happen(const Event& event);
  void on_packet(Host& host, const Event& event);
  void on_ping_for(const Event& event);
  void gossip(unsigned index);
  void start_probe(unsigned index);
  void escalate_probe(unsigned index, std::uint64_t probe);
  void end_probe(unsigned index, std::uint64_t probe);
  void push_pull(unsigned index);
  void learn(unsigned index, const News& news);
  void suspect(unsigned index, const News& news);
  void refute(unsigned index, std::uint32_t incarnation);
  void arm_suspicion(unsigned index, unsigned subject, Suspicion& suspicion);
  void queue(Host& host, const News& news);
  std::vector<News> take_news(Host& host, std::size_t room);
  std::vector<unsigned> choose(unsigned index, unsigned except, std::size_t most);
  void send(Kind kind, unsigned from, unsigned to, unsigned subject, std::uint64_t number,
            std::size_t size, bool piggyback);
  void after(Duration delay, Event event) { events_.push(now_ + delay, std::move(event)); }

  Rng rng_;
  Network network_;
  std::vector<Host> hosts_;
  EventQueue<Event> events_;
  std::function<void(unsigned, unsigned)> watch_;
  std::function<void(unsigned, unsigned)> death_watch_;
  Instant now_{};
  unsigned decades_ = 1;
  std::uint64_t order_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t copies_ = 0;
  std::uint64_t deaths_ = 0;
};

}  // namespace sixpn::sim
