// The program itself, against a server on a unix socket: what it asks, what it prints, how it
// exits.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "base/encoding.h"
#include "mesh/io/identity_store.h"
#include "tests/unit/tools/agent_stub.h"

namespace sixpn::cli {
namespace {

constexpr const char* kMachineId = "148e21dad76789";

class Program : public testing::Test {
 protected:
  ProgramRun sixpn(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--socket", agent_.socket_path()});
    return run_program(SIXPN_PROGRAM, arguments);
  }

  std::string write_file(const std::string& name, const std::string& text) {
    std::ofstream(agent_.folder() + "/" + name) << text;
    return agent_.folder() + "/" + name;
  }

  // The one request that was made, as "METHOD target body".
  std::string request() {
    auto all = agent_.requests();
    if (all.size() != 1) return "requests: " + std::to_string(all.size());
    return all[0].method + " " + all[0].target + " " + all[0].body;
  }

  AgentStub agent_;
};

TEST_F(Program, PrintsTextAndJson) {
  agent_.answer("GET /v1/apps", 200, R"([{"name":"web","org":"acme","network":"default",
    "services":[],"flycast":[],"machines":0}])");
  ProgramRun run = sixpn({"apps", "list"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out,
            "APP  ORG   NETWORK  SERVICES  FLYCAST  MACHINES\n"
            "web  acme  default  -         -        0\n");
  EXPECT_EQ(run.err, "");
  run = sixpn({"apps", "list", "--json"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.out.starts_with("[\n    {\n        \"name\": \"web\",\n")) << run.out;
}

struct Asked {
  std::vector<std::string> arguments;
  const char* request;
};

// What each command asks; the stub's 404 makes every one of them fail.
TEST_F(Program, AsksTheAgent) {
  const Asked cases[] = {
      {{"status"}, "GET /v1/status "},
      {{"hosts", "list"}, "GET /v1/status "},
      {{"host", "list"}, "GET /v1/status "},
      {{"host", "leave"}, "POST /v1/leave {}"},
      {{"orgs", "list"}, "GET /v1/status "},
      {{"apps", "create", "web", "--org", "acme"}, R"(POST /v1/apps {"name":"web","org":"acme"})"},
      {{"apps", "create", "web", "--org", "acme", "--network", "lab"},
       R"(POST /v1/apps {"name":"web","org":"acme","network":"lab"})"},
      {{"apps", "destroy", "web", "--org", "acme"}, "DELETE /v1/apps/web?org=acme "},
      {{"ips", "allocate-v6", "--private", "-a", "web", "--network", "lab"},
       R"(POST /v1/apps/web/ips {"type":"private_v6","network":"lab"})"},
      {{"ips", "list", "-a", "web", "-o", "acme"}, "GET /v1/apps/web/ips?org=acme "},
      {{"ips", "release", "fdaa:0:1:0:1::2", "-a", "web"},
       "DELETE /v1/apps/web/ips/fdaa%3A0%3A1%3A0%3A1%3A%3A2 "},
      {{"machine", "run", "--app", "web", "--group", "worker", "--metadata", "a=b=c", "--env",
        "K=", "--", "sh", "-c", "exec sleep 9"},
       R"(POST /v1/machines {"app":"web","metadata":{"a":"b=c"},"group":"worker","env":{"K":""},)"
       R"("command":["sh","-c","exec sleep 9"]})"},
      {{"machine", "attach", "--netns", "/run/netns/x", "--app", "web", "--org", "acme"},
       R"(POST /v1/machines/attach {"app":"web","metadata":{},"org":"acme","netns":"/run/netns/x"})"},
      {{"machine", "run", "--app", "web", "--skip-dns", "--", "ls"},
       R"(POST /v1/machines {"app":"web","metadata":{},"dns":{"skip_registration":true},)"
       R"("env":{},"command":["ls"]})"},
      {{"machine", "attach", "--netns", "/n", "--app", "web", "--skip-dns-registration"},
       R"(POST /v1/machines/attach {"app":"web","metadata":{},)"
       R"("dns":{"skip_registration":true},"netns":"/n"})"},
      {{"machine", "list", "--app", "web"}, "GET /v1/machines?app=web "},
      {{"machine", "status", kMachineId}, "GET /v1/machines/148e21dad76789 "},
      {{"machine", "stop", kMachineId}, "POST /v1/machines/148e21dad76789/stop {}"},
      {{"machine", "stop", kMachineId, "--signal", "SIGTERM", "--timeout", "9"},
       R"(POST /v1/machines/148e21dad76789/stop {"signal":"SIGTERM","timeout_s":9})"},
      {{"machine", "start", kMachineId}, "POST /v1/machines/148e21dad76789/start {}"},
      {{"machine", "destroy", kMachineId}, "DELETE /v1/machines/148e21dad76789 "},
      {{"machine", "destroy", kMachineId, "--force"},
       "DELETE /v1/machines/148e21dad76789?force=1 "},
      {{"machine", "exec", kMachineId, "--", "ls"}, "GET /v1/machines/148e21dad76789 "},
      {{"machine", "logs", kMachineId}, "GET /v1/machines/148e21dad76789 "},
      {{"dig", "web.internal"}, "GET /v1/dig?name=web.internal&type=AAAA "},
      {{"dig", "web.internal", "TXT", "--org", "acme", "--network", "lab"},
       "GET /v1/dig?name=web.internal&type=TXT&org=acme&network=lab "},
      {{"dig", "web.internal", "--as", "laptop", "--explain"},
       "GET /v1/dig?name=web.internal&type=AAAA&as=laptop "},
      {{"dig", "-x", "192.0.2.17"}, "GET /v1/dig?name=17.2.0.192.in-addr.arpa&type=PTR "},
      {{"mesh", "plan"}, "GET /v1/mesh/plan "},
      {{"registry", "dump"}, "GET /v1/registry/dump "}};
  std::size_t already = 0;
  for (const Asked& asked : cases) {
    ProgramRun run = sixpn(asked.arguments);
    EXPECT_EQ(run.exit_code, 1) << asked.request;
    EXPECT_EQ(run.err, "sixpn: the stub has no answer\n") << asked.request;
    EXPECT_EQ(run.out, "");
    auto requests = agent_.requests();
    ASSERT_EQ(requests.size(), ++already) << asked.request;
    const StubRequest& last = requests.back();
    EXPECT_EQ(last.method + " " + last.target + " " + last.body, asked.request);
  }
}

TEST_F(Program, ErrorsOfTheAgentInItsWordsWithAllDetails) {
  agent_.answer("POST /v1/apps", 400,
                R"({"error":"the configuration has mistakes","details":["x:1: one","x:2: two"]})");
  ProgramRun run = sixpn({"apps", "create", "web", "--org", "acme"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "sixpn: the configuration has mistakes\nx:1: one\nx:2: two\n");
}

TEST_F(Program, NoAgentIsExitCodeThree) {
  ProgramRun run = run_program(SIXPN_PROGRAM, {"--socket", agent_.folder() + "/none", "status"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.err,
            "sixpn: no agent answers at " + agent_.folder() +
                "/none (No such file or directory). Start it with `systemctl start sixpnd`, "
                "or `sixpnd --dev` for a first look; --socket names another place\n");
  // A socket file that a dead agent left behind, and a path that fits no socket.
  std::string file = write_file("file", "");
  EXPECT_EQ(run_program(SIXPN_PROGRAM, {"--socket", file, "status"}).exit_code, 3);
  EXPECT_EQ(run_program(SIXPN_PROGRAM, {"--socket", std::string(200, 'x'), "status"}).exit_code, 3);
}

TEST_F(Program, BrokenAnswersAreNamed) {
  agent_.answer("GET /v1/status", 200, "<html>");
  ProgramRun run = sixpn({"status"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: the agent's answer is not JSON (HTTP status 200)\n");
  agent_.answer("GET /v1/status", 500, "");
  EXPECT_EQ(sixpn({"status"}).err, "sixpn: the agent answered with HTTP status 500\n");
  agent_.answer("GET /v1/status", 0, "");
  EXPECT_EQ(sixpn({"status"}).err,
            "sixpn: the agent closed the connection before it answered; its log may say why\n");
}

TEST_F(Program, UsageErrorsAskNobody) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"machine", "stop", "web"},
           {"machine", "run", "--app", "web", "--env", "K", "--", "ls"},
           {"machine", "run", "--app", "web", "--metadata", "=v", "--", "ls"},
           {"machine", "run", "--app", "web", "--env", "K=1", "--env", "K=2", "--", "ls"},
           {"ips", "allocate-v6", "-a", "web"},
           {"status", "extra"},
           {}}) {
    ProgramRun run = sixpn(arguments);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.err.substr(0, 7), "sixpn: ");
    EXPECT_EQ(run.out, "");
  }
  EXPECT_TRUE(agent_.requests().empty());
}

TEST_F(Program, DeploySendsTheFileToTheAppItNames) {
  std::string path = write_file("fly.toml", "app = \"web\"\n[build]\n");
  agent_.answer("POST /v1/apps/web/deploy", 200, R"({"name":"web","org":"acme"})");
  ProgramRun run = sixpn({"deploy", "--config", path});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "note: " + path + ":2: accepted, not used: build\n");
  EXPECT_EQ(request(),
            "POST /v1/apps/web/deploy "
            R"({"config_toml":"app = \"web\"\n[build]\n","config_path":")" +
                path + "\"}");
}

