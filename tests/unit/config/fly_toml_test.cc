#include "config/fly_toml.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "registry/core/service_rules.h"

namespace sixpn::config {
namespace {

std::string errors_of(std::string_view text) {
  return to_string(parse_fly_toml(text, "fly.toml").errors());
}

std::string notes_of(std::string_view text) {
  auto config = parse_fly_toml(text, "fly.toml");
  return config ? to_string(config->notes) : "errors:\n" + to_string(config.errors());
}

TEST(FlyToml, EmptyFile) {
  auto config = parse_fly_toml("", "fly.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(*config, FlyToml{});
}

TEST(FlyToml, HttpService) {
  auto config = parse_fly_toml(R"(
app = "web"
primary_region = "fra"

[build]
  dockerfile = "Dockerfile"

[http_service]
  internal_port = 3000
  force_https = false
  auto_stop_machines = "stop"
  auto_start_machines = true
  min_machines_running = 1
  processes = ["app"]

  [http_service.concurrency]
    type = "requests"
    soft_limit = 200
    hard_limit = 250

  [[http_service.checks]]
    path = "/up"
    interval = "10s"
)",
                               "fly.toml");
  ASSERT_TRUE(config) << to_string(config.errors());
  EXPECT_EQ(config->app, "web");
  EXPECT_EQ(config->primary_region, "fra");
  Service expected;
  expected.internal_port = 3000;
  expected.ports = {{80, 80, {"http"}}, {443, 443, {"tls", "http"}}};
  expected.groups = {"app"};
  expected.concurrency = ConcurrencyType::kRequests;
  expected.auto_stop = AutoStop::kStop;
  expected.min_machines_running = 1;
  ServiceCheck up;
  up.kind = CheckKind::kHttp;
  up.interval = std::chrono::seconds(10);
  up.method = "GET";
  up.path = "/up";
  expected.checks = {up};
  expected.soft_limit = 200;
  expected.hard_limit = 250;
  EXPECT_EQ(config->services, std::vector<Service>{expected});
  EXPECT_EQ(to_string(config->notes), "fly.toml:5: accepted, not used: build\n");
}

TEST(FlyToml, HttpOptions) {
  auto config = parse_fly_toml(R"(
[http_service]
internal_port = 3000
[http_service.http_options]
compress = true
h2_backend = true
idle_timeout = 600
headers_read_timeout = 20
[http_service.http_options.response]
pristine = true
[http_service.http_options.response.headers]
server = false
x-frame-options = "DENY"
vary = ["Accept", "Cookie"]
[[http_service.http_options.replay_cache]]
path_prefix = "/app"
ttl_seconds = 60
type = "cookie"
name = "sid"
allow_bypass = true
)",
                               "fly.toml");
  ASSERT_TRUE(config) << to_string(config.errors());
  HttpOptions expected;
  expected.compress = true;
  expected.h2_backend = true;
  expected.idle_timeout = std::chrono::minutes(10);
  expected.headers_read_timeout = std::chrono::seconds(20);
  expected.pristine = true;
  expected.response_headers = {
      {"server", {}}, {"vary", {"Accept", "Cookie"}}, {"x-frame-options", {"DENY"}}};
  expected.replay_cache = {{"/app", std::chrono::minutes(1), false, "sid", true}};
  for (const ServicePort& port : config->services.at(0).ports) EXPECT_EQ(port.http, expected);
  EXPECT_EQ(to_string(config->notes), "");
}

TEST(FlyToml, TlsOptions) {
  auto config = parse_fly_toml(R"(
[http_service]
internal_port = 3000
force_https = true
[http_service.tls_options]
alpn = ["http/1.1"]
versions = ["TLSv1.3"]
[[services]]
[[services.ports]]
port = 5000
handlers = ["tls"]
tls_options = { alpn = ["mqtt"], versions = ["TLSv1.2"], default_self_signed = true }
)",
                               "fly.toml");
  ASSERT_TRUE(config) << to_string(config.errors());
  const auto& http = config->services.at(0).ports;
  EXPECT_TRUE(http.at(0).force_https);
  EXPECT_FALSE(http.at(1).force_https);
  EXPECT_EQ(http.at(0).tls, TlsOptions{});
  EXPECT_EQ(http.at(1).tls, (TlsOptions{{"http/1.1"}, true}));
  EXPECT_EQ(config->services.at(1).ports.at(0).tls, (TlsOptions{{"mqtt"}, false}));
  EXPECT_EQ(to_string(config->notes),
            "fly.toml:12: services.ports.tls_options.versions: TLSv1.3 is spoken too\n"
            "fly.toml:12: accepted, not used: services.ports.tls_options.default_self_signed\n");
}

