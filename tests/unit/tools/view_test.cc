// What people see: the text forms of the agent's answers.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tools/cli/app_view.h"
#include "tools/cli/cluster_view.h"
#include "tools/cli/dig_view.h"
#include "tools/cli/flycast_view.h"
#include "tools/cli/machine_view.h"

namespace sixpn::cli {
namespace {

using boost::json::parse;

constexpr std::int64_t kNow = 1790000000000;

constexpr const char* kStatus = R"({
  "cluster": "5f0c", "version": "0.1.0", "backend": "userspace", "generation": 42, "synced": true,
  "host": {"id": "00a1b2c3", "name": "a", "region": "iad", "address": "fdaa:0:0:a1:b2c3::1"},
  "hosts": [
    {"id": "00a1b2c3", "name": "a", "region": "iad", "status": "alive", "round_trip_us": 0,
     "version": "0.1.0", "endpoint": null, "handshake_age_s": null, "rx_bytes": 0, "tx_bytes": 0,
     "is_self": true, "address": "fdaa:0:0:a1:b2c3::1"},
    {"id": "00a1b2c4", "name": "b", "region": "fra", "status": "suspected", "round_trip_us": 88123,
     "version": "0.1.0", "endpoint": "203.0.113.2:51820", "handshake_age_s": 75, "rx_bytes": 2048,
     "tx_bytes": 12582912, "is_self": false, "address": "fdaa:0:0:a1:b2c4::1"},
    {"id": "00a1b2c5", "name": "c", "region": "nrt", "status": "down", "round_trip_us": null,
     "version": "0.1.0", "endpoint": null, "handshake_age_s": null, "rx_bytes": 0, "tx_bytes": 0,
     "is_self": false, "address": "fdaa:0:0:a1:b2c5::1"}],
  "networks": [
    {"id": "00000001", "org": "acme", "name": "default", "prefix": "fdaa:0:1::/48"},
    {"id": "00000002", "org": "acme", "name": "lab", "prefix": "fdaa:0:2::/48"}],
  "apps": [{"name": "web", "org": "acme", "network": "default", "services": [],
            "flycast": [], "machines": 1}],
  "machines": [{"id": "148e21dad76789", "app": "web", "org": "acme", "network": "default",
    "group": "app", "region": "iad", "host": "00a1b2c3", "host_name": "a", "host_status": "alive",
    "state": "started", "address": "fdaa:0:1:a1:b2c3:2:3:2", "updated_ms": 1789999940000}],
  "warnings": ["the registry is not on disk: No space left on device"]})";

TEST(StatusView, WholeCluster) {
  auto status = parse(kStatus);
  EXPECT_EQ(
      status_text(JsonView(status), kNow),
      "Cluster   5f0c\n"
      "Host      a (00a1b2c3) in iad, fdaa:0:0:a1:b2c3::1\n"
      "Agent     0.1.0, WireGuard by userspace\n"
      "Registry  generation 42\n"
      "\n"
      "HOST  REGION  STATUS     ROUND TRIP  HANDSHAKE  RECEIVED  SENT      ENDPOINT\n"
      "a     iad     alive      self        -          -         -         -\n"
      "b     fra     suspected  88.1 ms     1m ago     2.0 KiB   12.0 MiB  203.0.113.2:51820\n"
      "c     nrt     down       -           never      0 B       0 B       -\n"
      "\n"
      "ORG   NETWORK  PREFIX\n"
      "acme  default  fdaa:0:1::/48\n"
      "acme  lab      fdaa:0:2::/48\n"
      "\n"
      "APP  ORG   NETWORK  SERVICES  FLYCAST  MACHINES\n"
      "web  acme  default  -         -        1\n"
      "\n"
      "MACHINE         APP  ORG   GROUP  REGION  HOST  STATE    CHECKS  ADDRESS                 "
      "UPDATED\n"
      "148e21dad76789  web  acme  app    iad     a     started  -       fdaa:0:1:a1:b2c3:2:3:2  1m "
      "ago\n"
      "\n"
      "Warning: the registry is not on disk: No space left on device\n");
}

