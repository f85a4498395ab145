// Names with real agents and real clients: a machine finds itself from its first instruction to its
// last, also where its network is new, and is out of all others' answers before it ends; services
// by SRV; `sixpn dig --as` says what the machine itself is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::string_literals;

// The query for a machine's app, and whom to ask. Below, the programs that do.
const std::string kQuery = R"(
import os, signal, socket, sys, time
resolver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
resolver.settimeout(5)
resolver.connect(("fdaa::3", 53))
name = b"".join(bytes([len(l)]) + l for l in (os.environ["FLY_APP_NAME"].encode(), b"internal"))
query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00\x00\x1c\x00\x01"
)";

// Asks for its app with its first statement, and again in the moment it is asked to end; the query
// is ready before, so that the answer is of that moment. Prints how many machines it was told of,
// and whether itself; and then how many another one is told of, which asks when it hears from it.
const std::string kWitness = kQuery + R"(
other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
other.settimeout(5)
if "OTHER" in os.environ: other.connect((os.environ["OTHER"], 9000))
own = socket.inet_pton(socket.AF_INET6, os.environ["FLY_PRIVATE_IP"])
def ask(when):
    resolver.send(query)
    reply = resolver.recv(2000)
    print(when, "rcode", reply[3] & 15, "machines", reply[7], "me", own in reply, flush=True)
def end(number, frame):
    ask("last:")
    other.send(b"?")
    print("the other:", other.recv(1)[0], flush=True)
    sys.exit(0)
ask("first:")
signal.signal(signal.SIGINT, end)
while True: signal.pause()
)";

const std::string kOther = kQuery + R"(
asked = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
asked.bind(("::", 9000))
print("serves", flush=True)
while True:
    _, witness = asked.recvfrom(1)
    resolver.send(query)
    asked.sendto(resolver.recv(2000)[7:8], witness)
)";

constexpr const char* kServices = R"(
[processes]
app = "web"
db = "db"
[[services]]
internal_port = 8080
processes = ["app", "db"]
[[services.ports]]
port = 80
handlers = ["http"]
[[services]]
internal_port = 5433
processes = ["db"]
[[services.ports]]
port = 5432
)";

// Asks for its app over and over, and says when how many machines it is told of changes. The clock
// is the kernel's, one for all hosts here.
const std::string kWatcher = kQuery + R"(
told = None
while True:
    resolver.send(query)
    now = resolver.recv(2000)[7]
    if now != told: print("told of", now, "at", time.monotonic(), flush=True)
    told = now
    time.sleep(0.005)
)";

// Goes on for a while after it was asked to end, as a server does that finishes what it has.
constexpr const char* kLingerer = R"(
import signal, time
def end(number, frame):
    print("asked at", time.monotonic(), flush=True)
    time.sleep(3)
    print("ended at", time.monotonic(), flush=True)
    raise SystemExit
signal.signal(signal.SIGINT, end)
print("runs", flush=True)
while True: signal.pause()
)";

class Names : public ::testing::Test {
 protected:
  Names() : cluster_("names") {
    cluster_.add_host("a", "iad", "[dns]\nhost_network = \"acme/default\"\n");
    cluster_.add_host("b", "fra");
  }

  void SetUp() override { ASSERT_NO_FATAL_FAILURE(cluster_.form()); }

  bool log_says(const std::string& host, const std::string& id, const std::string& line) {
    return cluster_.must(host, {"machine", "logs", id}).find(line) != std::string::npos;
  }
  std::string sleeper(const std::string& host, const std::string& app, const Words& more = {}) {
    Words words{"--app", app};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--", "sleep", "1000"});
    return cluster_.run_machine(host, words);
  }
  bool knows_app(const std::string& host, const std::string& app) {
    return cluster_.must(host, {"apps", "list"}).find(app) != std::string::npos;
  }

  Cluster cluster_;
};