TEST(FlyToml, ChecksOfEveryKind) {
  auto config = parse_fly_toml(R"(
[[services]]
internal_port = 5432
auto_stop_machines = "suspend"
ports = [{ port = 5432 }]
[[services.tcp_checks]]
interval = 500
timeout = "90s"
grace_period = 0
[[services.http_checks]]
method = "head"
path = "/up?deep=1"
protocol = "https"
tls_skip_verify = true
tls_server_name = "db.internal"
grace_period = "5s"
headers = { Host = "db", X-Check = "1" }
[[services.script_checks]]
command = "/bin/pg_isready"
args = ["-q"]
[[services.script_checks]]
command = ["/bin/true"]
restart_limit = 6
)",
                               "fly.toml");
  ASSERT_TRUE(config) << to_string(config.errors());
  const Service& service = config->services.at(0);
  EXPECT_EQ(service.auto_stop, AutoStop::kSuspend);
  ServiceCheck tcp;
  tcp.interval = std::chrono::seconds(1);
  tcp.timeout = std::chrono::seconds(60);
  tcp.grace = Duration::zero();
  ServiceCheck http;
  http.kind = CheckKind::kHttp;
  http.grace = std::chrono::seconds(5);
  http.method = "HEAD";
  http.path = "/up?deep=1";
  http.tls = true;
  http.tls_skip_verify = true;
  http.tls_server_name = "db.internal";
  http.headers = {{"Host", "db"}, {"X-Check", "1"}};
  ServiceCheck script;
  script.kind = CheckKind::kScript;
  script.command = {"/bin/pg_isready", "-q"};
  ServiceCheck words = script;
  words.command = {"/bin/true"};
  EXPECT_EQ(service.checks, (std::vector<ServiceCheck>{tcp, http, script, words}));
  EXPECT_EQ(to_string(config->notes),
            "fly.toml:7: services.tcp_checks.interval: 500ms is taken as 1s: it must be 1s to 1m\n"
            "fly.toml:8: services.tcp_checks.timeout: 1m30s is taken as 1m: it must be 1s to 1m\n"
            "fly.toml:23: accepted, not used: services.script_checks.restart_limit\n");
}

TEST(FlyToml, TcpServicesWithRangesAndGroups) {
  auto config = parse_fly_toml(R"(
app = "pg"
kill_signal = "SIGTERM"
kill_timeout = "2m"

[processes]
db = "postgres -c listen_addresses=*"
admin = "pgadmin"

[env]
PORT = 8080
RATIO = 0.5
DEBUG = true
GREETING = "hello = world"

[[services]]
protocol = "tcp"
internal_port = 5432
processes = ["db"]
auto_start_machines = false
auto_stop_machines = false
[[services.ports]]
port = 5432
[[services.ports]]
start_port = 6000
end_port = 6010
handlers = []
[services.concurrency]
hard_limit = 10

[[services]]
internal_port = 9000
protocol = "tcp"
processes = ["admin", "db"]
ports = [{ port = 80, handlers = ["http"] }]
)",
                               "fly.toml");
  ASSERT_TRUE(config) << to_string(config.errors());
  EXPECT_EQ(config->kill_signal, "SIGTERM");
  EXPECT_EQ(config->kill_timeout, std::chrono::minutes(2));
  EXPECT_EQ(config->processes,
            (std::map<std::string, std::string>{{"admin", "pgadmin"},
                                                {"db", "postgres -c listen_addresses=*"}}));
  EXPECT_EQ(
      config->env,
      (std::map<std::string, std::string>{
          {"DEBUG", "true"}, {"GREETING", "hello = world"}, {"PORT", "8080"}, {"RATIO", "0.5"}}));
  Service db;
  db.internal_port = 5432;
  db.ports = {{5432, 5432, {}, false}, {6000, 6010, {}, false}};
  db.groups = {"db"};
  db.soft_limit = 10;  // never above the hard limit
  db.hard_limit = 10;
  db.auto_start = false;
  Service admin;
  admin.internal_port = 9000;
  admin.ports = {{80, 80, {"http"}}};
  admin.groups = {"admin", "db"};
  EXPECT_EQ(config->services, (std::vector<Service>{db, admin}));
  EXPECT_TRUE(config->notes.empty()) << to_string(config->notes);
}

