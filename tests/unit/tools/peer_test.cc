// `sixpn peer ...` against a server on a unix socket: what is asked, what is printed and written,
// and what is left when something fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "registry/core/keys.h"
#include "tests/unit/tools/agent_stub.h"
#include "tools/cli/peer_view.h"

namespace sixpn::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

const std::string kGatewayKey = to_base64(std::string(32, 'g'));
const std::string kDeviceKey = to_base64(std::string(32, 'd'));

std::string reply(const std::string& endpoints = R"("192.0.2.1:51823","[2001:db8::1]:51823")") {
  return R"({"name":"laptop","org":"acme","network":"default","address":"fdaa:0:11:1:1:0:a:2",
    "gateway":"a","public_key":")" +
         kDeviceKey + R"(","gateway_public_key":")" + kGatewayKey +
         R"(","gateway_port":51823,"gateway_endpoints":[)" + endpoints +
         R"(],"dns":"fdaa:0:11::3","allowed_ips":"fdaa:0:11::/48","mtu":1420})";
}

class PeerProgram : public testing::Test {
 protected:
  ProgramRun sixpn(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--socket", agent_.socket_path()});
    return run_program(SIXPN_PROGRAM, arguments);
  }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::string line_of(const std::string& config, const std::string& key) {
    auto at = config.find(key + " = ");
    if (at == std::string::npos) return "";
    at += key.size() + 3;
    return config.substr(at, config.find('\n', at) - at);
  }

  AgentStub agent_;
};

