#include "config/agent_config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sixpn::config {
namespace {

std::string errors_of(std::string_view text) {
  return to_string(parse_agent_config(text, "agent.toml").errors());
}

TEST(AgentConfig, EmptyFileGivesDefaults) {
  auto config = parse_agent_config("", "agent.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(*config, AgentConfig{});
  EXPECT_EQ(config->state_dir, "/var/lib/sixpn");
  EXPECT_EQ(config->wireguard.listen_port, 51820);
  EXPECT_EQ(config->knock.port, 51821);
}

TEST(AgentConfig, EveryKey) {
  auto config = parse_agent_config(R"(
state_dir = "/srv/sixpn"
run_dir = "/run/six"
log_level = "debug"
join = "@/etc/sixpn/token"
watchdog = "45s"

[host]
name = "a"
region = "iad"

[wireguard]
interface = "six0"
listen_port = 40000
gateway_port = 40005
backend = "userspace"
mtu = 1380
endpoints = ["203.0.113.7", "2001:db8::7", "[2001:db8::8]:41000", "[2001:db8::9]"]

[knock]
port = 40001

[dns]
upstreams = ["9.9.9.9", "[2620:fe::fe]:5353"]
listen = ["127.0.0.1:5300"]
server_id = "dns-7"
host_network = "acme/default"

[[dns.forward_rules]]
domain = "Corp.Example."
servers = ["192.0.2.1", "192.0.2.2:5353"]

[[dns.forward_rules]]
domain = "corp.example"
servers = ["192.0.2.3"]
networks = ["acme/default", "acme/staging"]

[machines]
shim = "/opt/sixpn/sixpn-shim"

[flycast]
idle_after = "10m"
drain = "90s"
deadline = "10s"
connect_timeout = "500ms"
loops = 3
max_sessions = 100
max_sessions_per_client = 10
replay_across_networks = ["acme"]
replay_sources.beta = ["acme", "gamma"]
[registry]
hold = "used"
)",
                                   "agent.toml");
  ASSERT_TRUE(config) << to_string(config.errors());
  AgentConfig expected;
  expected.state_dir = "/srv/sixpn";
  expected.run_dir = "/run/six";
  expected.log_level = log::Level::kDebug;
  expected.join = "@/etc/sixpn/token";
  expected.watchdog = std::chrono::seconds(45);
  expected.host = {"a", "iad"};
  expected.wireguard = {
      "six0",
      40000,
      40005,
      WireGuardBackend::kUserspace,
      1380,
      {*parse_endpoint("203.0.113.7:40000"), *parse_endpoint("[2001:db8::7]:40000"),
       *parse_endpoint("[2001:db8::8]:41000"), *parse_endpoint("[2001:db8::9]:40000")}};
  expected.knock.port = 40001;
  expected.dns = {
      .upstreams = {*parse_endpoint("9.9.9.9:53"), *parse_endpoint("[2620:fe::fe]:5353")},
      .listen = {*parse_endpoint("127.0.0.1:5300")},
      .server_id = "dns-7",
      .forward_rules = {{"corp.example",
                         {*parse_endpoint("192.0.2.1:53"), *parse_endpoint("192.0.2.2:5353")},
                         {}},
                        {"corp.example",
                         {*parse_endpoint("192.0.2.3:53")},
                         {"acme/default", "acme/staging"}}},
      .host_network = "acme/default"};
  expected.machines.shim = "/opt/sixpn/sixpn-shim";
  expected.flycast = {std::chrono::seconds(10),
                      std::chrono::milliseconds(500),
                      std::chrono::minutes(10),
                      std::chrono::seconds(90),
                      3,
                      100,
                      10,
                      {"acme"},
                      {{"beta", {"acme", "gamma"}}}};
  expected.registry.hold = Hold::kUsed;
  EXPECT_EQ(*config, expected);
}

struct Mistake {
  const char* text;
  const char* errors;
};

class AgentConfigMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(AgentConfigMistakes, AreNamedWithTheirPlace) {
  EXPECT_EQ(errors_of(GetParam().text), GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, AgentConfigMistakes,
    testing::Values(
        Mistake{"watchdog = \"1s\"\n",
                "agent.toml:1: watchdog: expected 0s (never) or at least 5s, found 1s\n"},
        Mistake{"colour = 1\n", "agent.toml:1: colour: unknown key\n"},
        Mistake{"\nstate_dri = \"/x\"\n",
                "agent.toml:2: state_dri: unknown key, did you mean \"state_dir\"?\n"},
        Mistake{"[wiregaurd]\nmtu = 1400\n",
                "agent.toml:1: wiregaurd: unknown section, did you mean \"wireguard\"?\n"},
        Mistake{
            "[wireguard]\n\nlisten_prot = 1\n",
            "agent.toml:3: wireguard.listen_prot: unknown key, did you mean \"listen_port\"?\n"},
        Mistake{"[knock]\nports = 1\n",
                "agent.toml:2: knock.ports: unknown key, did you mean \"port\"?\n"},
        Mistake{"[host]\nzone = 1\n", "agent.toml:2: host.zone: unknown key\n"},
        Mistake{"[dns]\nupstream = []\n",
                "agent.toml:2: dns.upstream: unknown key, did you mean \"upstreams\"?\n"},
        Mistake{"[dns]\nserver_id = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n",
                "agent.toml:2: dns.server_id: expected at most 64 bytes, found 65\n"},
        Mistake{"[machines]\nshims = \"/x\"\n",
                "agent.toml:2: machines.shims: unknown key, did you mean \"shim\"?\n"},
        Mistake{
            "[flycast]\nmax_session = 1\n",
            "agent.toml:2: flycast.max_session: unknown key, did you mean \"max_sessions\"?\n"}));

INSTANTIATE_TEST_SUITE_P(
    Types, AgentConfigMistakes,
    testing::Values(
        Mistake{"state_dir = 3\n",
                "agent.toml:1: state_dir: expected a string, found the integer 3\n"},
        Mistake{
            "[wireguard]\nlisten_port = \"x\"\n",
            "agent.toml:2: wireguard.listen_port: expected an integer, found the string \"x\"\n"},
        Mistake{"[wireguard]\nlisten_port = 1.5\n",
                "agent.toml:2: wireguard.listen_port: expected an integer, found the number 1.5\n"},
        Mistake{"wireguard = true\n",
                "agent.toml:1: wireguard: expected a table [wireguard], found true\n"},
        Mistake{"[[wireguard]]\nmtu = 1400\n",
                "agent.toml:1: wireguard: expected a table [wireguard], found an array\n"},
        Mistake{"[dns]\nhost_network = \"default\"\n",
                "agent.toml:2: dns.host_network: expected \"org/network\", such as "
                "\"acme/default\", found \"default\"\n"},
        Mistake{"[dns]\nupstreams = \"9.9.9.9\"\n",
                "agent.toml:2: dns.upstreams: expected an array of strings, found the string "
                "\"9.9.9.9\"\n"},
        Mistake{
            "[dns]\nupstreams = [\n  \"9.9.9.9\",\n  53,\n]\n",
            "agent.toml:4: dns.upstreams: expected an array of strings, found the integer 53\n"},
        Mistake{"log_level = 2026-01-01\n",
                "agent.toml:1: log_level: expected a string, found a date or time\n"},
        Mistake{"log_level = { a = 1 }\n",
                "agent.toml:1: log_level: expected a string, found a table\n"}));

INSTANTIATE_TEST_SUITE_P(
    Values, AgentConfigMistakes,
    testing::Values(
        Mistake{"[wireguard]\nlisten_port = 70000\n",
                "agent.toml:2: wireguard.listen_port: expected 1..65535, found 70000\n"},
        Mistake{"[wireguard]\nlisten_port = 0\n",
                "agent.toml:2: wireguard.listen_port: expected 1..65535, found 0\n"},
        Mistake{"[wireguard]\nmtu = 1279\n",
                "agent.toml:2: wireguard.mtu: expected 1280..9000, found 1279\n"},
        Mistake{"[wireguard]\nbackend = \"kernal\"\n",
                "agent.toml:2: wireguard.backend: expected \"auto\", \"kernel\" or \"userspace\", "
                "found \"kernal\", did you mean \"kernel\"?\n"},
        Mistake{
            "log_level = \"loud\"\n",
            "agent.toml:1: log_level: expected \"debug\", \"info\", \"warn\" or \"error\", found "
            "\"loud\"\n"},
        Mistake{
            "[wireguard]\ninterface = \"sixteen-letters-\"\n",
            "agent.toml:2: wireguard.interface: expected 1..15 letters, digits, '-', '_' or '.', "
            "not beginning with sx (machines' interfaces do), found \"sixteen-letters-\"\n"},
        Mistake{
            "[wireguard]\ninterface = \"a/b\"\n",
            "agent.toml:2: wireguard.interface: expected 1..15 letters, digits, '-', '_' or '.', "
            "not beginning with sx (machines' interfaces do), found \"a/b\"\n"},
        Mistake{
            "[wireguard]\ninterface = \"sx0\"\n",
            "agent.toml:2: wireguard.interface: expected 1..15 letters, digits, '-', '_' or '.', "
            "not beginning with sx (machines' interfaces do), found \"sx0\"\n"},
        Mistake{"[wireguard]\nendpoints = [\"example.com\"]\n",
                "agent.toml:2: wireguard.endpoints: expected an address such as \"192.0.2.1\", "
                "\"192.0.2.1:51820\" or \"[2001:db8::1]:51820\", found \"example.com\"\n"},
        Mistake{"[wireguard]\nendpoints = [\"192.0.2.1:0\"]\n",
                "agent.toml:2: wireguard.endpoints: 192.0.2.1:0: the port must be 1..65535\n"},
        Mistake{
            "[wireguard]\nendpoints = [\"0.0.0.0\", \"::\"]\n",
            "agent.toml:2: wireguard.endpoints: 0.0.0.0: the unspecified address cannot be used "
            "here\n"
            "agent.toml:2: wireguard.endpoints: ::: the unspecified address cannot be used "
            "here\n"},
        Mistake{
            "[wireguard]\nendpoints = [\"fdaa::1\"]\n",
            "agent.toml:2: wireguard.endpoints: fdaa::1: an address inside fdaa::/16 is reached "
            "through the mesh, and cannot carry it\n"},
        Mistake{"[wireguard]\nendpoints = [\n\"192.0.2.1\",\n\"192.0.2.1:51820\"]\n",
                "agent.toml:4: wireguard.endpoints: 192.0.2.1:51820 is there twice\n"},
        Mistake{"state_dir = \"var/lib\"\n",
                "agent.toml:1: state_dir: expected an absolute path, found \"var/lib\"\n"},
        Mistake{"run_dir = \"/var/lib/sixpn\"\n",
                "agent.toml:1: run_dir: must differ from state_dir: it is emptied at each boot\n"},
        Mistake{
            "[host]\nname = \"A_1\"\nregion = \"iadx\"\n",
            "agent.toml:2: host.name: expected a DNS label (a-z, 0-9 and '-', at most 63), found "
            "\"A_1\"\n"
            "agent.toml:3: host.region: expected three letters such as \"iad\", found "
            "\"iadx\"\n"},
        Mistake{"[host]\nregion = \"vms\"\n",
                "agent.toml:2: host.region: expected a name other than vms, which is a name of "
                "every app (vms.<app>.internal), found \"vms\"\n"},
        Mistake{"[flycast]\ndeadline = \"1s\"\nconnect_timeout = \"2s\"\n",
                "agent.toml:3: flycast.connect_timeout: expected more than 0s and at most "
                "flycast.deadline (1s), found 2s\n"},
        Mistake{"[flycast]\nreplay_across_networks = [\"Acme Inc\"]\n",
                "agent.toml:2: flycast.replay_across_networks: \"Acme Inc\" is no org's name\n"},
        Mistake{"[flycast.replay_sources]\nacme = [\"b c\"]\n",
                "agent.toml:2: flycast.replay_sources.acme: \"b c\" is no org's name\n"},
        Mistake{"[flycast]\ndeadline = \"soon\"\n",
                "agent.toml:2: flycast.deadline: expected a duration such as \"5s\" or a number of "
                "seconds, at most 5m, found the string \"soon\"\n"},
        Mistake{"[flycast]\ndeadline = 301\n",
                "agent.toml:2: flycast.deadline: expected a duration such as \"5s\" or a number of "
                "seconds, at most 5m, found the integer 301\n"},
        Mistake{"[flycast]\nloops = 5\n", "agent.toml:2: flycast.loops: expected 1..4, found 5\n"},
        Mistake{"[flycast]\nmax_sessions = 10\nmax_sessions_per_client = 11\n",
                "agent.toml:3: flycast.max_sessions_per_client: expected 1..10, found 11\n"}));

INSTANTIATE_TEST_SUITE_P(
    ForwardRules, AgentConfigMistakes,
    testing::Values(
        Mistake{"[[dns.forward_rules]]\ndomains = \"a.example\"\n",
                "agent.toml:1: dns.forward_rules.domain: is missing\n"
                "agent.toml:1: dns.forward_rules.servers: is missing\n"
                "agent.toml:2: dns.forward_rules.domains: unknown key, did you mean "
                "\"domain\"?\n"},
        Mistake{"[[dns.forward_rules]]\ndomain = \"a..example\"\nservers = [\"192.0.2.1\"]\n",
                "agent.toml:2: dns.forward_rules.domain: expected a domain such as "
                "\"corp.example\", or \".\" for every name, found \"a..example\"\n"},
        Mistake{"[[dns.forward_rules]]\ndomain = \"X.Internal.\"\nservers = [\"192.0.2.1\"]\n",
                "agent.toml:2: dns.forward_rules.domain: names of internal are answered here, and "
                "never forwarded\n"},
        Mistake{"[[dns.forward_rules]]\ndomain = \"a.example\"\nservers = []\n",
                "agent.toml:3: dns.forward_rules.servers: expected 1..8 servers, found 0\n"},
        Mistake{"[[dns.forward_rules]]\ndomain = \"a.example\"\nservers = [\"fdaa::3\"]\n",
                "agent.toml:3: dns.forward_rules.servers: fdaa::3: an address inside fdaa::/16 is "
                "reached through the mesh, and cannot carry it\n"},
        Mistake{"[[dns.forward_rules]]\ndomain = \"a.example\"\nservers = [\"192.0.2.1\"]\n"
                "networks = [\"acme\"]\n",
                "agent.toml:4: dns.forward_rules.networks: expected \"org/network\", such as "
                "\"acme/default\", found \"acme\"\n"},
        Mistake{"[[dns.forward_rules]]\ndomain = \"a.example\"\nservers = [\"192.0.2.1\"]\n"
                "networks = [\"acme/a/b\"]\n",
                "agent.toml:4: dns.forward_rules.networks: expected \"org/network\", such as "
                "\"acme/default\", found \"acme/a/b\"\n"},
        Mistake{"[[dns.forward_rules]]\ndomain = \"a.example\"\nservers = [\"192.0.2.1\"]\n"
                "[[dns.forward_rules]]\ndomain = \"A.example\"\nservers = [\"192.0.2.2\"]\n",
                "agent.toml:4: dns.forward_rules: \"a.example\" has a rule for every network "
                "already, at line 1\n"},
        Mistake{"[dns]\nforward_rules = \"corp.example\"\n",
                "agent.toml:2: dns.forward_rules: expected tables [[dns.forward_rules]], found the "
                "string \"corp.example\"\n"}));

INSTANTIATE_TEST_SUITE_P(
    Ports, AgentConfigMistakes,
    testing::Values(
        Mistake{"[wireguard]\nlisten_port = 4000\n[knock]\nport = 4000\n",
                "agent.toml:4: knock.port: 4000 is also wireguard.listen_port (line 2)\n"},
        Mistake{"[knock]\nport = 4000\n[wireguard]\nlisten_port = 4000\n",
                "agent.toml:4: wireguard.listen_port: 4000 is also knock.port (line 2)\n"},
        Mistake{"[wireguard]\nlisten_port = 51821\n",
                "agent.toml:2: wireguard.listen_port: 51821 is also knock.port (by default)\n"},
        Mistake{"[wireguard]\ngateway_port = 51820\n",
                "agent.toml:2: wireguard.gateway_port: 51820 is also wireguard.listen_port (by "
                "default)\n"},
        Mistake{"[wireguard]\ngateway_port = 4000\n[knock]\nport = 4000\n",
                "agent.toml:4: knock.port: 4000 is also wireguard.gateway_port (line 2)\n"},
        Mistake{"[wireguard]\ngateway_port = 7946\n",
                "agent.toml:2: wireguard.gateway_port: 7946 is the port of gossip\n"},
        Mistake{"[knock]\nport = 51820\n",
                "agent.toml:2: knock.port: 51820 is also wireguard.listen_port (by default)\n"},
        Mistake{"[wireguard]\nlisten_port = 53\n[knock]\nport = 7946\n",
                "agent.toml:2: wireguard.listen_port: 53 is the port of DNS\n"
                "agent.toml:4: knock.port: 7946 is the port of gossip\n"}));

TEST(AgentConfig, AllMistakesAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(errors_of("log_level = \"loud\"\n"
                      "colour = 1\n"
                      "[knock]\n"
                      "port = -1\n"
                      "[wireguard]\n"
                      "mtu = \"big\"\n"
                      "[wat]\n"),
            "agent.toml:1: log_level: expected \"debug\", \"info\", \"warn\" or \"error\", found "
            "\"loud\"\n"
            "agent.toml:2: colour: unknown key\n"
            "agent.toml:4: knock.port: expected 1..65535, found -1\n"
            "agent.toml:6: wireguard.mtu: expected an integer, found the string \"big\"\n"
            "agent.toml:7: wat: unknown section\n");
}

TEST(AgentConfig, ColumnsCountFromOne) {
  auto errors = parse_agent_config("[knock]\n  port = 0\n", "agent.toml").errors();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].line, 2u);
  EXPECT_EQ(errors[0].column, 10u);
}