TEST_F(Program, DeployShowsEveryMistakeBeforeAnythingIsAsked) {
  std::string path = write_file("fly.toml", "ap = \"web\"\nkill_timeout = \"9m\"\n");
  ProgramRun run = sixpn({"deploy", "--config", path});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: the configuration has mistakes; nothing was changed\n" + path +
                         ":1: ap: unknown key, did you mean \"app\"?\n" + path +
                         ":2: kill_timeout: expected a duration such as \"5s\" or a number of "
                         "seconds, at most 5m, found the string \"9m\"\n");
  EXPECT_TRUE(agent_.requests().empty());
  EXPECT_EQ(sixpn({"deploy", "--config", agent_.folder()}).err,
            "sixpn: " + agent_.folder() + ": is a directory, not a file\n");
  EXPECT_EQ(sixpn({"deploy", "--config", write_file("f2", "")}).exit_code, 2);
}

TEST_F(Program, DigOfWhatIsNoAddress) {
  ProgramRun run = sixpn({"dig", "-x", "web.internal"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.err, "sixpn: 'web.internal' is not an address\n");
}

TEST_F(Program, DigShortIsForScripts) {
  agent_.answer("GET /v1/dig?name=web.internal&type=AAAA", 200,
                R"({"rcode":"NOERROR","answers":["web.internal. 5 IN AAAA fdaa::1"]})");
  EXPECT_EQ(sixpn({"dig", "web.internal", "--short"}).out, "fdaa::1\n");
  agent_.answer("GET /v1/dig?name=no.internal&type=AAAA", 200,
                R"({"rcode":"NXDOMAIN","answers":[]})");
  ProgramRun run = sixpn({"dig", "no.internal", "-s"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: lookup failed: NXDOMAIN\n");
  EXPECT_EQ(sixpn({"dig", "no.internal"}).exit_code, 0);
}

TEST_F(Program, PingOfANameWithoutAddresses) {
  agent_.answer("GET /v1/status", 200, R"({"host":{"address":"fdaa:0:0:a1:b2c3::1"},"hosts":[]})");
  agent_.answer("GET /v1/dig?name=no.internal&type=AAAA&org=acme&own=1", 200,
                R"({"rcode":"NXDOMAIN","answers":[]})");
  ProgramRun run = sixpn({"ping", "no.internal", "--org", "acme"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: no.internal has no address (NXDOMAIN)\n");
  agent_.answer("GET /v1/dig?name=web.internl&type=AAAA&own=1", 200, R"({"forwarded":true})");
  EXPECT_EQ(sixpn({"ping", "web.internl"}).err,
            "sixpn: web.internl has no address (not a name of the mesh)\n");
}

TEST_F(Program, MachinesElsewhereAreNotEntered) {
  agent_.answer(std::string("GET /v1/machines/") + kMachineId, 200,
                R"({"local":false,"host_name":"b","region":"fra"})");
  for (const char* verb : {"exec", "logs"}) {
    std::vector<std::string> arguments{"machine", verb, kMachineId};
    if (std::string(verb) == "exec") arguments.insert(arguments.end(), {"--", "ls"});
    ProgramRun run = sixpn(arguments);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_EQ(run.err,
              "sixpn: machine 148e21dad76789 lives on host b (fra): run this command "
              "there\n");
  }
}

TEST_F(Program, StoppedMachinesAreNotEntered) {
  agent_.answer(std::string("GET /v1/machines/") + kMachineId, 200,
                R"({"local":true,"state":"stopped","exit_code":2,"pid":null,"log":"/l",
                    "netns":"/run/netns/148e21dad76789"})");
  EXPECT_EQ(sixpn({"machine", "exec", kMachineId, "--", "ls"}).err,
            "sixpn: machine 148e21dad76789 is stopped (exit 2): start it first\n");
}

TEST_F(Program, LogsArePrintedAndFollowed) {
  std::string folder = agent_.folder() + "/machine";
  std::filesystem::create_directory(folder);
  std::string log = write_file("machine/log", "one\ntwo\n");
  agent_.answer(std::string("GET /v1/machines/") + kMachineId, 200,
                R"({"local":true,"state":"started","log":")" + log + "\"}");
  EXPECT_EQ(sixpn({"machine", "logs", kMachineId}).out, "one\ntwo\n");
  EXPECT_EQ(sixpn({"machine", "logs", kMachineId, "-n", "1"}).out, "two\n");

  RunningProgram following(SIXPN_PROGRAM, {"--socket", agent_.socket_path(), "machine", "logs",
                                           kMachineId, "-n", "1", "--follow"});
  std::string expected = "two\n";
  EXPECT_EQ(following.output_until(expected), expected);
  std::ofstream(log, std::ios::app) << "three\n";
  EXPECT_EQ(following.output_until(expected += "three\n"), expected);
  std::filesystem::resize_file(log, 0);
  std::ofstream(log, std::ios::app) << "cut\n";
  EXPECT_EQ(following.output_until(expected += "cut\n"), expected);
  std::ofstream(log, std::ios::app) << "last\n";
  std::filesystem::rename(log, log + ".1");
  std::ofstream(log, std::ios::app) << "rotated\n";
  EXPECT_EQ(following.output_until(expected += "last\nrotated\n"), expected);
  std::ofstream(log, std::ios::app) << "more\n";
  EXPECT_EQ(following.output_until(expected += "more\n"), expected);
  std::filesystem::rename(folder, folder + ".gone");  // as the agent destroys a machine
  EXPECT_EQ(following.exit_code(), 0);
}

TEST_F(Program, OutputThatCannotBeWrittenIsAFailure) {
  agent_.answer("GET /v1/apps", 200, "[]");
  ProgramRun run =
      run_program("/bin/sh", {"-c", std::string(SIXPN_PROGRAM) + " --socket " +
                                        agent_.socket_path() + " apps list > /dev/full"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: the output could not be written\n");
}

// `cluster init` without an agent, then `host invite` with the agent's material and the root key it
// made.
TEST_F(Program, ClusterInitAndHostInvite) {
  std::string state = agent_.folder() + "/state";
  ProgramRun run =
      sixpn({"cluster", "init", "--name", "a", "--region", "iad", "--state-dir", state, "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  auto made = boost::json::parse(run.out);
  EXPECT_EQ(made.at("host").at("name").as_string(), "a");
  EXPECT_EQ(made.at("root_key").as_string(), state + "/root.key");
  EXPECT_EQ(
      sixpn({"cluster", "init", "--name", "a", "--region", "iad", "--state-dir", state}).exit_code,
      1);
  EXPECT_TRUE(agent_.requests().empty());

  auto identity = mesh::IdentityStore::load(state);
  ASSERT_TRUE(identity);
  std::string host = to_string(identity->certificate.invite.host);
  auto wireguard = to_base64(as_bytes(wireguard_public_key(identity->wireguard_key)));
  boost::json::object material{{"root_key", to_base64(as_bytes(identity->root_key))},
                               {"cluster_key", to_base64(as_bytes(identity->cluster_key.bytes()))},
                               {"hosts", {{{"id", host}, {"name", "a"}}}},
                               {"seeds",
                                {{{"host", host},
                                  {"wireguard_key", wireguard},
                                  {"wireguard", {"192.0.2.1:51820"}},
                                  {"knock", {"192.0.2.1:51821"}}}}}};
  agent_.answer("GET /v1/invite-material", 200, boost::json::serialize(material));
  run = sixpn({"host", "invite", "--name", "b", "--region", "fra", "--state-dir", state});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(run.out.starts_with("sixpn1."));
  EXPECT_EQ(run.out.find('\n'), run.out.size() - 1);  // the token alone
  EXPECT_TRUE(decode_token(run.out.substr(0, run.out.size() - 1)));
  EXPECT_NE(run.err.find("Invites host b ("), std::string::npos);
  run = sixpn({"host", "invite", "--name", "a", "--region", "fra", "--state-dir", state});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: the name a is taken by host " + host + "\n");
}

// What the root key signs here is what the agent is asked to pass on.
class RootHolder : public Program {
 protected:
  void SetUp() override {
    ProgramRun made = sixpn(
        {"cluster", "init", "--name", "a", "--region", "iad", "--state-dir", state_, "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    auto identity = mesh::IdentityStore::load(state_);
    ASSERT_TRUE(identity);
    root_ = identity->root_key;
    EXPECT_TRUE(identity->certificate.invite.valid_until);
    digest_ = to_hex(as_bytes(certificate_digest("certificate")));
    boost::json::object status{
        {"cluster", to_hex(cluster_id(root_))},
        {"hosts",
         {{{"id", "00a1b2c3"}, {"name", "a"}, {"is_self", true}, {"certificate", digest_}},
          {{"id", "00a1b2c4"},
           {"name", "b"},
           {"certificate", digest_},
           {"renewed_ms", 9'000'000'000'000}}}},
        {"shut_out",
         {{{"id", "00a1b2c5"}, {"name", "c"}, {"status", "revoked"}, {"certificate", digest_}},
          {{"id", "00a1b2c6"}, {"name", "d"}, {"status", "expired"}, {"certificate", digest_}}}}};
    agent_.answer("GET /v1/status", 200, boost::json::serialize(status));
    agent_.answer("POST /v1/revocations", 200, "{}");
    agent_.answer("POST /v1/renewals", 200, "{}");
  }
  ProgramRun host(std::vector<std::string> words) {
    words.insert(words.begin(), "host");
    words.insert(words.end(), {"--state-dir", state_});
    return sixpn(words);
  }
  // The body of the last command; renewals ask for the hosts' certificates behind it.
  boost::json::value sent() {
    auto requests = agent_.requests();
    while (requests.back().method != "POST") requests.pop_back();
    return boost::json::parse(requests.back().body);
  }

  std::string state_ = agent_.folder() + "/state";
  std::string digest_;
  PublicKey root_{};
};

TEST_F(RootHolder, RevokesByNameOrId) {
  ProgramRun run = host({"revoke", "b", "--yes"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "Revoked host b (00a1b2c4).\n");
  auto statement = parse_base64(sent().at("statement").as_string().c_str());
  ASSERT_TRUE(statement);
  EXPECT_EQ(*verify_revocation(*statement, root_), HostId{0x00a1b2c4});
  EXPECT_EQ(host({"revoke", "00a1b2c6", "--yes"}).exit_code, 0);
  EXPECT_EQ(host({"revoke", "00a1ffff", "--yes"}).exit_code, 0);  // a token that is out, unused
  EXPECT_EQ(host({"revoke", "a", "--yes", "--self"}).exit_code, 0);
}

TEST_F(RootHolder, RevokesNothingThatWasNotMeant) {
  std::size_t before = agent_.requests().size();
  struct Refused {
    std::vector<std::string> words;
    int exit_code;
    const char* says;
  };
  const Refused cases[] = {
      {{"revoke", "b"}, 2, "give --yes"},
      {{"revoke", "a", "--yes"}, 2, "Give --self"},
      {{"revoke", "c", "--yes"}, 1, "host c (00a1b2c5) is revoked already"},
      {{"revoke", "nobody", "--yes"}, 1, "there is no host nobody"},
      {{"renew", "c"}, 1, "cannot be undone"},
      {{"renew"}, 2, "name one host, or give --all"},
      {{"renew", "b", "--all"}, 2, "name one host, or give --all"},
      {{"renew", "b", "--root-key", "/nowhere/root.key"}, 1, "there is no /nowhere/root.key"},
  };
  for (const auto& [words, exit_code, says] : cases) {
    ProgramRun run = host(words);
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_NE(run.err.find(says), std::string::npos) << run.err;
  }
  for (const auto& request : agent_.requests()) EXPECT_EQ(request.method, "GET");
  EXPECT_GE(agent_.requests().size(), before);
}

TEST_F(RootHolder, RenewsOneOrAllThatAreNotRevoked) {
  ProgramRun run = host({"renew", "b", "--valid", "10d", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  auto until = boost::json::parse(run.out).at(0).at("valid_until_ms").as_int64();
  auto statement = parse_base64(sent().at("statements").as_array().at(0).as_string().c_str());
  ASSERT_TRUE(statement);
  auto renewal = verify_renewal(*statement, root_);
  ASSERT_TRUE(renewal) << renewal.error().message;
  EXPECT_EQ(renewal->host, HostId{0x00a1b2c4});
  EXPECT_EQ(to_hex(as_bytes(renewal->certificate)), digest_);
  EXPECT_EQ(unix_ms(renewal->valid_until), until);
  // After the last one, though a wrong clock signed that far ahead.
  EXPECT_EQ(unix_ms(renewal->signed_at), 9'000'000'000'001);

  run = host({"renew", "--all"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(sent().at("statements").as_array().size(), 3U);
  EXPECT_NE(run.out.find("Renewed host d (00a1b2c6) until "), std::string::npos) << run.out;
}

TEST_F(Program, Version) {
  EXPECT_EQ(sixpn({"version"}).out, "sixpn " SIXPN_VERSION "\n");
  EXPECT_EQ(sixpn({"--version"}).out, "sixpn " SIXPN_VERSION "\n");
}

}  // namespace
}  // namespace sixpn::cli