TEST(StatusView, AHostAloneHasOnlyItsOwnRow) {
  auto status = parse(R"({"cluster":"5f","version":"1","backend":"kernel","generation":0,
    "synced":false,"host":{"id":"00010000","name":"a","region":"iad","address":"fdaa::1"},
    "hosts":[],"networks":[],"apps":[],"machines":[],"warnings":[]})");
  EXPECT_EQ(status_text(JsonView(status), kNow),
            "Cluster   5f\n"
            "Host      a (00010000) in iad, fdaa::1\n"
            "Agent     1, WireGuard by kernel\n"
            "Registry  generation 0, not synced yet\n"
            "\n"
            "HOST  REGION  STATUS  ROUND TRIP  HANDSHAKE  RECEIVED  SENT  ENDPOINT\n");
}

TEST(StatusView, ManyMachinesAreCounted) {
  auto text_with = [](int machines) {
    std::string status = R"({"hosts":[],"machines":[)";
    for (int i = 0; i < machines; ++i) status += std::string(i == 0 ? "" : ",") + R"({"id":"m"})";
    auto value = parse(status + "]}");
    return status_text(JsonView(value), kNow);
  };
  EXPECT_NE(text_with(50).find("MACHINE "), std::string::npos);
  EXPECT_EQ(text_with(51).find("MACHINE "), std::string::npos);
  EXPECT_NE(text_with(51).find("51 machines: `sixpn machine list --app APP` shows"),
            std::string::npos);
}

// An agent of another version may send less, or something else: never a crash.
TEST(StatusView, ForeignAnswersAreShownAsFarAsTheyGo) {
  for (const char* text :
       {"null", "[]", "{}", "3", R"({"hosts":[1,null,{}],"machines":{"a":1}})"}) {
    auto value = parse(text);
    EXPECT_FALSE(status_text(JsonView(value), kNow).empty()) << text;
    hosts_text(JsonView(value), kNow);
    orgs_text(JsonView(value));
    apps_text(JsonView(value));
    machine_text(JsonView(value), kNow);
    dig_text(JsonView(value));
  }
}

// Of the own host each check; of others what their records say of services.
TEST(ChecksView, EachCheckHereAndEachServiceElsewhere) {
  auto machines = parse(R"([
    {"id":"148e21dad76789","local":true,"state":"started","health":"critical","host_name":"a",
     "services":[{"port":8080,"health":"critical"}],"app_health":"passing",
     "checks":[{"name":"servicecheck-00-http-8080","port":8080,"kind":"service","status":"critical",
                "output":"503","updated_ms":1789999940000},
               {"name":"alive","port":1,"kind":"informational","status":"passing","output":"ok",
                "updated_ms":1789999940000}]},
    {"id":"148e21dad76780","local":false,"state":"started","health":"critical","host_name":"b",
     "services":[{"port":8080,"health":"critical"},{"port":9090,"health":"passing"},
                 {"port":9091,"health":"unknown"}],"app_health":"warning","checks":null}])");
  EXPECT_EQ(checks_text(JsonView(machines), kNow),
            "NAME                       STATUS    MACHINE         LAST UPDATED  OUTPUT\n"
            "servicecheck-00-http-8080  critical  148e21dad76789  1m ago        503\n"
            "alive                      passing   148e21dad76789  1m ago        ok\n"
            "(service 8080)             critical  148e21dad76780  -             run `sixpn checks "
            "list` on "
            "host b\n"
            "(service 9090)             passing   148e21dad76780  -             run `sixpn checks "
            "list` on "
            "host b\n"
            "(app)                      warning   148e21dad76780  -             run `sixpn checks "
            "list` on "
            "host b\n");
  std::string list = machines_text(JsonView(machines), kNow);
  EXPECT_NE(list.find("1/2"), std::string::npos) << list;
  EXPECT_NE(list.find("critical"), std::string::npos) << list;
  EXPECT_NE(machine_text(JsonView(machines.at(1)), kNow).find("(service 9090) passing"),
            std::string::npos);
}