// And others do not, not even in the moment that it is asked to end.
TEST_F(Names, AMachineFindsItselfFromItsFirstInstructionToItsLast) {
  cluster_.must("a", {"apps", "create", "witness", "--org", "acme"});
  auto other = cluster_.run_machine("a", {"--app", "witness", "--", "python3", "-c", kOther});
  ASSERT_TRUE(eventually([&] { return log_says("a", other, "serves"); }));
  Words run{"--app", "witness", "--env", "OTHER=" + cluster_.machine_address("a", other),
            "--",    "python3", "-c",    kWitness};
  for (int round = 0; round < 5; ++round) {
    auto id = cluster_.run_machine("a", run);
    ASSERT_TRUE(eventually([&] { return log_says("a", id, "first:"); }));
    EXPECT_THAT(cluster_.must("a", {"machine", "logs", id}),
                HasSubstr("first: rcode 0 machines 2 me True"));
    cluster_.must("a", {"machine", "stop", id});
    ASSERT_TRUE(eventually([&] { return log_says("a", id, "the other:"); }));
    EXPECT_THAT(cluster_.must("a", {"machine", "logs", id}),
                HasSubstr("last: rcode 0 machines 2 me True\nthe other: 1\n"));
    cluster_.must("a", {"machine", "destroy", id});
  }
}

// Whoever asks on another host has the machine's whole grace to hear of it in.
TEST_F(Names, AnotherHostDoesNotNameAMachineThatIsAskedToEnd) {
  cluster_.must("a", {"apps", "create", "leaving", "--org", "acme"});
  ASSERT_TRUE(eventually([&] { return knows_app("b", "leaving"); }));
  auto watcher = cluster_.run_machine("b", {"--app", "leaving", "--", "python3", "-c", kWatcher});
  auto lingerer = cluster_.run_machine("a", {"--app", "leaving", "--", "python3", "-c", kLingerer});
  ASSERT_TRUE(eventually([&] { return log_says("b", watcher, "told of 2"); }));
  ASSERT_TRUE(eventually([&] { return log_says("a", lingerer, "runs"); }));
  cluster_.must("a", {"machine", "stop", lingerer, "--timeout", "20"});
  auto time_of = [&](const std::string& host, const std::string& id, const std::string& what) {
    auto log = cluster_.must(host, {"machine", "logs", id});
    auto found = log.rfind(what);
    EXPECT_NE(found, std::string::npos) << what << log;
    return found == std::string::npos ? 0.0 : std::stod(log.substr(found + what.size()));
  };
  double asked = time_of("a", lingerer, "asked at ");
  double gone = time_of("b", watcher, "told of 1 at ");
  double ended = time_of("a", lingerer, "ended at ");
  EXPECT_LT(gone, asked + 1.0);  // some milliseconds, on a machine with time
  EXPECT_LT(gone, ended);
}

TEST_F(Names, AProcessGroupMayBeMetadata) {
  cluster_.must("a", {"apps", "create", "groups", "--org", "acme"});
  auto api = sleeper("a", "groups", {"--metadata", "fly_process_group=api"});
  auto old = sleeper("a", "groups", {"--metadata", "process_group=old"});
  auto db = sleeper("a", "groups", {"--group", "db", "--metadata", "fly_process_group=api"});
  auto addresses = [&](const std::string& id) {
    return std::vector<std::string>{cluster_.machine_address("a", id)};
  };
  for (const auto& [group, id] : {std::pair("api", api), {"old", old}, {"db", db}}) {
    EXPECT_EQ(cluster_.dig("a", db, std::string(group) + ".process.groups.internal"),
              addresses(id));
    EXPECT_EQ(cluster_.dig("a", db,
                           std::string(group) + ".fly_process_group.kv._metadata.groups.internal"),
              addresses(id));
  }
}