TEST(FlyToml, KillTimeoutAsSeconds) {
  EXPECT_EQ(parse_fly_toml("kill_timeout = 30\n", "f")->kill_timeout, std::chrono::seconds(30));
}

// What Fly knows and sixpn does not act on is no mistake.
TEST(FlyToml, OtherValidSectionsAreNoted) {
  EXPECT_EQ(notes_of("swap_size_mb = 512\n"
                     "[deploy]\nstrategy = \"rolling\"\n"
                     "[[mounts]]\nsource = \"data\"\ndestination = \"/data\"\n"
                     "[[vm]]\nsize = \"shared-cpu-1x\"\n"
                     "[[statics]]\nguest_path = \"/a\"\nurl_prefix = \"/\"\n"
                     "[metrics]\nport = 9091\n"
                     "[[restart]]\npolicy = \"always\"\n"
                     "[[files]]\nguest_path = \"/x\"\n"
                     "[experimental]\ncmd = \"x\"\n"),
            "fly.toml:1: accepted, not used: swap_size_mb\n"
            "fly.toml:2: accepted, not used: deploy\n"
            "fly.toml:4: accepted, not used: mounts\n"
            "fly.toml:7: accepted, not used: vm\n"
            "fly.toml:9: accepted, not used: statics\n"
            "fly.toml:12: accepted, not used: metrics\n"
            "fly.toml:14: accepted, not used: restart\n"
            "fly.toml:16: accepted, not used: files\n"
            "fly.toml:18: accepted, not used: experimental\n");
}

TEST(FlyToml, ChecksOfTheApp) {
  auto parsed = parse_fly_toml(R"(
[processes]
web = "serve"
worker = "work"
[checks.alive]
type = "tcp"
port = 8080
[checks.queue_depth]
type = "http"
port = 9091
method = "head"
path = "/queue"
interval = "5m"
timeout = "500ms"
grace_period = "10m"
kind = "readiness"
processes = ["worker"]
headers = { Host = "queue" }
)",
                               "fly.toml");
  ASSERT_TRUE(parsed) << to_string(parsed.errors());
  AppCheck alive{"alive", 8080, {}, {}};
  AppCheck queue{"queue_depth", 9091, {"worker"}, {}};
  queue.readiness = true;
  queue.check.kind = CheckKind::kHttp;
  queue.check.method = "HEAD";
  queue.check.path = "/queue";
  queue.check.interval = std::chrono::minutes(5);
  queue.check.timeout = std::chrono::milliseconds(500);
  queue.check.grace = std::chrono::minutes(10);
  queue.check.headers = {{"Host", "queue"}};
  EXPECT_EQ(parsed->checks, (std::vector<AppCheck>{alive, queue}));
  for (const AppCheck& check : parsed->checks) EXPECT_TRUE(registry::check_app_check(check));
  EXPECT_TRUE(parsed->notes.empty());
}