TEST_F(PeerProgram, PrintsAConfigurationWhoseKeyTheAgentNeverSaw) {
  agent_.answer("POST /v1/peers", 200, reply());
  ProgramRun run = sixpn({"peer", "create", "laptop", "--org", "acme", "--network", "lab"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  std::string secret = line_of(run.out, "PrivateKey");
  EXPECT_EQ(run.out, "[Interface]\nPrivateKey = " + secret +
                         "\nAddress = fdaa:0:11:1:1:0:a:2/120\nDNS = fdaa:0:11::3\nMTU = 1420\n"
                         "\n[Peer]\nPublicKey = " +
                         kGatewayKey +
                         "\nAllowedIPs = fdaa:0:11::/48\nEndpoint = 192.0.2.1:51823\n"
                         "# or: Endpoint = [2001:db8::1]:51823\n"
                         "PersistentKeepalive = 15\n");
  auto body = json::parse(agent_.requests().at(0).body).as_object();
  EXPECT_EQ(body.at("name").as_string(), "laptop");
  EXPECT_EQ(body.at("org").as_string(), "acme");
  EXPECT_EQ(body.at("network").as_string(), "lab");
  auto key = Secret::from_bytes(*parse_base64(secret));
  ASSERT_TRUE(key);
  EXPECT_EQ(body.at("public_key").as_string(), to_base64(as_bytes(wireguard_public_key(*key))));
  EXPECT_THAT(agent_.requests().at(0).body, Not(HasSubstr(secret)));
  ProgramRun again = sixpn({"peer", "create", "laptop"});
  EXPECT_NE(line_of(again.out, "PrivateKey"), secret);
}

TEST_F(PeerProgram, TakesTheDevicesOwnKeyAndAnEndpoint) {
  agent_.answer("POST /v1/peers", 200, reply());
  ProgramRun run = sixpn(
      {"peer", "create", "laptop", "--public-key", kDeviceKey, "--endpoint", "vpn.example:443"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("# PrivateKey = the one that belongs to " + kDeviceKey + "\n"));
  EXPECT_THAT(run.out, HasSubstr("\nEndpoint = vpn.example:443\nPersistentKeepalive"));
  EXPECT_EQ(json::parse(agent_.requests().at(0).body).at("public_key").as_string(), kDeviceKey);
  for (const char* wrong : {"vpn.example", "vpn.example:0", "vpn.example:65536", ":51823",
                            "2001:db8::1:51823", "[2001:db8::zz]:1", "a b:1", "a\nb:1"}) {
    ProgramRun refused = sixpn({"peer", "create", "laptop", "--endpoint", wrong});
    EXPECT_EQ(refused.exit_code, 2) << wrong;
    EXPECT_THAT(refused.err, HasSubstr("expected HOST:PORT"));
  }
  EXPECT_EQ(agent_.requests().size(), 1U) << "nothing was made for a wrong endpoint";
  EXPECT_TRUE(is_host_and_port("[2001:db8::1]:51823"));
}

TEST_F(PeerProgram, WithoutAnAddressItSaysWhatIsMissing) {
  agent_.answer("POST /v1/peers", 200, reply(""));
  ProgramRun run = sixpn({"peer", "create", "laptop"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("# Endpoint = an address of host a, and port 51823\n"));
  EXPECT_THAT(run.err, HasSubstr("give one with --endpoint"));
}

TEST_F(PeerProgram, AFileIsItsOwnersAloneAndNeverOverwritten) {
  agent_.answer("POST /v1/peers", 200, reply());
  std::string file = agent_.folder() + "/laptop.conf";
  ProgramRun run = sixpn({"peer", "create", "laptop", "--output", file});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            "Peer laptop of acme/default has address fdaa:0:11:1:1:0:a:2. Its "
            "configuration is in " +
                file + ": bring it to the device, then `wg-quick up " + file + "`.\n");
  struct stat state {};
  ASSERT_EQ(stat(file.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07777, 0600U);
  std::string before = read(file);
  EXPECT_THAT(before, HasSubstr("PrivateKey = "));
  ProgramRun again = sixpn({"peer", "create", "laptop", "--output", file});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("is there already, and is not overwritten"));
  EXPECT_EQ(read(file), before);
  EXPECT_EQ(agent_.requests().size(), 1U);
}

TEST_F(PeerProgram, APeerWhoseFileCannotBeWrittenIsNotKept) {
  agent_.answer("POST /v1/peers", 200, reply());
  agent_.answer("DELETE /v1/peers/laptop?org=acme&network=default", 200, "{}");
  ProgramRun run =
      sixpn({"peer", "create", "laptop", "--output", agent_.folder() + "/none/laptop.conf"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("the peer was not kept"));
  ASSERT_EQ(agent_.requests().size(), 2U);
  EXPECT_EQ(agent_.requests().at(1).method, "DELETE");
}

TEST_F(PeerProgram, JsonHasTheConfigurationBesideTheAnswer) {
  agent_.answer("POST /v1/peers", 200, reply());
  ProgramRun run = sixpn({"--json", "peer", "create", "laptop"});
  ASSERT_EQ(run.exit_code, 0);
  auto out = json::parse(run.out).as_object();
  EXPECT_EQ(out.at("address").as_string(), "fdaa:0:11:1:1:0:a:2");
  EXPECT_TRUE(out.at("config").as_string().starts_with("[Interface]\nPrivateKey = "));
}

TEST_F(PeerProgram, ListsAndRemoves) {
  agent_.answer("GET /v1/peers", 200, R"([
    {"name":"laptop","org":"acme","network":"default","address":"fdaa:0:11:1:1:0:a:2",
     "gateway":"a","public_key":"k","endpoint":"198.51.100.7:40000","handshake_age_s":12,
     "received_bytes":2048,"sent_bytes":512},
    {"name":"ci","org":"acme","network":"lab","address":"fdaa:0:12:1:2:0:a:2","gateway":"b",
     "public_key":"k"}])");
  agent_.answer("DELETE /v1/peers/laptop?org=acme", 200, "{}");
  EXPECT_EQ(sixpn({"peer", "list"}).out,
            "NAME    ORG   NETWORK  ADDRESS              GATEWAY  ENDPOINT            SEEN     "
            "RECEIVED  SENT\n"
            "laptop  acme  default  fdaa:0:11:1:1:0:a:2  a        198.51.100.7:40000  12s ago  "
            "2.0 KiB   512 B\n"
            "ci      acme  lab      fdaa:0:12:1:2:0:a:2  b        -                   -        "
            "-         -\n");
  ProgramRun removed = sixpn({"peer", "remove", "laptop", "--org", "acme"});
  EXPECT_EQ(removed.exit_code, 0);
  EXPECT_EQ(removed.out, "Peer laptop is removed.\n");
  ProgramRun unknown = sixpn({"peer", "remove", "phone"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_EQ(sixpn({"peer", "create"}).exit_code, 2);
  EXPECT_EQ(sixpn({"peer"}).exit_code, 2);
}

}  // namespace
}  // namespace sixpn::cli
