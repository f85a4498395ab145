// Cluster: whole sixpn hosts in network namespaces, joined by a simulated internet, with real
// agents, real WireGuard and real machines. What a test does to it, a person could do by hand:
//   Cluster cluster("join");
//   cluster.add_host("a", "iad"); cluster.add_host("b", "fra");
//   cluster.form();                               // init on a, invite and join on the others
//   cluster.sixpn("a", {"apps", "create", "web", "--org", "acme"});
// Everything it made is gone when it is destroyed, also after a failed test; namespaces that an
// earlier run left behind (its process id is dead) are removed when the next cluster starts.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/netns/cluster/internet.h"
#include "tests/netns/cluster/process.h"

namespace sixpn::testing {

// A fly.toml: app `web`, port 80 to 8080.
inline constexpr const char* kWebService = R"(
app = "web"
[[services]]
protocol = "tcp"
internal_port = 8080
[[services.ports]]
port = 80
)";

// For such a machine: answers with its region and the client's address.
inline constexpr const char* kRegionServer = R"(
import http.server, os, socket
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = os.environ['FLY_REGION'] + ' ' + self.client_address[0] + '\n'
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(('::', 8080), Hello).serve_forever()
)";

struct ClusterHost {
  std::string name;
  std::string region;
  std::string netns;        // name under /run/netns
  std::string address;      // on the simulated internet
  std::string folder;       // config, state, run, log
  std::string interface;    // of WireGuard
  bool supervised = false;  // sixpnd --supervised: set before its agent starts
  std::optional<Process> agent;
  [[nodiscard]] std::string netns_path() const { return "/run/netns/" + netns; }
  [[nodiscard]] std::string state_dir() const { return folder + "/state"; }
  [[nodiscard]] std::string config() const { return folder + "/agent.toml"; }
  [[nodiscard]] std::string socket() const { return folder + "/run/sixpnd.sock"; }
  [[nodiscard]] std::string log() const { return folder + "/agent.log"; }
};

class Cluster {
 public:
  explicit Cluster(const std::string& test_name);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  ClusterHost& add_host(const std::string& name, const std::string& region,
                        const std::string& extra_config = "");
  ClusterHost& host(const std::string& name) { return *hosts_.at(name); }
  Internet& internet() { return internet_; }

  // The first host added makes the cluster, the others join it by invitations; returns when every
  // agent sees every other alive. A failure fails the running test.
  void form(std::chrono::seconds limit = std::chrono::seconds(30));
  std::string invite(const std::string& on, const std::string& name, const std::string& region,
                     const Words& more = {});
  void start_agent(const std::string& name, const std::string& token = "");
  // SIGKILL, as a crash would; machines and the data plane stay.
  void kill_agent(const std::string& name);
  // As a supervisor does: SIGTERM, and started again once what it sees has ended. For hosts that
  // are supervised.
  void restart_agent(const std::string& name);
  // The whole host dies: agent, machines, WireGuard; its eth0 goes silent.
  void kill_host(const std::string& name);
  bool all_see_alive(const std::vector<std::string>& names);
  // How many hosts this agent sees alive, itself included; 0 when it does not answer.
  std::size_t seen_alive(const std::string& name);

  // The command line on a host's agent.
  Finished sixpn(const std::string& host, Words words,
                 std::chrono::milliseconds limit = std::chrono::seconds(30));
  // Same, must succeed; returns standard output.
  std::string must(const std::string& host, const Words& words);
  // Creates the machine and returns its id.
  std::string run_machine(const std::string& host, const Words& words);
  std::string machine_address(const std::string& host, const std::string& id);

  // fdaa:0:0:H:H::1 of a host.
  std::string infrastructure_address(const std::string& host);

  // A program inside a machine's namespaces, or in a host's.
  Finished in_machine(const std::string& host, const std::string& id, const Words& argv,
                      std::chrono::milliseconds limit = std::chrono::seconds(30));
  Finished on_host(const std::string& host, const Words& argv,
                   std::chrono::milliseconds limit = std::chrono::seconds(30));
  // What `wg show` says of a host's WireGuard: "public-key", "peers".
  std::string wg(const std::string& host, const std::string& what);
  bool has_wg_peer(const std::string& host, const std::string& key);
  // Rules for nftables in a host's namespace, as a file of `nft -f` has them.
  void nft(const std::string& host, const std::string& rules);
  // `dig +short` inside a machine, sorted lines.
  std::vector<std::string> dig(const std::string& host, const std::string& id,
                               const std::string& name, const std::string& type = "AAAA");

 private:
  void write_config(ClusterHost& host, const std::string& extra);
  static std::string with_loops(std::string extra);
  void on_host_route(const ClusterHost& host);
  void remove_machines(ClusterHost& host);
  void remove_leftovers();

  std::string prefix_;
  std::string folder_;
  Internet internet_;
  bool internet_started_ = false;
  std::vector<std::string> order_;
  std::map<std::string, std::unique_ptr<ClusterHost>> hosts_;
};

}  // namespace sixpn::testing
