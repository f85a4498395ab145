#include "tests/netns/cluster/cluster.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <filesystem>
#include <sstream>

// Given by the build: where the programs under test are.
#ifndef SIXPN_SIXPND
#error "SIXPN_SIXPND and SIXPN_CLI must name the programs"
#endif

namespace sixpn::testing {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kNetnsPrefix = "sxt-";
constexpr std::chrono::seconds kStartLimit{30};  // of an agent, among many on a busy machine

json::value parse_json(const std::string& text) {
  boost::system::error_code failed;
  json::value value = json::parse(text, failed);
  return failed ? json::value() : value;
}

// Ends every process whose network namespace is `netns_path`, until none is left.
void end_processes_in(const std::string& netns_path) {
  auto pids = run({"ip", "netns", "pids", fs::path(netns_path).filename()});
  std::istringstream lines(pids.out);
  for (pid_t pid = 0; lines >> pid;) kill(pid, SIGKILL);
}

void remove_netns(const std::string& name) {
  end_processes_in("/run/netns/" + name);
  run({"ip", "netns", "del", name});
}

}  // namespace

Cluster::Cluster(const std::string& test_name)
    : prefix_(std::string(kNetnsPrefix) + std::to_string(getpid()) + "-") {
  std::string pattern = fs::temp_directory_path() / ("sixpn-" + test_name + "-XXXXXX");
  folder_ = mkdtemp(pattern.data());
  remove_leftovers();
}

Cluster::~Cluster() {
  for (auto& [name, host] : hosts_) host->agent.reset();
  for (auto& [name, host] : hosts_) {
    remove_machines(*host);
    remove_netns(host->netns);
    for (const std::string& device :
         {host->interface, host->interface + "-s",
          "sx-" + host->interface.substr(host->interface.size() -
                                         std::min<std::size_t>(host->interface.size(), 12))})
      fs::remove("/var/run/wireguard/" + device + ".sock");
  }
  if (::testing::Test::HasFailure()) {
    for (auto& [name, host] : hosts_)
      std::cerr << "---- log of agent " << name << "\n" << read_file(host->log());
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Cluster::remove_leftovers() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/run/netns", ignored)) {
    std::string name = entry.path().filename();
    if (!name.starts_with(kNetnsPrefix)) continue;
    int owner = std::atoi(name.c_str() + kNetnsPrefix.size());
    if (owner > 0 && kill(owner, 0) != 0) remove_netns(name);
  }
}

// Machines' namespaces are named by their ids; the host's state folder lists them.
void Cluster::remove_machines(ClusterHost& host) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(host.state_dir() + "/machines", ignored)) {
    std::string id = entry.path().filename();
    if (fs::exists("/run/netns/" + id)) remove_netns(id);
    fs::remove_all("/etc/netns/" + id, ignored);
    // Empty by now, unless what was killed is still on its way out.
    for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
      fs::remove(root + ("/sixpn-machine-" + id), ignored);
  }
}

ClusterHost& Cluster::add_host(const std::string& name, const std::string& region,
                               const std::string& extra_config) {
  auto host = std::make_unique<ClusterHost>();
  host->name = name;
  host->region = region;
  host->netns = prefix_ + name;
  host->address = "192.0.2." + std::to_string(order_.size() + 1);
  host->folder = folder_ + "/" + name;
  host->interface = "wgt" + std::to_string(getpid() % 100000) + name;
  fs::create_directories(host->folder);
  EXPECT_EQ(run({"ip", "netns", "add", host->netns}).status, 0);
  auto added = internet_.add_host(name, host->netns_path(), host->address);
  EXPECT_TRUE(added) << added.error().message;
  on_host_route(*host);
  for (const auto& other : order_)
    internet_.set_delay(name, other, region_delay(region, hosts_.at(other)->region));
  write_config(*host, extra_config);
  order_.push_back(name);
  return *(hosts_[name] = std::move(host));
}

void Cluster::on_host_route(const ClusterHost& host) {
  run({"ip", "-n", host.netns, "route", "add", "default", "dev", "eth0"});
}

// As on a larger machine, so that what the proxy's loops share is tested everywhere.
std::string Cluster::with_loops(std::string extra) {
  const std::string table = "[flycast]\n";
  if (extra.find(table) == std::string::npos) extra += table;
  return extra.insert(extra.find(table) + table.size(), "loops = 2\n");
}

void Cluster::write_config(ClusterHost& host, const std::string& extra) {
  write_file(host.config(), "state_dir = \"" + host.state_dir() + "\"\nrun_dir = \"" + host.folder +
                                "/run\"\n[wireguard]\ninterface = \"" + host.interface +
                                "\"\nendpoints = [\"" + host.address + "\"]\n" + with_loops(extra));
}

void Cluster::form(std::chrono::seconds limit) {
  if (!internet_started_) internet_.start();
  internet_started_ = true;
  const ClusterHost& first = host(order_.front());
  auto made = run({SIXPN_CLI, "cluster", "init", "--name", first.name, "--region", first.region,
                   "--state-dir", first.state_dir()});
  ASSERT_EQ(made.status, 0) << made.err;
  start_agent(first.name);
  for (std::size_t i = 1; i < order_.size(); ++i)
    start_agent(order_[i], invite(first.name, order_[i], host(order_[i]).region));
  ASSERT_TRUE(eventually([&] { return all_see_alive(order_); }, limit));
}

