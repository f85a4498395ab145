#include "tools/cli/parser.h"

#include <gtest/gtest.h>

#include <sstream>

namespace sixpn::cli {
namespace {

struct Outcome {
  std::variant<Invocation, ExitCode> result;
  std::string out;
  std::string err;
};

Outcome parse(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  auto result = parse_command_line(arguments, out, err);
  return {std::move(result), out.str(), err.str()};
}

bool runs(const std::vector<std::string>& arguments) {
  auto outcome = parse(arguments);
  const auto* invocation = std::get_if<Invocation>(&outcome.result);
  return invocation != nullptr && invocation->command != nullptr;
}

TEST(Parser, EveryCommandOfTheGuide) {
  const std::vector<std::vector<std::string>> commands = {
      {"cluster", "init", "--name", "a", "--region", "iad", "--state-dir", "/x", "--root-key",
       "/k"},
      {"host", "invite", "--name", "b", "--region", "fra", "--orgs", "a,b", "--expires", "24h"},
      {"host", "invite", "--name", "b", "--region", "fra", "--valid", "90d"},
      {"host", "list"},
      {"host", "leave"},
      {"host", "renew", "b", "--valid", "365d", "--root-key", "/k"},
      {"host", "renew", "--all"},
      {"host", "revoke", "b", "--yes"},
      {"host", "revoke", "00a1b2c3", "--self", "--root-key", "/k"},
      {"status"},
      {"hosts", "list"},
      {"orgs", "list"},
      {"apps", "create", "web", "--org", "acme", "--network", "lab", "--config", "fly.toml"},
      {"apps", "list"},
      {"apps", "destroy", "web", "--org", "acme"},
      {"deploy"},
      {"deploy", "--config", "x/fly.toml", "--app", "web", "--org", "acme"},
      {"ips", "allocate-v6", "--private", "-a", "web", "--network", "lab", "--org", "acme"},
      {"ips", "list", "-a", "web"},
      {"ips", "release", "fdaa:0:1:0:1::2", "-a", "web"},
      {"machine", "run", "--app", "web", "--group", "worker", "--metadata", "a=b", "--metadata",
       "c=d", "--env", "K=V", "--", "sh", "-c", "exec sleep 1"},
      {"machine", "attach", "--netns", "/run/netns/x", "--app", "web"},
      {"peer", "create", "laptop", "--org", "acme", "--network", "lab", "--public-key", "k",
       "--endpoint", "vpn.example:51823", "--output", "laptop.conf"},
      {"peer", "list"},
      {"peer", "remove", "laptop", "--org", "acme", "--network", "lab"},
      {"machine", "list"},
      {"machine", "list", "--app", "web"},
      {"machine", "status", "148e21dad76789"},
      {"machine", "stop", "148e21dad76789", "--signal", "SIGTERM", "--timeout", "9"},
      {"machine", "start", "148e21dad76789"},
      {"machine", "destroy", "148e21dad76789", "--force"},
      {"machine", "exec", "148e21dad76789", "--", "ip", "-6", "addr"},
      {"machine", "logs", "148e21dad76789", "-n", "10", "-f"},
      {"dig", "web.internal"},
      {"dig", "-x", "fdaa::3"},
      {"dig", "regions.web.internal", "TXT", "--org", "acme", "--network", "lab", "--short"},
      {"flycast", "status"},
      {"flycast", "explain", "web", "--port", "80", "--as", "148e21dad76789", "--org", "acme"},
      {"ping", "web.internal", "-c", "3", "--org", "acme", "-i", "200ms"},
      {"mesh", "plan"},
      {"registry", "dump"},
      {"registry", "watch", "--network", "default", "--from", "5f0c2d1e:42"},
      {"registry", "sql", "SELECT 1", "--limit", "5", "--timeout", "1s", "--state-dir", "/x"},
      {"version"}};
  for (const auto& command : commands) EXPECT_TRUE(runs(command)) << parse(command).err;
}

TEST(Parser, GlobalOptionsStandAnywhere) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--json", "--socket", "/x", "hosts", "list"},
                                             {"hosts", "--json", "list", "--socket", "/x"},
                                             {"hosts", "list", "--json", "--socket=/x"}}) {
    auto outcome = parse(arguments);
    const auto* invocation = std::get_if<Invocation>(&outcome.result);
    ASSERT_NE(invocation, nullptr) << outcome.err;
    EXPECT_TRUE(invocation->json);
    EXPECT_EQ(invocation->socket_path, "/x");
  }
}

TEST(Parser, DefaultSocket) {
  unsetenv("SIXPN_SOCKET");
  EXPECT_EQ(std::get<Invocation>(parse({"status"}).result).socket_path, "/run/sixpn/sixpnd.sock");
  setenv("SIXPN_SOCKET", "/from/env", 1);
  EXPECT_EQ(std::get<Invocation>(parse({"status"}).result).socket_path, "/from/env");
  EXPECT_EQ(std::get<Invocation>(parse({"status", "--socket", "/o"}).result).socket_path, "/o");
  unsetenv("SIXPN_SOCKET");
}

struct Misuse {
  std::vector<std::string> arguments;
  const char* sentence;  // the first line
};

TEST(Parser, MisuseIsNamed) {
  const Misuse cases[] = {
      {{"machne", "list"},
       "sixpn: there is no command \"sixpn machne\", did you mean \"machine\"?"},
      {{"machine", "lst"},
       "sixpn: there is no command \"sixpn machine lst\", did you mean \"list\"?"},
      {{"hosts"}, "sixpn: expected a command: list"},
      {{"--bogus", "status"}, "sixpn: The following argument was not expected: --bogus"},
      {{"--bogus"}, "sixpn: there is no option --bogus here"},
      {{"status", "extra"}, "sixpn: The following argument was not expected: extra"},
      {{"apps", "create", "web"}, "sixpn: --org is required"},
      {{"machine", "run", "--app", "web"}, "sixpn: command is required"},
      {{"host", "invite", "--name", "b", "--region", "fra", "--expires", "soon"},
       "sixpn: --expires: expected a duration such as 24h or 90s, found \"soon\""},
      {{"ping", "x", "-c", "0"}, "sixpn: --count: Value 0 not in range 1 to 65535"}};
  for (const Misuse& misuse : cases) {
    auto outcome = parse(misuse.arguments);
    ASSERT_TRUE(std::holds_alternative<ExitCode>(outcome.result)) << misuse.sentence;
    EXPECT_EQ(std::get<ExitCode>(outcome.result), ExitCode::kUsage);
    EXPECT_EQ(outcome.err.substr(0, outcome.err.find('\n')), misuse.sentence);
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(Parser, HelpAndVersionAreNoErrors) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"machine", "run", "-h"}, {"--version"}}) {
    auto outcome = parse(arguments);
    ASSERT_TRUE(std::holds_alternative<ExitCode>(outcome.result));
    EXPECT_EQ(std::get<ExitCode>(outcome.result), ExitCode::kOk);
    EXPECT_NE(outcome.out, "");
    EXPECT_EQ(outcome.err, "");
  }
}

}  // namespace
}  // namespace sixpn::cli