TEST(FlyToml, PortsOfEachHandler) {
  auto config = parse_fly_toml(
      "[[services]]\nprotocol = \"tcp\"\n"
      "[[services.ports]]\nport = 80\nhandlers = [\"http\"]\n"
      "[[services.ports]]\nport = 443\nhandlers = [\"tls\", \"http\"]\n"
      "[[services.ports]]\nport = 5433\nhandlers = [\"pg_tls\"]\n"
      "[[services.ports]]\nport = 25\nhandlers = [\"proxy_proto\"]\n"
      "[services.ports.proxy_proto_options]\nversion = \"v2\"\n",
      "fly.toml");
  ASSERT_TRUE(config) << to_string(config.errors());
  ASSERT_EQ(config->services.size(), 1u);
  ServicePort smtp{25, 25, {"proxy_proto"}};
  smtp.proxy_protocol = kProxyProtocolBinary;
  EXPECT_EQ(config->services[0].ports,
            (std::vector<ServicePort>{
                {80, 80, {"http"}}, {443, 443, {"tls", "http"}}, {5433, 5433, {"pg_tls"}}, smtp}));
  EXPECT_TRUE(config->notes.empty()) << to_string(config->notes);
}

TEST(FlyToml, UdpIsKeptAndNoted) {
  auto config =
      parse_fly_toml("[[services]]\nprotocol = \"udp\"\nports = [{ port = 53 }]\n", "fly.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->services.at(0).protocol, ServiceProtocol::kUdp);
  EXPECT_EQ(config->notes.size(), 1u);
}

struct Mistake {
  const char* text;
  const char* errors;
};

class FlyTomlMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(FlyTomlMistakes, AreNamedWithTheirPlace) {
  EXPECT_EQ(errors_of(GetParam().text), GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(
    TopLevel, FlyTomlMistakes,
    testing::Values(
        Mistake{"app = \"My App\"\n",
                "fly.toml:1: app: expected a DNS label (a-z, 0-9 and '-', at most 63), found \"My "
                "App\"\n"},
        Mistake{"primary_region = \"frankfurt\"\n",
                "fly.toml:1: primary_region: expected three letters such as \"iad\", found "
                "\"frankfurt\"\n"},
        Mistake{"primary_region = \"vms\"\n",
                "fly.toml:1: primary_region: expected a name other than vms, which is a name of "
                "every app (vms.<app>.internal), found \"vms\"\n"},
        Mistake{"network = \"x\"\n", "fly.toml:1: network: unknown key\n"},
        Mistake{"[http_serivce]\ninternal_port = 1\n",
                "fly.toml:1: http_serivce: unknown section, did you mean \"http_service\"?\n"},
        Mistake{
            "kill_signal = \"SIGTREM\"\n",
            "fly.toml:1: kill_signal: expected \"SIGINT\", \"SIGTERM\", \"SIGQUIT\", "
            "\"SIGUSR1\", \"SIGUSR2\", \"SIGHUP\" or \"SIGKILL\", found \"SIGTREM\", did you mean "
            "\"SIGTERM\"?\n"},
        Mistake{"kill_timeout = \"6m\"\n",
                "fly.toml:1: kill_timeout: expected a duration such as \"5s\" or a number of "
                "seconds, at most 5m, found the string \"6m\"\n"},
        Mistake{"kill_timeout = -1\n",
                "fly.toml:1: kill_timeout: expected a duration such as \"5s\" or a number of "
                "seconds, at most 5m, found the integer -1\n"},
        Mistake{"[env]\nFLY_REGION = \"x\"\nLIST = [1]\n",
                "fly.toml:2: env.FLY_REGION: names that begin with FLY_ are reserved\n"
                "fly.toml:3: env.LIST: expected a string, a number, true or false, found an "
                "array\n"},
        Mistake{
            "[env]\n\"A=B\" = \"x\"\nC = \"a\\u0000b\"\n",
            "fly.toml:2: env.A=B: a variable's name is not empty and has no \"=\"\n"
            "fly.toml:3: env.C: expected a string, a number, true or false, found a string with "
            "a zero byte\n"},
        Mistake{"[processes]\nweb_1 = \"x\"\nworker = 3\n",
                "fly.toml:2: processes.web_1: a process group's name is a DNS label (a-z, 0-9 and "
                "'-', at most 63): it is part of <group>.process.<app>.internal\n"
                "fly.toml:3: processes.worker: expected a command as a string, found the integer "
                "3\n"}));

INSTANTIATE_TEST_SUITE_P(
    HttpService, FlyTomlMistakes,
    testing::Values(
        Mistake{"[http_service]\nforce_https = false\n",
                "fly.toml:1: http_service.internal_port: is required: the port that your program "
                "listens on\n"},
        Mistake{"[http_service]\ninternal_port = 8080\ntls_options = { alpn = [\"mqtt\"], versions "
                "= [\"TLSv1.1\"] }\n",
                "fly.toml:3: http_service.tls_options.alpn: expected \"h2\" or \"http/1.1\", or "
                "without the handler \"http\" any protocol of at most 255 bytes\n"
                "fly.toml:3: http_service.tls_options.versions: expected \"TLSv1.2\" or "
                "\"TLSv1.3\"\n"},
        Mistake{"[http_service]\ninternal_port = 0\nauto_stop_machines = \"halt\"\n",
                "fly.toml:2: http_service.internal_port: expected 1..65535, found 0\n"
                "fly.toml:3: http_service.auto_stop_machines: expected \"off\", \"stop\" or "
                "\"suspend\", found \"halt\"\n"},
        Mistake{
            "[http_service]\ninternal_port = 1\n[http_service.concurrency]\ntype = "
            "\"request\"\nsoft_limit = 30\nhard_limit = 20\n",
            "fly.toml:4: http_service.concurrency.type: expected \"connections\" or "
            "\"requests\", found \"request\", did you mean \"requests\"?\n"
            "fly.toml:5: http_service.concurrency.soft_limit: expected at most hard_limit (20), "
            "found 30\n"},
        Mistake{"[http_service]\ninternal_port = 1\nprocesses = [\"web\"]\n",
                "fly.toml:3: http_service.processes: there is no process group \"web\" in "
                "[processes]\n"},
        Mistake{"[processes]\nweb = \"a\"\nworker = \"b\"\n[http_service]\ninternal_port = 1\n",
                "fly.toml:4: http_service.processes: is required: [processes] has 2 groups\n"},
        Mistake{"[http_service]\ninternal_port = 1\n[http_service.port]\nx = 1\n",
                "fly.toml:3: http_service.port: unknown section\n"}));

INSTANTIATE_TEST_SUITE_P(
    Services, FlyTomlMistakes,
    testing::Values(
        Mistake{"[[services]]\nprotocol = \"tcp\"\n",
                "fly.toml:1: services.ports: expected at least one [[services.ports]]\n"},
        Mistake{"[services]\nprotocol = \"tcp\"\n",
                "fly.toml:1: services: expected tables [[services]], found a table\n"},
        Mistake{"[[services]]\nprotocol = \"sctp\"\nports = [{ port = 1 }]\n",
                "fly.toml:2: services.protocol: expected \"tcp\" or \"udp\", found \"sctp\"\n"},
        Mistake{"[[services]]\nports = [\n{ port = 0 },\n{ port = 65536 } ]\n",
                "fly.toml:3: services.ports.port: expected 1..65535, found 0\n"
                "fly.toml:4: services.ports.port: expected 1..65535, found 65536\n"},
        Mistake{
            "[[services]]\nports = [\n{ port = 1, end_port = 2 },\n{ start_port = 3 },\n{ } ]\n",
            "fly.toml:3: services.ports.port: expected either port, or start_port and end_port\n"
            "fly.toml:4: services.ports.port: expected either port, or start_port and end_port\n"
            "fly.toml:5: services.ports.port: expected either port, or start_port and "
            "end_port\n"},
        Mistake{"[[services]]\nports = [{ start_port = 9, end_port = 8 }]\n",
                "fly.toml:2: services.ports.end_port: expected at least start_port (9), found 8\n"},
        Mistake{"[[services]]\n[[services.ports]]\nport = 80\nhandlers = [\"htpp\", 4]\n",
                "fly.toml:4: services.ports.handlers: expected \"http\", \"tls\", \"pg_tls\" or "
                "\"proxy_proto\", found \"htpp\", did you mean \"http\"?\n"
                "fly.toml:4: services.ports.handlers: expected an array of strings, found the "
                "integer 4\n"},
        Mistake{"[[services]]\n[[services.ports]]\nport = 5432\nhandlers = [\"tls\", \"pg_tls\"]\n"
                "[[services.ports]]\nport = 80\nhandlers = [\"pg_tls\", \"http\"]\n"
                "[[services.ports]]\nport = 5433\nhandlers = [\"pg_tls\", \"proxy_proto\"]\n",
                "fly.toml:2: services.ports.handlers: \"pg_tls\" is TLS as PostgreSQL's clients "
                "begin it: no \"tls\" or \"http\" goes with it\n"
                "fly.toml:5: services.ports.handlers: \"pg_tls\" is TLS as PostgreSQL's clients "
                "begin it: no \"tls\" or \"http\" goes with it\n"},
        Mistake{"[[services]]\n[[services.ports]]\nport = 80\nforce_https = true\nhandler = 1\n",
                "fly.toml:1: services.ports.force_https: needs a port 443 with the handlers "
                "\"tls\" and \"http\" in this service, to redirect to\n"
                "fly.toml:4: services.ports.force_https: needs the handler \"http\": only HTTP can "
                "redirect\n"
                "fly.toml:5: services.ports.handler: unknown key, did you mean \"handlers\"?\n"},
        Mistake{"[http_service]\ninternal_port = 1\n[[services]]\n[[services.ports]]\nstart_port = "
                "70\nend_port = 90\n",
                "fly.toml:4: services.ports.port: ports 70-90 cannot be used: line 1 has port 80 "
                "already\n"},
        Mistake{
            "[[services]]\nflycast_path = \"kernel\"\nports = [{ port = 1, handlers = [\"http\"] "
            "}]\n",
            "fly.toml:2: services.flycast_path: \"kernel\" is for TCP services without "
            "handlers: the kernel moves packets, it reads no HTTP\n"},
        Mistake{"[[services]]\nflycast_path = \"kernel\"\nauto_stop_machines = \"stop\"\nports = "
                "[{ port = 1, http_options = { idle_timeout = 9 } }]\n[services.concurrency]\n"
                "hard_limit = 9\nsoft_limit = 5\n",
                "fly.toml:2: services.flycast_path: \"kernel\" keeps no hard_limit: the kernel "
                "chooses machines blindly\n"
                "fly.toml:2: services.flycast_path: \"kernel\" needs auto_stop_machines = \"off\": "
                "nobody sees that a machine is idle\n"
                "fly.toml:2: services.flycast_path: \"kernel\" keeps no idle_timeout: the kernel "
                "ends no connection\n"},
        Mistake{
            "[[services]]\nports = [{ port = 1, proxy_proto_options = { version = \"v3\" } }]\n",
            "fly.toml:2: services.ports.proxy_proto_options.version: expected \"v1\" or "
            "\"v2\", found \"v3\", did you mean \"v1\"?\n"},
        Mistake{"[[services]]\nports = [{ port = 1 }]\n[[services.tcp_checks]]\ninterval = "
                "\"soon\"\npath = \"/\"\n[[services.http_checks]]\npath = \"up\"\nheaders = { A = "
                "1 }\n[[services.script_checks]]\ninterval = \"2s\"\n",
                "fly.toml:4: services.tcp_checks.interval: expected a duration such as \"5s\" or a "
                "number of milliseconds, found the string \"soon\"\n"
                "fly.toml:5: services.tcp_checks.path: unknown key\n"
                "fly.toml:7: services.http_checks.path: expected a path such as \"/up\", found "
                "\"up\"\n"
                "fly.toml:8: services.http_checks.headers.A: expected a header's value, found the "
                "integer 1\n"
                "fly.toml:9: services.script_checks.command: is required\n"},
        Mistake{"[checks.a]\ninterval = \"1s\"\ntimeout = \"61s\"\n[checks.\"b c\"]\ntype = "
                "\"script\"\nport = 0\nkind = \"x\"\nprocesses = [\"db\"]\n",
                "fly.toml:1: checks.a.type: is required: tcp or http\n"
                "fly.toml:1: checks.a.port: is required: where the machine is asked\n"
                "fly.toml:2: checks.a.interval: expected 2s to 1h, found 1s\n"
                "fly.toml:3: checks.a.timeout: expected 1ms to 1m, found 1m1s\n"
                "fly.toml:4: checks.b c: a check's name is 1 to 63 letters, digits, '-', '_' and "
                "'.'\n"
                "fly.toml:5: checks.b c.type: expected \"tcp\" or \"http\", found \"script\"\n"
                "fly.toml:6: checks.b c.port: expected 1..65535, found 0\n"
                "fly.toml:7: checks.b c.kind: expected \"informational\" or \"readiness\", found "
                "\"x\"\n"
                "fly.toml:8: checks.b c.processes: there is no process group \"db\" in "
                "[processes]\n"},
        Mistake{"[http_service]\ninternal_port = 1\n[http_service.http_options]\nidle_timeout = "
                "0\nresponse = { headers = { \"a b\" = \"c\", d = true } }\n[[http_service."
                "http_options.replay_cache]]\nttl_seconds = 9\ntype = \"ip\"\n",
                "fly.toml:4: http_service.http_options.idle_timeout: expected 1..86400, found 0\n"
                "fly.toml:5: http_service.http_options.response.headers.a b: is no header's name\n"
                "fly.toml:5: http_service.http_options.response.headers.d: expected false (remove "
                "it), a header's value, or 1 to 8 of them, found true\n"
                "fly.toml:6: http_service.http_options.replay_cache.name: is required: the name of "
                "the cookie or header\n"
                "fly.toml:7: http_service.http_options.replay_cache.ttl_seconds: expected "
                "10..86400, found 9\n"
                "fly.toml:8: http_service.http_options.replay_cache.type: expected \"cookie\" or "
                "\"header\", found \"ip\"\n"},
        Mistake{"[[services]]\nprocesses = [\"app\", \"app\"]\nports = [{ port = 1 }]\n",
                "fly.toml:2: services.processes: \"app\" is there twice\n"}));

TEST(FlyToml, OnePortMayBeBothTcpAndUdp) {
  EXPECT_EQ(errors_of("[[services]]\nprotocol = \"udp\"\nports = [{ port = 53 }]\n"
                      "[[services]]\nprotocol = \"tcp\"\nports = [{ port = 53 }]\n"),
            "");
}

TEST(FlyToml, AllMistakesAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(errors_of("app = 1\n"
                      "ap = \"web\"\n"
                      "[http_service]\n"
                      "force_https = true\n"
                      "internal_port = \"8080\"\n"),
            "fly.toml:1: app: expected a string, found the integer 1\n"
            "fly.toml:2: ap: unknown key, did you mean \"app\"?\n"
            "fly.toml:5: http_service.internal_port: expected an integer, found the string "
            "\"8080\"\n");
}

// A good file with bytes changed, cut and doubled is either read or refused with places inside it.
TEST(FlyToml, DamagedFilesAreReadOrRefused) {
  const std::string good =
      "app = \"web\"\nkill_timeout = 5\n[env]\nA = \"b\"\n[processes]\nweb = \"run\"\n"
      "[[services]]\nprotocol = \"tcp\"\n[[services.ports]]\nport = 80\nhandlers = [\"http\"]\n"
      "[services.concurrency]\nsoft_limit = 1\nhard_limit = 2\n";
  Rng rng(1);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (std::uint64_t n = rng.below(4) + 1; n > 0; --n) {
      std::size_t at = rng.below(text.size());
      switch (rng.below(3)) {
        case 0:
          text[at] = static_cast<char>(rng());
          break;
        case 1:
          text.erase(at, rng.below(8) + 1);
          break;
        default:
          text.insert(at, text.substr(rng.below(text.size()), rng.below(40)));
      }
    }
    auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
    for (const ConfigError& error : parse_fly_toml(text, "fly.toml").errors()) {
      EXPECT_GE(error.line, 1u) << text;
      EXPECT_LE(error.line, lines) << text;
      EXPECT_FALSE(error.message.empty());
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(FlyToml, LoadNamesTheFile) {
  EXPECT_EQ(to_string(load_fly_toml("/nowhere/fly.toml").errors()),
            "/nowhere/fly.toml: cannot be read: No such file or directory\n");
}

}  // namespace
}  // namespace sixpn::config