TEST(HostsView, EverythingKnown) {
  auto status = parse(R"({"hosts":[
    {"id":"00a1b2c3","name":"a","region":"iad","status":"alive","is_self":true,
     "address":"fdaa::a","version":"0.1.0","valid_until_ms":null},
    {"id":"00a1b2c4","name":"b","region":"fra","status":"suspected","address":"fdaa::b",
     "version":"0.1.0","round_trip_us":88100,"handshake_age_s":60,"endpoint":"203.0.113.2:51820",
     "heard_ms_ago":3000,"clock_ahead_ms":-12400,"valid_until_ms":1800000000001},
    {"id":"00a1b2c5","name":"c","region":"nrt","status":"down","address":"fdaa::c",
     "version":"0.1.0","clock_ahead_ms":999,"valid_until_ms":1700000000000}],
    "shut_out":[{"id":"00a1b2c6","name":"d","region":"nrt","status":"revoked"}]})");
  EXPECT_EQ(hosts_text(JsonView(status), 1'800'000'000'000),
            "HOST  ID        REGION  STATUS     VALID UNTIL         HEARD   CLOCK   ROUND TRIP  "
            "HANDSHAKE  ADDRESS  ENDPOINT           VERSION\n"
            "a     00a1b2c3  iad     alive      -                   self    -       self        "
            "-          fdaa::a  -                  0.1.0\n"
            "b     00a1b2c4  fra     suspected  2027-01-15          3s ago  -12.4s  88.1 ms     "
            "1m ago     fdaa::b  203.0.113.2:51820  0.1.0\n"
            "c     00a1b2c5  nrt     down       2023-11-14 expired  -       ok      -           "
            "never      fdaa::c  -                  0.1.0\n"
            "d     00a1b2c6  nrt     revoked    -                   -       -       -           "
            "-          -        -                  -\n");
}

TEST(OrgsView, NetworksAndCounts) {
  auto status = parse(kStatus);
  EXPECT_EQ(orgs_text(JsonView(status)),
            "ORG   NETWORKS      APPS  MACHINES\n"
            "acme  default, lab  1     1\n");
  EXPECT_EQ(boost::json::serialize(orgs_json(JsonView(status))),
            R"([{"name":"acme","networks":["default","lab"],"apps":1,"machines":1}])");
  auto empty = parse("{}");
  EXPECT_EQ(orgs_text(JsonView(empty)),
            "No organisations yet: `sixpn apps create NAME --org ORG` makes one.\n");
}

constexpr const char* kApp = R"({"name":"web","org":"acme","network":"default",
  "network_id":"00000001","prefix":"fdaa:0:1::/48","primary_region":"iad",
  "services":[
    {"protocol":"tcp","internal_port":8080,"ports":[{"first":80,"last":80,"handlers":["http"]}]},
    {"protocol":"udp","internal_port":5000,"ports":[{"first":5000,"last":5010,"handlers":[]}]}],
  "flycast":["fdaa:0:1:0:1::2"],"machines":3})";

TEST(AppView, OneAndMany) {
  auto app = parse(kApp);
  EXPECT_EQ(app_text(JsonView(app)),
            "App           web\n"
            "Organisation  acme\n"
            "Network       default (fdaa:0:1::/48)\n"
            "Services      80 => 8080, udp 5000-5010 => 5000\n"
            "Flycast       fdaa:0:1:0:1::2\n"
            "Machines      3\n");
  app.as_object()["no_tls_because"] = "there is no authority\x1b";
  EXPECT_TRUE(
      app_text(JsonView(app)).ends_with("3\nPorts with TLS are closed: there is no authority?\n"))
      << app_text(JsonView(app));
  boost::json::value apps = boost::json::array{app};
  EXPECT_EQ(apps_text(JsonView(apps)),
            "APP  ORG   NETWORK  SERVICES                           FLYCAST          MACHINES\n"
            "web  acme  default  80 => 8080, udp 5000-5010 => 5000  fdaa:0:1:0:1::2  3\n");
}