// Fly's dns.skip_registration: on the machine's own host and on others, also after it was stopped.
TEST_F(Names, AMachineThatIsNotRegisteredHasNoNames) {
  cluster_.must("a", {"apps", "create", "quiet", "--org", "acme"});
  ASSERT_TRUE(eventually([&] { return knows_app("b", "quiet"); }));
  auto known = sleeper("a", "quiet");
  auto hidden = sleeper("a", "quiet", {"--skip-dns", "--metadata", "role=canary"});
  auto far = sleeper("b", "quiet");
  auto own = cluster_.machine_address("a", hidden);
  ASSERT_TRUE(eventually([&] { return cluster_.dig("a", known, "quiet.internal").size() == 2; }));
  ASSERT_TRUE(eventually([&] { return cluster_.dig("b", far, "quiet.internal").size() == 2; }));
  auto expect_hidden = [&] {
    for (const auto& [host, asker] : {std::pair("a", known), {"b", far}, {"a", hidden}}) {
      EXPECT_EQ(cluster_.dig(host, asker, "quiet.internal").size(), 2U) << host << asker;
      for (const auto& name :
           {hidden + ".vm.quiet.internal", "canary.role.kv._metadata.quiet.internal"s})
        EXPECT_THAT(cluster_.in_machine(host, asker, {"dig", name, "AAAA"}).out,
                    HasSubstr("status: NXDOMAIN"))
            << host << name;
      EXPECT_THAT(cluster_.in_machine(host, asker, {"dig", "-x", own}).out,
                  HasSubstr("status: NXDOMAIN"));
      for (const char* list : {"all.vms.quiet.internal", "all._instances.internal"})
        for (const auto& text : cluster_.dig(host, asker, list, "TXT"))
          EXPECT_THAT(text, Not(HasSubstr(hidden))) << host << list;
    }
  };
  expect_hidden();
  cluster_.must("a", {"machine", "stop", hidden});
  cluster_.must("a", {"machine", "start", hidden});
  expect_hidden();
  EXPECT_THAT(cluster_.must("b", {"machine", "status", hidden}), HasSubstr("none (--skip-dns)"));
  EXPECT_THAT(cluster_.must("b", {"machine", "status", known}), Not(HasSubstr("--skip-dns")));
  EXPECT_THAT(cluster_.must("a", {"dig", "quiet.internal", "--as", known, "--explain"}),
              HasSubstr("left out: not registered (skip_dns)"));
  for (const auto& [dns, says] : {std::pair("1", "dns: expected an object"),
                                  {R"({"skip_registration":"yes"})", "expected true or false"},
                                  {R"({"searches":[]})", "dns.searches: not known here"}}) {
    auto body = R"({"app":"quiet","command":["true"],"dns":)"s + dns + "}";
    auto told = run({"curl", "-sS", "--unix-socket", cluster_.host("a").socket(), "--data-binary",
                     body, "http://x/v1/machines"});
    EXPECT_THAT(told.out, HasSubstr(says));
  }
}

