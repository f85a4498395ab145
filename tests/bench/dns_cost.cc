// dns_cost [MACHINES [ROUNDS]]: what one answer of the responder costs, without sockets: the
// dearest names of a network whose app `big` has MACHINES machines, beside a plain hit. Prints, for
// each, the least time of ROUNDS rounds of an answer that was asked for before ("again"), of the
// first one after a change of the network ("first"), and its size.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "dns/core/responder.h"
#include "tests/unit/edit_app.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

constexpr RateLimits kNoLimits{{0, 0}, {0, 0}, {0, 0}};

struct Question {
  std::string name;
  RrType type;
  Transport transport = Transport::kUdp;
};

const std::vector<Question>& questions() {
  constexpr auto kTcp = Transport::kTcp;
  static const std::vector<Question> kQuestions = {
      {"web.internal", kTypeAaaa},
      {"nothing.internal", kTypeAaaa},
      {"big.internal", kTypeAaaa},
      {"big.internal", kTypeAaaa, kTcp},
      {"big.internal", kTypeAny},
      {"big.internal", kTypeAny, kTcp},
      {"top900.nearest.of.big.internal", kTypeAaaa, kTcp},
      {"vms.big.internal", kTypeTxt},
      {"vms.big.internal", kTypeTxt, kTcp},
      {"vms.big.internal", kTypeAny},
      {"_instances.internal", kTypeTxt},
      {"_instances.internal", kTypeTxt, kTcp},
      {"_instances.internal", kTypeAny, kTcp},
      {"_registry.internal", kTypeTxt},
      {"_registry.internal", kTypeAny},
      {"_http._tcp.big.internal", kTypeSrv},
      {"_http._tcp.big.internal", kTypeSrv, kTcp},
      {"_http._tcp.big.internal", kTypeAny},
      {"_http._tcp.big.internal", kTypeAaaa},
      {"d.f.ip6.arpa", kTypePtr},
      {reverse_name(asker()), kTypePtr},
      {reverse_name(asker()), kTypeAny},
      {reverse_name(peer_address(kAcme, kHostB, 77)), kTypePtr},
      {"web.flycast", kTypeAaaa},
      {"web.flycast", kTypeTxt},
      {"web.flycast", kTypeAny},
  };
  return kQuestions;
}

SnapshotPtr world_of(std::uint64_t machines) {
  World world;
  for (std::uint64_t id = 0; id < machines; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  edit_app(world.network(kAcme), "big").app.services = {
      service(ServiceProtocol::kTcp, 8080, {{80, 80, {"http"}}}, {})};
  return world.snapshot();
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

void measure(const SnapshotPtr& snapshot, const Question& question, int rounds) {
  std::string out(kMaxMessageBytes, '\0');
  auto message = encode({.name = question.name, .type = question.type, .edns_size = 1232});
  double first = 1e9, again = 1e9;
  std::size_t size = 0;
  for (int round = 0; round < rounds; ++round) {
    Responder responder(audience(), 1, kNoLimits);
    responder.set_snapshot(snapshot);
    auto respond = [&] {
      size = responder.respond(message, asker(), question.transport, out.data()).size;
    };
    auto start = std::chrono::steady_clock::now();
    respond();
    first = std::min(first, since(start));
    constexpr int kTimes = 20;
    start = std::chrono::steady_clock::now();
    for (int i = 0; i < kTimes; ++i) respond();
    again = std::min(again, since(start) / kTimes);
  }
  std::printf("%-40.40s %5d %s %9.2f us again %9.2f us first %6zu bytes\n", question.name.c_str(),
              question.type, question.transport == Transport::kTcp ? "tcp" : "udp", again, first,
              size);
}

}  // namespace
}  // namespace sixpn::dns::testing

int main(int argc, char** argv) {
  using namespace sixpn::dns::testing;
  auto machines = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 800;
  int rounds = argc > 2 ? std::atoi(argv[2]) : 20;
  auto snapshot = world_of(machines);
  for (const auto& question : questions()) measure(snapshot, question, rounds);
}