TEST(AppView, Addresses) {
  auto addresses = parse(
      R"([{"address":"fdaa:0:1:0:1::2","type":"private_v6","app":"web","network":"default"}])");
  EXPECT_EQ(ips_text(JsonView(addresses)),
            "VERSION  IP               TYPE     NETWORK\n"
            "v6       fdaa:0:1:0:1::2  private  default\n");
  auto none = parse("[]");
  EXPECT_EQ(ips_text(JsonView(none)),
            "No addresses: `sixpn ips allocate-v6 --private -a APP` makes one.\n");
}

TEST(MachineView, States) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"state":"started","host_status":"alive","exit_code":null})", "started"},
      {R"({"state":"stopped","host_status":"alive","exit_code":3})", "stopped (exit 3)"},
      {R"({"state":"started","host_status":"alive","exit_code":3})", "started"},
      {R"({"state":"started","host_status":"suspected"})", "started"},
      {R"({"state":"started","host_status":"down"})", "started (host down)"},
      {R"({"state":"stopped","host_status":"left","exit_code":3})", "stopped (host left)"}};
  for (const auto& [text, state] : cases) {
    auto machine = parse(text);
    EXPECT_EQ(machine_state(JsonView(machine)), state) << text;
  }
}

TEST(MachineView, One) {
  auto machine = parse(R"({"id":"148e21dad76789","app":"web","org":"acme","network":"default",
    "group":"worker","region":"iad","host":"00a1b2c3","host_name":"a","host_status":"alive",
    "state":"stopped","address":"fdaa:0:1:a1:b2c3:2:3:2","metadata":{"role":"primary","v":"2"},
    "dns":{"skip_registration":true},"updated_ms":1789992800000,"local":true,"pid":null,"exit_code":1,
    "log":"/var/lib/sixpn/machines/148e21dad76789/log","netns":"/run/netns/148e21dad76789",
    "reason":"the command ended"})");
  EXPECT_EQ(machine_text(JsonView(machine), kNow),
            "Machine    148e21dad76789\n"
            "State      stopped (exit 1)\n"
            "App        web (org acme, network default)\n"
            "Group      worker\n"
            "Address    fdaa:0:1:a1:b2c3:2:3:2\n"
            "Host       a (00a1b2c3) in iad\n"
            "Reason     the command ended\n"
            "Names      none (--skip-dns)\n"
            "Metadata   role=primary, v=2\n"
            "Log        /var/lib/sixpn/machines/148e21dad76789/log\n"
            "Namespace  /run/netns/148e21dad76789\n"
            "Updated    2026-09-21 12:13:20 UTC (2h ago)\n");
}

constexpr const char* kExplained = R"({"app": "web", "network": "default", "port": 80,
  "internal_port": 8080, "soft_limit": 20, "hard_limit": 25, "checks_ignored": false,
  "rule": "region iad is the nearest that can take it",
  "machines": [
    {"machine": "148e21dad76789", "host": "h1", "region": "iad", "here": true,
     "round_trip_us": 0, "candidate": true, "standing": "usable", "load": 3, "own": 0, "queue": 0,
     "heard_ms_ago": null, "latency_us": 5000, "start_percent": 100, "cost_us": 20010,
     "preferred": true, "out_for_ms": 0, "chosen_per_mille": 1000},
    {"machine": "248e21dad76789", "host": "h2", "region": "iad", "here": false,
     "round_trip_us": 812, "candidate": true, "standing": "out: it failed lately", "load": 0,
     "own": 0, "queue": 2, "heard_ms_ago": 400, "latency_us": 5000000, "start_percent": 50,
     "cost_us": 10000000, "preferred": true, "out_for_ms": 700, "chosen_per_mille": 0},
    {"machine": "348e21dad76789", "host": "h3", "region": "fra", "here": false,
     "round_trip_us": 88123, "candidate": false, "standing": "stopped"}]})";

