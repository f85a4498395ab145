// What a full cluster costs one host: the registry of 1,000 hosts with 40 machines each, as the
// agent holds it (RegistryService, read back from its own disk, on a control loop). Its resident
// memory beside that of an empty one, and how long a change takes from the datagram that brings it
// to the answer of a resolver on another loop. Prints a line per figure: name, value, unit.
//
//   sudo registry_scale_bench [MACHINES_PER_HOST [NETWORKS]]     (its own network namespace)
#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/io/sockaddr.h"
#include "dns/core/responder.h"
#include "registry/core/address.h"
#include "registry/core/gossip_codec.h"
#include "registry/io/registry_service.h"
#include "tests/bench/full_registry.h"

namespace sixpn::registry {
namespace {

constexpr int kChanges = 200;
constexpr std::chrono::milliseconds kBetweenChanges{20};
constexpr std::chrono::seconds kPatience{5};

double resident_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmRSS:") {
      double kb = 0;
      status >> kb;
      return kb / 1024;
    }
  return 0;
}

void measure_memory(const std::string& name, const std::string& folder,
                    const sim::TestCluster& cluster) {
  apart([&] {
    EventLoop loop("bench");
    double before = resident_mb();
    RegistryService service(loop, options_for(folder, cluster, cluster.enrol(0)));
    if (auto opened = service.open(); !opened) fail(opened.error().message);
    figure(name + ": resident", resident_mb(), "MB");
    figure(name + ": of it by the registry", resident_mb() - before, "MB");
    auto heap = ::mallinfo2();
    figure(name + ": in use on the heap", static_cast<double>(heap.uordblks) / 1e6, "MB");
  });
}

// ---- a change, from the datagram to the answer

sockaddr_in6 socket_address(HostId host) {
  return to_sockaddr({host_address(host), kGossipPort});
}

// "<id>.vm.web.internal" has an answer while the machine with that id is started.
std::string question_for(MachineId machine) {
  std::string message{"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12};
  for (const std::string& label :
       {to_string(machine), std::string("vm"), std::string("web"), std::string("internal")})
    message += static_cast<char>(label.size()) + label;
  return message + std::string("\0\x00\x1c\x00\x01", 5);
}

std::size_t answers_in(const dns::Handled& handled, const std::string& reply) {
  if (handled.fate != dns::Fate::kReply || handled.size < 12) fail("no answer");
  return static_cast<unsigned char>(reply[7]);
}

// The second host: says over and over that one of its machines is stopped, or started.
class Neighbour {
 public:
  Neighbour(const sim::TestCluster& cluster, const ClusterSize& size)
      : host_(cluster.enrol(1)), machine_(machine_of(host_, size.machines, size)) {
    socket_ = Fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    auto from = socket_address(host_.id);
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&from), sizeof from) != 0)
      fail("the second host has no socket");
  }
  [[nodiscard]] const MachineRecord& machine() const { return machine_; }

  // The datagram for the next state.
  std::string next(bool started) {
    machine_.state = started ? MachineState::kStarted : MachineState::kStopped;
    GossipDatagram datagram;
    datagram.incarnation = 1;
    datagram.records = {
        host_.sign(test::make_owned_record(host_, machine_, 2, ++version_))->wire()};
    return encode_datagram(datagram);
  }
  void send(const std::string& bytes) {
    auto to = socket_address(sim::host_id(0));
    if (::sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to),
                 sizeof to) < 0)
      fail("the second host cannot send");
  }

 private:
  sim::EnrolledHost host_;
  MachineRecord machine_;
  Fd socket_;
  std::uint64_t version_ = 0;
};

double seconds_of_processor(clockid_t clock) {
  timespec used{};
  clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

void figure_of(const std::string& name, std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  figure(name + ", median", ms[ms.size() / 2], "ms");
  figure(name + ", 99th percentile", ms[ms.size() * 99 / 100], "ms");
}

void measure_change(const std::string& folder, const sim::TestCluster& cluster,
                    const ClusterSize& size) {
  use_own_network({0, 1});
  Neighbour neighbour(cluster, size);
  const std::string question = question_for(neighbour.machine().id);
  const dns::Audience audience{{sim::host_id(0), "iad"}, {}};
  dns::Responder responder(audience, 1);
  std::string reply(dns::kMaxUdpBytes, '\0');
  EventLoop control("control");
  EventLoop resolver("dns");
  RegistryService service(control, options_for(folder, cluster, cluster.enrol(0)));
  if (auto opened = service.open(); !opened) fail(opened.error().message);
  std::atomic<std::size_t> answered{1};
  std::atomic<Duration::rep> behind_apply{0};  // of the last answer
  service.on_snapshot([&](const SnapshotPtr& snapshot) {
    resolver.post([&, snapshot, applied = monotonic_now()] {
      responder.set_snapshot(snapshot);
      auto handled = responder.respond(question, neighbour.machine().address, dns::Transport::kUdp,
                                       reply.data());
      behind_apply = (monotonic_now() - applied).count();
      answered = answers_in(handled, reply);
    });
  });
  resolver.start_thread();
  if (auto started = service.start(); !started) fail(started.error().message);
  control.start_thread();

  std::vector<double> took;
  std::vector<double> from_apply;
  double processor = seconds_of_processor(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < kChanges; ++i) {
    bool started = i % 2 == 1;
    std::string bytes = neighbour.next(started);
    Instant begin = monotonic_now();
    neighbour.send(bytes);
    while (answered != (started ? 1U : 0U)) {
      if (monotonic_now() - begin > kPatience) fail("a change was never answered");
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    took.push_back(static_cast<double>((monotonic_now() - begin).count()) / 1000);
    from_apply.push_back(static_cast<double>(behind_apply) / 1000);
    std::this_thread::sleep_for(kBetweenChanges);
  }
  processor = seconds_of_processor(CLOCK_PROCESS_CPUTIME_ID) - processor;
  figure_of("datagram to answer", std::move(took));
  figure_of("snapshot published to answer", std::move(from_apply));
  figure("processor time per change", 1e3 * processor / kChanges, "ms");
  std::_Exit((std::fflush(stdout), 0));
}

void run(const ClusterSize& size) {
  std::string folder = std::filesystem::temp_directory_path() / "sixpn-scale-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) fail("no temporary folder");
  const std::string empty = folder + "/empty";
  const std::string full = folder + "/full";
  for (const auto& each : {empty, full}) std::filesystem::create_directory(each);
  sim::TestCluster cluster;
  apart([&] { store_cluster(full, cluster, size); });
  figure("machines", static_cast<double>(size.hosts * size.machines), "");
  figure("networks", size.networks, "");
  measure_memory("empty agent", empty, cluster);
  measure_memory("full agent", full, cluster);
  apart([&] { measure_change(full, cluster, size); });
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sixpn::registry

int main(int argc, char** argv) {
  sixpn::registry::ClusterSize size;
  auto number = [&](int index) {
    return static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10));
  };
  if (argc > 1) size.machines = number(1);
  if (argc > 2) size.networks = std::max(1U, number(2));
  sixpn::registry::run(size);
}
