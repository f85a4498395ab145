// TLS on Flycast by an org's own authority: real agents, curl and Python's ssl as clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <set>
#include <sstream>
#include <string>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kServices = R"(
app = "web"
[http_service]
internal_port = 8080
force_https = true
[[services]]
internal_port = 9090
[[services.ports]]
port = 5000
handlers = ["tls"]
)";

// HTTP on 8080 says which scheme it was told of. On 9090: whatever came until its end, back again.
constexpr const char* kServer = R"(
import http.server, os, socket, threading
class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        text = self.headers['X-Forwarded-Proto'] + ' ' + self.headers['Host'] + '\n'
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
def back(peer):
    parts = []
    while True:
        got = peer.recv(65536)
        if not got: break
        parts.append(got)
    peer.sendall(b''.join(parts))
    peer.close()
def raw():
    server = socket.create_server(('::', 9090), family=socket.AF_INET6)
    while True: threading.Thread(target=back, args=(server.accept()[0],), daemon=True).start()
threading.Thread(target=raw, daemon=True).start()
Server(('::', 8080), Hello).serve_forever()
)";

// Sends argv[3] random bytes to web.flycast:5000, says that it has no more (close_notify), and
// reads them back until the other side says so too.
constexpr const char* kRawClient = R"(
import os, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
session = context.wrap_bio(inside, outside, server_hostname='web.flycast')
end = socket.create_connection(('web.flycast', 5000), 60)
def pull():
    wire = end.recv(65536)
    inside.write(wire) if wire else inside.write_eof()
def push():
    end.sendall(outside.read())
while True:
    try: session.do_handshake()
    except ssl.SSLWantReadError:
        push(); pull(); continue
    break
push()
sent = os.urandom(int(sys.argv[2]))
for at in range(0, len(sent), 65536):
    session.write(sent[at:at + 65536]); push()
try: session.unwrap()
except ssl.SSLWantReadError: pass
push()
got = []
while True:
    try: part = session.read(65536)
    except ssl.SSLWantReadError:
        pull(); continue
    except ssl.SSLZeroReturnError: part = b''
    if not part: break
    got.append(part)
print('whole' if b''.join(got) == sent else 'broken: %d bytes' % sum(map(len, got)))
)";

// Opens a connection to argv[1] port 443, sends what argv[2] says, and tells after how many seconds
// it was over and what came.
constexpr const char* kStranger = R"(
import socket, sys, time
end = socket.create_connection((sys.argv[1], 443), 60)
began = time.time()
end.sendall(sys.argv[2].encode())
got = b''
try:
    while True:
        part = end.recv(4096)
        if not part: break
        got += part
except ConnectionResetError: pass
print('%d %d' % (time.time() - began, got[0] if got else 0))
)";