TEST(FlycastView, Explanation) {
  auto said = parse(kExplained);
  EXPECT_EQ(flycast_explain_text(JsonView(said)),
            "web port 80 -> 8080 (soft 20, hard 25)\n"
            "region iad is the nearest that can take it\n"
            "\n"
            "MACHINE         HOST  REGION  ROUND TRIP  LOAD  QUEUE  HEARD       LATENCY   COST     "
            " CHOSEN   STANDING\n"
            "148e21dad76789  h1    iad     here        3     0      this host   5.000 ms  20.0 ms  "
            " 100.0 %  usable\n"
            "248e21dad76789  h2    iad     0.812 ms    0     2      400 ms ago  5000 ms   10000 ms "
            " 0.0 %    out: it failed lately, 700 ms more, starting (50 %)\n"
            "348e21dad76789  h3    fra     88.1 ms     -     -      -           -         -        "
            " -        stopped\n");
}

TEST(FlycastView, TlsThatIsRefused) {
  auto said = parse(R"({"app": "web", "rule": "nearest", "no_tls_because": "no authority"})");
  EXPECT_NE(flycast_explain_text(JsonView(said))
                .find("nearest\nports with TLS are closed: no authority\n"),
            std::string::npos);
}

TEST(FlycastView, TheKernelPath) {
  auto said =
      parse(R"({"app": "db", "rule": "nearest", "kernel_path": {"machines": ["1a", "2b"]}})");
  EXPECT_NE(flycast_explain_text(JsonView(said))
                .find("nearest\nkernel path: new connections go to 1a, 2b, each as often, without "
                      "the proxy\n"),
            std::string::npos);
  said = parse(R"({"app": "db", "kernel_path": {"proxied_because": "it has a hard_limit"}})");
  EXPECT_NE(flycast_explain_text(JsonView(said))
                .find("kernel path: left to the proxy: it has a hard_limit\n"),
            std::string::npos);
  auto status = parse(R"({"kernel_left_out": 2, "kernel": [{"app": "db", "address": "fdaa::1",
    "first_port": 80, "last_port": 90, "internal_port": 8080, "machines": ["1a"]}]})");
  EXPECT_NE(flycast_status_text(JsonView(status))
                .find("Handed to machines by the kernel\n"
                      "APP  ADDRESS  PORTS  TO PORT  MACHINES\n"
                      "db   fdaa::1  80-90  8080     1a\n"
                      "2 more services are too many for the kernel: the proxy takes them\n"),
            std::string::npos)
      << flycast_status_text(JsonView(status));
}

TEST(FlycastView, Status) {
  auto status = parse(std::string(R"({"host": "h1", "stats": {"accepted": 9, "relayed": 7,
    "gave_up": 2, "open": 1, "attempts": 12, "failed_attempts": 5, "waits": 3,
    "waits_refused": 1}, "services": [)") +
                      kExplained + R"(], "services_left_out": 4,
    "hosted": [{"machine": "148e21dad76789", "app": "web", "internal_port": 8080, "open": 3,
                "queue": 0}],
    "errors": [{"ago_ms": 61000, "app": "web", "client": "fdaa::1", "dialled": "[fdaa::2]:80",
                "attempts": 5, "why": "every machine is\u001b at its hard limit"}]})");
  std::string text = flycast_status_text(JsonView(status));
  EXPECT_TRUE(
      text.starts_with("Proxy of host h1\n9 connections taken, 7 joined to a machine, 2 "
                       "got none, 1 open\n12 attempts, 5 failed; waited in line here: 3, "
                       "in vain 1\n"))
      << text;
  EXPECT_NE(text.find("\n4 more services\n"), std::string::npos);
  EXPECT_NE(text.find("Open on machines of this host\nMACHINE"), std::string::npos);
  EXPECT_NE(text.find("every machine is? at its hard limit"), std::string::npos) << text;
  EXPECT_EQ(flycast_status_text(JsonView(parse("null"))).substr(0, 14), "Proxy of host ");
}