std::string Cluster::invite(const std::string& on, const std::string& name,
                            const std::string& region, const Words& more) {
  Words words = {"host", "invite", "--name", name, "--region", region};
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), {"--root-key", host(on).state_dir() + "/root.key"});
  std::string token = must(on, words);
  return token.substr(0, token.find('\n'));
}

void Cluster::start_agent(const std::string& name, const std::string& token) {
  ClusterHost& started = host(name);
  Words argv = {"nsenter", "--net=" + started.netns_path(), SIXPN_SIXPND, "--config",
                started.config()};
  if (started.supervised) argv.emplace_back("--supervised");
  if (!token.empty()) argv.insert(argv.end(), {"--join", token});
  started.agent.emplace(argv, started.log());
  bool ended = false;
  bool answers = eventually(
      [&] {
        ended = !started.agent->running();
        return ended || sixpn(name, {"status"}).status == 0;
      },
      kStartLimit);
  ASSERT_TRUE(answers && !ended) << read_file(started.log());
}

void Cluster::kill_agent(const std::string& name) {
  host(name).agent->signal(SIGKILL);
  host(name).agent->wait();
}

void Cluster::restart_agent(const std::string& name) {
  host(name).agent->signal(SIGTERM);
  EXPECT_EQ(host(name).agent->wait(), 0);
  start_agent(name);
}

void Cluster::kill_host(const std::string& name) {
  kill_agent(name);
  internet_.cut_off(name);
  remove_machines(host(name));
  end_processes_in(host(name).netns_path());
}

bool Cluster::all_see_alive(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return seen_alive(name) == names.size(); });
}

std::size_t Cluster::seen_alive(const std::string& name) {
  auto status = parse_json(sixpn(name, {"--json", "status"}).out);
  if (!status.is_object() || !status.as_object().contains("hosts")) return 0;
  const auto& hosts = status.at("hosts").as_array();
  return static_cast<std::size_t>(std::count_if(hosts.begin(), hosts.end(), [](const auto& seen) {
    return seen.at("status").as_string() == "alive";
  }));
}

Finished Cluster::sixpn(const std::string& name, Words words, std::chrono::milliseconds limit) {
  Words argv = {"nsenter", "--net=" + host(name).netns_path(), SIXPN_CLI, "--socket",
                host(name).socket()};
  argv.insert(argv.end(), words.begin(), words.end());
  return run(argv, limit);
}

std::string Cluster::must(const std::string& name, const Words& words) {
  auto finished = sixpn(name, words);
  std::string line;
  for (const auto& word : words) line += " " + word;
  EXPECT_EQ(finished.status, 0) << name << ": sixpn" << line << "\n"
                                << finished.err << finished.out;
  return finished.out;
}

std::string Cluster::run_machine(const std::string& name, const Words& words) {
  Words all = {"--json", "machine", "run"};
  all.insert(all.end(), words.begin(), words.end());
  auto machine = parse_json(must(name, all));
  if (!machine.is_object()) return "";
  return std::string(machine.at("id").as_string());
}

std::string Cluster::machine_address(const std::string& name, const std::string& id) {
  auto machine = parse_json(must(name, {"--json", "machine", "status", id}));
  if (!machine.is_object()) return "";
  return std::string(machine.at("address").as_string());
}

std::string Cluster::infrastructure_address(const std::string& name) {
  auto status = parse_json(must(name, {"--json", "status"}));
  if (!status.is_object()) return "";
  return std::string(status.at("host").at("address").as_string());
}

Finished Cluster::in_machine(const std::string& name, const std::string& id, const Words& argv,
                             std::chrono::milliseconds limit) {
  Words words = {"machine", "exec", id, "--"};
  words.insert(words.end(), argv.begin(), argv.end());
  return sixpn(name, words, limit);
}

Finished Cluster::on_host(const std::string& name, const Words& argv,
                          std::chrono::milliseconds limit) {
  Words all = {"nsenter", "--net=" + host(name).netns_path()};
  all.insert(all.end(), argv.begin(), argv.end());
  return run(all, limit);
}

std::string Cluster::wg(const std::string& name, const std::string& what) {
  auto shown = on_host(name, {"wg", "show", host(name).interface, what});
  EXPECT_EQ(shown.status, 0) << shown.err;
  return shown.out.substr(0, shown.out.find_last_not_of('\n') + 1);
}

bool Cluster::has_wg_peer(const std::string& name, const std::string& key) {
  return wg(name, "peers").find(key) != std::string::npos;
}

void Cluster::nft(const std::string& name, const std::string& rules) {
  const std::string file = host(name).folder + "/rules.nft";
  write_file(file, rules);
  auto fed = on_host(name, {"nft", "-f", file});
  ASSERT_EQ(fed.status, 0) << name << ": " << fed.err << rules;
}

std::vector<std::string> Cluster::dig(const std::string& name, const std::string& id,
                                      const std::string& question, const std::string& type) {
  auto finished = in_machine(name, id, {"dig", "+short", "+tries=1", "+time=2", question, type});
  std::vector<std::string> lines;
  std::istringstream text(finished.out);
  for (std::string line; std::getline(text, line);)
    if (!line.empty()) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace sixpn::testing