// Hosts a and b; org acme with web on b and a client on a, so that the second hop is crossed.
class Tls : public ::testing::Test {
 protected:
  Tls() : cluster_("tls") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    write_file(cluster_.host("a").folder + "/fly.toml", kServices);
    make_app("acme");
    client_ = make_machines("acme", "b");
    ca_ = cluster_.host("a").folder + "/acme.pem";
  }

  void make_app(const std::string& org) {
    cluster_.must("a", {"apps", "create", "web", "--org", org, "--config",
                        cluster_.host("a").folder + "/fly.toml"});
    cluster_.must("a", {"apps", "create", org + "-client", "--org", org});
    cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web", "--org", org});
    ASSERT_TRUE(eventually([&] {
      return cluster_.must("b", {"apps", "list"}).find(org + "-client") != std::string::npos;
    }));
  }

  // Returns the client's id, on a.
  std::string make_machines(const std::string& org, const std::string& server_host) {
    cluster_.run_machine(server_host,
                         {"--app", "web", "--org", org, "--", "python3", "-c", kServer});
    auto client = cluster_.run_machine("a", {"--app", org + "-client", "--", "sleep", "1000"});
    EXPECT_TRUE(eventually([&] { return does(client, plain_curl()).status == 0; }));
    return client;
  }
  static Words plain_curl() {
    return {"curl", "-sS", "--max-time", "5", "-o", "/dev/null", "http://web.flycast/"};
  }

  Words with_root(Words words) {
    words.insert(words.end(), {"--root-key", cluster_.host("a").state_dir() + "/root.key"});
    return words;
  }
  void create_ca(const std::string& org, const std::string& file) {
    cluster_.must("a", with_root({"certs", "create-ca", "--org", org}));
    write_file(file, cluster_.must("a", {"certs", "ca", "--org", org}));
  }
  Finished does(const std::string& machine, const Words& argv) {
    return cluster_.in_machine("a", machine, argv, 60s);
  }
  Finished curl(Words more) {
    Words words = {"curl", "-sS", "--max-time", "10", "--cacert", ca_};
    words.insert(words.end(), more.begin(), more.end());
    return does(client_, words);
  }
  std::string address() { return cluster_.dig("a", client_, "web.flycast").at(0); }
  // Used by a's agent, all threads, user and system.
  double processor_seconds() {
    auto stat = read_file("/proc/" + std::to_string(cluster_.host("a").agent->pid()) + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string word;
    for (int i = 0; i < 11; ++i) fields >> word;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  bool log_says(const std::string& text) {
    return read_file(cluster_.host("a").log()).find(text) != std::string::npos;
  }

  Cluster cluster_;
  std::string client_;
  std::string ca_;  // acme's, on disk
};

TEST_F(Tls, WithoutAnAuthorityThePortsAreClosedAndItIsSaidWhatOpensThem) {
  for (const char* url : {"https://web.flycast/", "https://web.flycast:5000/"}) {
    auto refused = does(client_, {"curl", "-sS", "--max-time", "5", "-k", url});
    EXPECT_EQ(refused.status, 7) << refused.err;  // at the first packet: no handshake began
    EXPECT_THAT(refused.err, HasSubstr("Couldn't connect"));
  }
  EXPECT_FALSE(log_says("reset a connection")) << "the proxy saw none";
  const std::string closed =
      "orts with TLS are closed: there is no authority for TLS of org acme: run `sixpn certs "
      "create-ca --org acme` with the root key\n";
  EXPECT_THAT(cluster_.must("a", {"flycast", "explain", "web"}), HasSubstr("\np" + closed));
  EXPECT_THAT(cluster_.must("a", {"deploy", "--app", "web", "--config",
                                  cluster_.host("a").folder + "/fly.toml"}),
              HasSubstr("\nP" + closed));
  auto none = cluster_.sixpn("a", {"certs", "ca", "--org", "acme"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("sixpn certs create-ca --org acme"));
  auto keyless = cluster_.sixpn(
      "b", {"certs", "create-ca", "--org", "acme", "--state-dir", cluster_.host("b").state_dir()});
  EXPECT_EQ(keyless.status, 1);
  EXPECT_THAT(keyless.err, HasSubstr("root.key: run this on the host that keeps it"));
}

TEST_F(Tls, WhoTrustsTheAuthorityReachesTheAppOverBothVersionsOfHttp) {
  create_ca("acme", ca_);
  ASSERT_TRUE(eventually([&] {
    return cluster_.sixpn("b", {"certs", "ca"}).out == read_file(ca_);
  })) << "the authority is the same on every host";
  auto first = curl({"--http1.1", "-w", "%{http_version}", "https://web.flycast/"});
  EXPECT_EQ(first.out, "https web.flycast\n1.1") << first.err;
  auto second = curl({"--http2", "-w", "%{http_version}", "https://web.flycast/"});
  EXPECT_EQ(second.out, "https web.flycast\n2") << second.err;
  for (const char* version : {"1.2", "1.3"})
    EXPECT_EQ(
        curl({std::string("--tlsv") + version, "--tls-max", version, "https://web.flycast/"}).out,
        "https web.flycast\n")
        << version;
  EXPECT_NE(curl({"--tlsv1.0", "--tls-max", "1.1", "https://web.flycast/"}).status, 0);
  EXPECT_EQ(curl({"https://[" + address() + "]/"}).out, "https [" + address() + "]\n");
  // Two requests over one connection.
  EXPECT_EQ(curl({"--http1.1", "https://web.flycast/", "https://web.flycast/"}).out,
            "https web.flycast\nhttps web.flycast\n");
  auto redirected =
      curl({"-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "http://web.flycast/a?b=c"});
  EXPECT_EQ(redirected.out, "301 https://web.flycast/a?b=c");
  EXPECT_EQ(curl({"-L", "http://web.flycast/"}).out, "https web.flycast\n");
  std::string metrics = cluster_
                            .on_host("a", {"curl", "-sS", "--unix-socket",
                                           cluster_.host("a").socket(), "http://x/v1/metrics"})
                            .out;
  for (const char* sample :
       {"time_seconds_count\\{app=\"web\",[^\n]*version=\"TLSv1\\.2\"\\} 1\n",
        "time_seconds_count\\{app=\"web\",[^\n]*version=\"TLSv1\\.3\"\\} [1-9]",
        "errors\\{app=\"web\",[^\n]*servername=\"[^\n]*\"\\} 1\n"})
    EXPECT_THAT(metrics, ContainsRegex(std::string("\nfly_edge_tls_handshake_") + sample));
}

TEST_F(Tls, NamesAndAuthoritiesOfOthersAreRefused) {
  create_ca("acme", ca_);
  auto untrusting = does(client_, {"curl", "-sS", "--max-time", "5", "https://web.flycast/"});
  EXPECT_EQ(untrusting.status, 60) << untrusting.err;
  for (const char* name : {"other.flycast", "web.internal", "example.com"}) {
    auto other = curl({"-k", "--connect-to", "::web.flycast:", std::string("https://") + name});
    EXPECT_EQ(other.status, 35) << other.err;
    EXPECT_THAT(other.err, HasSubstr("unrecognized name"));
  }
  // Another org has an app of the same name, and an authority of its own.
  make_app("globex");
  std::string globex = make_machines("globex", "a");
  std::string globex_ca = cluster_.host("a").folder + "/globex.pem";
  create_ca("globex", globex_ca);
  auto ask = [&](const std::string& ca) {
    return does(globex, {"curl", "-sS", "--max-time", "5", "--cacert", ca, "https://web.flycast/"});
  };
  EXPECT_EQ(ask(globex_ca).out, "https web.flycast\n");
  EXPECT_EQ(ask(ca_).status, 60);
  EXPECT_EQ(curl({"https://web.flycast/"}).out, "https web.flycast\n");
}

// Host c may serve another org only.
TEST(TlsOrgs, AHostOutsideTheOrgIsNotCertified) {
  Cluster cluster("tlsorgs");
  cluster.add_host("a", "iad");
  cluster.add_host("c", "nrt");
  cluster.internet().start();
  const std::string state = cluster.host("a").state_dir();
  auto made =
      run({SIXPN_CLI, "cluster", "init", "--name", "a", "--region", "iad", "--state-dir", state});
  ASSERT_EQ(made.status, 0) << made.err;
  ASSERT_NO_FATAL_FAILURE(cluster.start_agent("a"));
  auto token = cluster.invite("a", "c", "nrt", {"--orgs", "globex"});
  ASSERT_NO_FATAL_FAILURE(cluster.start_agent("c", token));
  ASSERT_TRUE(eventually([&] { return cluster.all_see_alive({"a", "c"}); }, 60s));
  for (const char* org : {"acme", "globex"})
    cluster.must("a", {"apps", "create", "web", "--org", org});
  auto certified = [&](const std::string& org) {
    auto said = json::parse(cluster.must(
        "a", {"--json", "certs", "create-ca", "--org", org, "--root-key", state + "/root.key"}));
    std::set<std::string> hosts;
    for (const auto& each : said.at("issued").as_array())
      hosts.insert(std::string(each.at("host").as_string()));
    return hosts;
  };
  EXPECT_EQ(certified("acme"), (std::set<std::string>{"a"}));
  EXPECT_EQ(certified("globex"), (std::set<std::string>{"a", "c"}));
  ASSERT_TRUE(eventually([&] {
    return cluster.must("c", {"certs", "list"}).find("globex") != std::string::npos;
  }));
  EXPECT_THAT(cluster.must("c", {"certs", "list"}), Not(HasSubstr("acme")));
}

TEST_F(Tls, BytesPassWholeAndEachDirectionEndsAlone) {
  create_ca("acme", ca_);
  for (const char* size : {"10", "100000", "5000000"}) {
    auto done = does(client_, {"python3", "-c", kRawClient, ca_, size});
    EXPECT_EQ(done.out, "whole\n") << size << ": " << done.err;
  }
}

TEST_F(Tls, StrangersAreSentAwayAndHarmNobody) {
  create_ca("acme", ca_);
  auto garbage = does(client_, {"python3", "-c", kStranger, address(), "GET / HTTP/1.1\r\n\r\n"});
  EXPECT_EQ(garbage.out, "0 0\n") << "closed at once: " << garbage.err;
  auto silent = does(client_, {"python3", "-c", kStranger, address(), ""});
  int seconds = std::stoi(silent.out);
  EXPECT_GE(seconds, 9);
  EXPECT_LE(seconds, 15);
  EXPECT_EQ(curl({"https://web.flycast/"}).out, "https web.flycast\n");
}

// A ticket spares the signature. What both cost the agent is told beside the result.
TEST_F(Tls, SessionsAreResumed) {
  create_ca("acme", ca_);
  ASSERT_EQ(curl({"https://web.flycast/"}).status, 0);
  auto count = [&](const std::string& name) {
    auto text = cluster_
                    .on_host("a", {"curl", "-sS", "--unix-socket", cluster_.host("a").socket(),
                                   "http://sixpn/v1/metrics"})
                    .out;
    auto at = text.find("\nsixpn_flycast_" + name + "_total{");
    return at == std::string::npos ? -1.0 : std::stod(text.substr(text.find("} ", at) + 2));
  };
  for (const char* kind : {"-new", "-reuse"}) {
    double before = count("tls_handshakes");
    double resumed_before = count("tls_resumed");
    double used = processor_seconds();
    does(client_, {"openssl", "s_time", "-connect", "[" + address() + "]:443", "-time", "3",
                   "-tls1_2", kind});
    double done = count("tls_handshakes") - before;
    double resumed = count("tls_resumed") - resumed_before;
    EXPECT_GT(done, 10) << kind;
    if (std::string(kind) == "-new") {
      EXPECT_EQ(resumed, 0);
    } else {
      EXPECT_GE(resumed, done - 2);
    }
    RecordProperty(std::string("handshakes") + kind, std::to_string(done));
    RecordProperty(std::string("microseconds_each") + kind,
                   std::to_string((processor_seconds() - used) * 1e6 / done));
  }
}

TEST_F(Tls, AnAgentThatStartsAgainStillHasItsCertificate) {
  create_ca("acme", ca_);
  ASSERT_EQ(curl({"https://web.flycast/"}).out, "https web.flycast\n");
  struct stat key {};
  ASSERT_EQ(stat((cluster_.host("a").state_dir() + "/identity/tls.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777, 0600U);
  cluster_.kill_agent("a");
  ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("a"));
  EXPECT_TRUE(eventually([&] { return curl({"https://web.flycast/"}).status == 0; }, 30s));
  // A renewal brings a longer one; the authority stays.
  cluster_.must("a", with_root({"host", "renew", "--all", "--valid", "9000d"}));
  auto listed = json::parse(cluster_.must("a", {"--json", "certs", "list"}));
  const auto& acme = listed.at("orgs").at(0);
  EXPECT_EQ(acme.at("valid_until_ms"), acme.at("authority").at("valid_until_ms"));
  EXPECT_EQ(curl({"https://web.flycast/"}).out, "https web.flycast\n");
  EXPECT_EQ(cluster_.must("a", {"certs", "ca"}), read_file(ca_));
}

}  // namespace
}  // namespace sixpn::testing