TEST(DigView, RecordData) {
  const std::pair<const char*, std::optional<std::string>> cases[] = {
      {"web.internal.\t5\tIN\tAAAA\tfdaa::1", "fdaa::1"},
      {"web.internal. 5 IN AAAA fdaa::1", "fdaa::1"},
      {R"(regions.web.internal. 5 IN TXT "fra,iad")", "fra,iad"},
      {R"(vms.web.internal. 5 IN TXT "a b" "c,d")", "a bc,d"},
      {R"(x. 5 IN TXT "q\"\\\065")", "q\"\\A"},
      {R"(x. 5 IN TXT "")", ""},
      {"1.ip6.arpa. 5 IN PTR a.vm.web.internal.", "a.vm.web.internal."},
      {"internal. 5 IN SOA a. b. 1 2 3 4 5", "a. b. 1 2 3 4 5"},
      {"", std::nullopt},
      {"x. 5 IN AAAA", std::nullopt},
      {"x. 5 IN", std::nullopt}};
  for (const auto& [record, data] : cases) EXPECT_EQ(record_data(record), data) << record;
}

constexpr const char* kDig = R"({"name":"web.internal.","type":"AAAA","rcode":"NOERROR",
  "authoritative":true,"additional":[],"bytes":98,"network_generation":7,
  "answers":["web.internal.\t5\tIN\tAAAA\tfdaa::1","web.internal.\t5\tIN\tAAAA\tfdaa::2"],
  "authority":[],"note":"","forwarded":false,"org":"acme","network":"default","generation":42,
  "as":"machine 148e21dad76789 of web","source":"fdaa::9","host":"a","region":"iad",
  "rule":"all of them","behind":["machine 148e21dad76789 of web: answered","and 3 more"],
  "answers_in_512":1,"answers_in_1232":2})";

TEST(DigView, LongForm) {
  auto dig = parse(kDig);
  EXPECT_EQ(dig_text(JsonView(dig)),
            ";; ->>HEADER<<- opcode: QUERY, status: NOERROR\n"
            ";; flags: qr aa rd ra; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 0\n"
            "\n"
            ";; QUESTION SECTION:\n"
            ";web.internal.\t\t\tIN\tAAAA\n"
            "\n"
            ";; ANSWER SECTION:\n"
            "web.internal.\t\t5\tIN\tAAAA\tfdaa::1\n"
            "web.internal.\t\t5\tIN\tAAAA\tfdaa::2\n"
            "\n"
            ";; SERVER: the registry of this host, generation 42, in network default of acme\n"
            ";; MSG SIZE: 98\n");
}

TEST(DigView, LongNamesAndAdditionalRecords) {
  auto dig = parse(R"({"name":"_http._tcp.a-rather-long-name.internal.","type":"SRV",
    "rcode":"NOERROR","authoritative":true,"bytes":9,"generation":1,
    "answers":["_http._tcp.a-rather-long-name.internal.\t5\tIN\tSRV\t0 1 8080 x.vm.a.internal."],
    "additional":["x.vm.a.internal.\t5\tIN\tAAAA\tfdaa::1"]})");
  EXPECT_EQ(dig_text(JsonView(dig)),
            ";; ->>HEADER<<- opcode: QUERY, status: NOERROR\n"
            ";; flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1\n"
            "\n;; QUESTION SECTION:\n"
            ";_http._tcp.a-rather-long-name.internal.\tIN\tSRV\n"
            "\n;; ANSWER SECTION:\n"
            "_http._tcp.a-rather-long-name.internal.\t5\tIN\tSRV\t0 1 8080 x.vm.a.internal.\n"
            "\n;; ADDITIONAL SECTION:\n"
            "x.vm.a.internal.\t5\tIN\tAAAA\tfdaa::1\n"
            "\n;; SERVER: the registry of this host, generation 1\n"
            ";; MSG SIZE: 9\n");
}