TEST(AgentConfig, SyntaxErrorsHaveTheirLine) {
  auto errors = parse_agent_config("log_level = \"info\"\nstate_dir = \n", "agent.toml").errors();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].line, 2u);
  EXPECT_TRUE(errors[0].message.starts_with("not valid TOML: ")) << errors[0].message;
}

TEST(AgentConfig, DuplicateKeysAreASyntaxError) {
  auto errors = parse_agent_config("[knock]\nport = 1\nport = 2\n", "agent.toml").errors();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].line, 3u);
}

TEST(AgentConfig, AWrongTokenIsNotShown) {
  std::string text = errors_of("join = \"c2VjcmV0\"\n");
  EXPECT_TRUE(text.starts_with("agent.toml:1: join: expected a token")) << text;
  EXPECT_EQ(text.find("c2VjcmV0"), std::string::npos);
}

TEST(AgentConfig, LongRunDirIsRefused) {
  std::string text = errors_of("run_dir = \"/" + std::string(90, 'r') + "\"\n");
  EXPECT_EQ(text,
            "agent.toml:1: run_dir: expected at most 90 characters (a socket's path is bounded), "
            "found 91\n");
}

// Bytes that are no configuration give errors, whatever they are.
TEST(AgentConfig, GarbageGivesErrors) {
  for (const std::string& text :
       {std::string("\0\0\0", 3), std::string("\xff\xfe"), std::string(10000, '['),
        std::string("a = \"\\u0007\\u001b[31m\"\n"), "a = " + std::string(5000, '[')})
    EXPECT_FALSE(parse_agent_config(text, "agent.toml")) << text.substr(0, 20);
  std::string shown = errors_of("log_level = \"\\u001b[31m\"\n");
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
}