TEST_F(Names, DigAsAMachineSaysWhatTheMachineIsTold) {
  std::string config = cluster_.host("a").folder + "/fly.toml";
  write_file(config, kServices);
  cluster_.must("a", {"apps", "create", "web", "--org", "acme", "--config", config});
  cluster_.must("a", {"apps", "create", "spy", "--org", "globex"});
  ASSERT_TRUE(eventually([&] { return knows_app("b", "web") && knows_app("b", "spy"); }));
  auto web_a = sleeper("a", "web");
  auto web_b = sleeper("b", "web", {"--group", "db"});
  auto spy = sleeper("a", "spy");
  ASSERT_TRUE(eventually([&] { return cluster_.dig("a", web_a, "web.internal").size() == 2; }));
  ASSERT_TRUE(eventually([&] { return cluster_.dig("b", web_b, "web.internal").size() == 2; }));

  auto address_b = cluster_.machine_address("b", web_b);
  EXPECT_THAT(cluster_.dig("a", web_a, "_http._tcp.web.internal", "SRV"),
              ElementsAre("0 1 8080 " + web_a + ".vm.web.internal.",
                          "1 1 8080 " + web_b + ".vm.web.internal."));
  EXPECT_THAT(cluster_.dig("a", web_a, "_5432._tcp.web.internal", "SRV"),
              ElementsAre("0 1 5433 " + web_b + ".vm.web.internal."));
  EXPECT_THAT(cluster_.in_machine("a", web_a, {"dig", "_5432._tcp.web.internal", "SRV"}).out,
              HasSubstr(address_b));

  const std::vector<std::pair<std::string, std::string>> questions = {
      {"web.internal", "AAAA"},
      {"fra.web.internal", "AAAA"},
      {"vms.web.internal", "TXT"},
      {"regions.web.internal", "TXT"},
      {"_instances.internal", "TXT"},
      {"_apps.internal", "TXT"},
      {"_http._tcp.web.internal", "SRV"},
      {"_api.internal", "AAAA"},
      {"web.internal", "A"},
      {"nothing.internal", "AAAA"},
      {"_hosts.internal", "TXT"},
      {web_b + ".vm.web.internal", "AAAA"}};
  for (const auto& [host, machine] : {std::pair("a", web_a), {"b", web_b}, {"a", spy}})
    for (const auto& [name, type] : questions) {
      std::string sections = cluster_.must(host, {"dig", name, type, "--as", machine});
      auto told = cluster_.in_machine(host, machine, {"dig", "+noall", "+comments", name, type});
      auto status = sections.substr(sections.find("status: "));
      EXPECT_THAT(told.out, HasSubstr(status.substr(0, status.find('\n')))) << name;
      for (const auto& record : cluster_.dig(host, machine, name, type))
        EXPECT_THAT(sections, HasSubstr("\t" + record + "\n")) << name << " as " << machine;
    }

  // Also from another host than the machine's.
  auto elsewhere = cluster_.must("a", {"dig", "web.internal", "--as", web_b, "--explain"});
  EXPECT_THAT(elsewhere,
              HasSubstr("as machine " + web_b + " of web (" + address_b + ") on host b in fra"));
  EXPECT_LT(elsewhere.find("AAAA\t" + address_b),
            elsewhere.find("AAAA\t" + cluster_.machine_address("a", web_a)));
  EXPECT_THAT(elsewhere, HasSubstr("machine " + web_a + " of web, group app, region iad, started"));
  EXPECT_THAT(elsewhere, HasSubstr("rule: all started machines"));

  // The host's own programs see the network that it was given, at its own address; no machine does.
  auto own = "@" + cluster_.infrastructure_address("a");
  EXPECT_EQ(cluster_.on_host("a", {"dig", "+short", own, "fra.web.internal", "AAAA"}).out,
            address_b + "\n");
  EXPECT_THAT(cluster_.on_host("a", {"dig", "+short", own, "_hosts.internal", "TXT"}).out,
              HasSubstr("a iad alive"));
  EXPECT_THAT(cluster_.on_host("a", {"dig", own, "spy.internal", "AAAA"}).out,
              HasSubstr("NXDOMAIN"));
  EXPECT_NE(
      cluster_.in_machine("a", web_a, {"dig", "+time=1", "+tries=1", own, "web.internal"}).status,
      0);

  // The operator sees hosts, in whatever network.
  EXPECT_THAT(cluster_.must("a", {"dig", "_hosts.internal", "TXT", "--short"}),
              HasSubstr("a iad alive"));
  EXPECT_THAT(cluster_.sixpn("a", {"dig", "web.internal", "--as", "nobody"}).err,
              HasSubstr("there is no machine or peer 'nobody'"));
  EXPECT_THAT(cluster_.sixpn("a", {"dig", "web.internal", "--as", spy, "--org", "acme"}).err,
              HasSubstr("there is no machine or peer"));
  EXPECT_THAT(cluster_.sixpn("a", {"dig", "web..internal"}).err,
              HasSubstr("'web..internal' is not a domain name"));
  EXPECT_THAT(cluster_.sixpn("a", {"dig", "web.internal", "AAAAA"}).err,
              HasSubstr("is not a record type"));
}

// A host that holds what it uses, and a network that it has not used before.
TEST(NamesOfUsedNetworks, TheFirstMachineOfANetworkIsAnswered) {
  constexpr const char* kUsed = "[registry]\nhold = \"used\"\n";
  Cluster cluster("namesused");
  cluster.add_host("a", "iad", kUsed);
  cluster.add_host("b", "fra", kUsed);
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  for (const char* app : {"red", "green", "blue"}) {
    cluster.must("a", {"apps", "create", app, "--org", "acme", "--network", app});
    cluster.run_machine("a", {"--app", app, "--", "sleep", "1000"});
    ASSERT_TRUE(eventually([&] {
      return cluster.must("b", {"apps", "list"}).find(app) != std::string::npos;
    }));
    auto id = cluster.run_machine("b", {"--app", app, "--", "python3", "-c", kWitness});
    auto log = [&] { return cluster.must("b", {"machine", "logs", id}); };
    ASSERT_TRUE(eventually([&] { return log().find("first:") != std::string::npos; }));
    // It finds itself; the other host's machine comes with the network, or a moment later.
    EXPECT_THAT(log(), AnyOf(HasSubstr("first: rcode 0 machines 2 me True"),
                             HasSubstr("first: rcode 0 machines 1 me True")))
        << app;
  }
}

}  // namespace
}  // namespace sixpn::testing