TEST(DigView, NegativeLongForm) {
  auto dig = parse(R"({"name":"no.internal.","type":"AAAA","rcode":"SERVFAIL","answers":[],
    "authority":["internal.\t5\tIN\tSOA\tns. h. 1 2 3 4 5"],"note":"not yet","generation":7})");
  EXPECT_EQ(dig_text(JsonView(dig)),
            ";; ->>HEADER<<- opcode: QUERY, status: SERVFAIL\n"
            ";; flags: qr rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 0\n"
            ";; EDE: not yet\n"
            "\n;; QUESTION SECTION:\n"
            ";no.internal.\t\t\tIN\tAAAA\n"
            "\n;; AUTHORITY SECTION:\n"
            "internal.\t\t5\tIN\tSOA\tns. h. 1 2 3 4 5\n"
            "\n;; SERVER: the registry of this host, generation 7\n"
            ";; MSG SIZE: 0\n");
  auto foreign = parse(R"({"name":"a.org.","type":"A","forwarded":true,"note":"not ours"})");
  EXPECT_EQ(dig_text(JsonView(foreign)),
            ";; not ours\n\n;; QUESTION SECTION:\n;a.org.\t\t\t\tIN\tA\n");
}

// The registry is the same everywhere, the round trips are not.
TEST(DigView, WhoeverAsksElsewhereMayGetAnotherOrder) {
  std::string text = kDig;
  EXPECT_EQ(dig_text(JsonView(parse(text.c_str()))).find(";; ORDER"), std::string::npos);
  text.insert(1, R"("elsewhere":true,)");
  EXPECT_NE(dig_text(JsonView(parse(text.c_str())))
                .find("\n;; ORDER: by the round trips of this host; host a answers by its own\n"),
            std::string::npos);
}

TEST(DigView, ReverseNames) {
  EXPECT_EQ(reverse_name(*parse_ip("fdaa::3")),
            "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.a.d.f.ip6.arpa");
  EXPECT_EQ(reverse_name(*parse_ip("192.0.2.17")), "17.2.0.192.in-addr.arpa");
}

TEST(DigView, Explanation) {
  auto dig = parse(kDig);
  EXPECT_EQ(
      explanation_text(JsonView(dig)),
      "\n;; EXPLANATION:\n"
      ";; view: network default of acme, as machine 148e21dad76789 of web (fdaa::9) on host a "
      "in iad\n"
      ";; rule: all of them\n"
      ";; registry: generation 42, this network's last change in 7\n"
      ";; machine 148e21dad76789 of web: answered\n"
      ";; and 3 more\n"
      ";; over UDP: 1 of 2 records fit 512 bytes (no EDNS), 2 fit 1232\n");
}

TEST(DigView, ShortFormAndAddresses) {
  auto dig = parse(kDig);
  EXPECT_EQ(*dig_short(JsonView(dig)), "fdaa::1\nfdaa::2\n");
  EXPECT_EQ(dig_addresses(JsonView(dig)),
            (std::vector<Ip6>{*parse_ip6("fdaa::1"), *parse_ip6("fdaa::2")}));
  auto none = parse(R"({"rcode":"NXDOMAIN","answers":[]})");
  EXPECT_EQ(dig_short(JsonView(none)).error().message, "lookup failed: NXDOMAIN");
  auto empty = parse(R"({"rcode":"NOERROR","answers":[]})");
  EXPECT_EQ(*dig_short(JsonView(empty)), "");
  auto forwarded = parse(R"({"rcode":"","forwarded":true,"note":"not ours"})");
  EXPECT_EQ(dig_short(JsonView(forwarded)).error().message, "lookup failed: not ours");
}

}  // namespace
}  // namespace sixpn::cli