class Files : public testing::Test {
 protected:
  Files() {
    char pattern[] = "/tmp/sixpn-config-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~Files() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  std::string folder_;
};

TEST_F(Files, LoadReadsTheFile) {
  std::string path = write("agent.toml", "[knock]\nport = 7\n");
  auto config = load_agent_config(path);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->knock.port, 7);
  path = write("bad.toml", "[knock]\nport = 0\n");
  EXPECT_EQ(to_string(load_agent_config(path).errors()),
            path + ":2: knock.port: expected 1..65535, found 0\n");
}

TEST_F(Files, LoadSaysWhyAFileCannotBeRead) {
  EXPECT_EQ(to_string(load_agent_config(folder_ + "/none").errors()),
            folder_ + "/none: cannot be read: No such file or directory\n");
  EXPECT_EQ(to_string(load_agent_config(folder_).errors()),
            folder_ + ": is a directory, not a file\n");
  std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(to_string(load_agent_config(fifo).errors()), fifo + ": is not a regular file\n");
  std::string big = write("big", std::string((1 << 20) + 1, '\n'));
  EXPECT_EQ(to_string(load_agent_config(big).errors()), big + ": is larger than 1024 KiB\n");
}

TEST_F(Files, TokenIsTheTextOrTheFile) {
  EXPECT_EQ(*read_token("sixpn1.abc"), "sixpn1.abc");
  EXPECT_EQ(*read_token("@" + write("token", "\n  sixpn1.abc \n")), "sixpn1.abc");
  EXPECT_EQ(read_token("@" + write("empty", " \n")).error().message, folder_ + "/empty: is empty");
  EXPECT_EQ(read_token("@/nowhere/token").error().message,
            "/nowhere/token: cannot be read: No such file or directory");
}

TEST(AgentConfig, PortsThatAreNotConfiguredKeepOutOfTheWay) {
  struct Case {
    std::uint16_t listen, knock, gateway, spare_is, gateway_is;
  };
  for (const Case& each : {Case{51820, 51821, 0, 51822, 51823},      //
                           Case{51820, 51822, 0, 51823, 51824},      //
                           Case{51820, 51823, 0, 51822, 51824},      //
                           Case{51820, 51821, 51822, 51823, 51822},  //
                           Case{51820, 51821, 4500, 51822, 4500},    //
                           Case{7943, 51821, 0, 7945, 7947},         // gossip is on 7946
                           Case{65533, 65532, 0, 65535, 65531},      //
                           Case{65535, 65534, 65533, 65532, 65533}}) {
    AgentConfig config;
    config.wireguard.listen_port = each.listen;
    config.wireguard.gateway_port = each.gateway;
    config.knock.port = each.knock;
    EXPECT_EQ(spare_port(config), each.spare_is) << each.listen << " " << each.knock;
    EXPECT_EQ(gateway_port(config), each.gateway_is) << each.listen << " " << each.knock;
  }
}

}  // namespace
}  // namespace sixpn::config
