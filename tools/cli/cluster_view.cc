#include "tools/cli/cluster_view.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>

#include "tools/cli/app_view.h"
#include "tools/cli/machine_view.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sixpn::cli {

namespace {

constexpr std::size_t kMostMachinesInStatus = 50;

std::string round_trip(JsonView host) {
  if (host["is_self"].flag()) return "self";
  auto micros = host["round_trip_us"].integer();
  return micros ? format_milliseconds(*micros) : "";
}

std::string handshake(JsonView host) {
  auto seconds = host["handshake_age_s"].integer();
  if (seconds) return format_age(*seconds) + " ago";
  return host["is_self"].flag() ? "" : "never";
}

std::string traffic(JsonView host, std::string_view key) {
  if (host["is_self"].flag()) return "";
  return format_bytes(static_cast<std::uint64_t>(host[key].integer().value_or(0)));
}

// The day a certificate ends, and whether it has.
std::string validity(JsonView host, std::int64_t now_ms) {
  auto until = host["valid_until_ms"].integer();
  if (!until) return "";
  return format_utc(*until).substr(0, 10) + (*until <= now_ms ? " expired" : "");
}

std::string heard(JsonView host) {
  if (host["is_self"].flag()) return "self";
  auto ago = host["heard_ms_ago"].integer();
  return ago ? format_age(*ago / 1000) + " ago" : "";
}

// Seconds ahead of this host's clock, when it is worth a thought.
std::string clock(JsonView host) {
  auto ahead = host["clock_ahead_ms"].integer();
  if (!ahead) return "";
  std::int64_t tenths = *ahead / 100;
  return tenths > -10 && tenths < 10 ? "ok"
                                     : fmt::format("{:+.1f}s", static_cast<double>(tenths) / 10);
}

Table status_hosts(JsonView status) {
  Table table(
      {"HOST", "REGION", "STATUS", "ROUND TRIP", "HANDSHAKE", "RECEIVED", "SENT", "ENDPOINT"});
  for (const JsonView& host : status["hosts"].items())
    table.add({host["name"].text(), host["region"].text(), host["status"].text(), round_trip(host),
               handshake(host), traffic(host, "rx_bytes"), traffic(host, "tx_bytes"),
               host["endpoint"].text()});
  return table;
}

Table network_table(JsonView status) {
  // An agent before interests holds all, and does not say so.
  bool all = status["holds_all"].is_null() || status["holds_all"].flag();
  Table table(all ? std::vector<std::string>{"ORG", "NETWORK", "PREFIX"}
                  : std::vector<std::string>{"ORG", "NETWORK", "PREFIX", "MACHINES"});
  for (const JsonView& network : status["networks"].items()) {
    std::vector<std::string> row{network["org"].text(), network["name"].text(),
                                 network["prefix"].text()};
    if (!all) row.emplace_back(network["held"].flag() ? "held" : "not held");
    table.add(std::move(row));
  }
  return table;
}

std::string heading(JsonView status) {
  JsonView host = status["host"];
  std::string registry = fmt::format("generation {}{}", status["generation"].integer().value_or(0),
                                     status["synced"].flag() ? "" : ", not synced yet");
  return key_values(
      {{"Cluster", status["cluster"].text()},
       {"Host", fmt::format("{} ({}) in {}, {}", host["name"].text(), host["id"].text(),
                            host["region"].text(), host["address"].text())},
       {"Agent",
        fmt::format("{}, WireGuard by {}", status["version"].text(), status["backend"].text())},
       {"Registry", registry}});
}

void append_section(std::string& text, std::string section) {
  if (!section.empty()) text += "\n" + std::move(section);
}

// All of them, while they are few enough to be looked at.
std::string status_machines(JsonView machines, std::int64_t now_ms) {
  std::size_t count = machines.items().size();
  if (count == 0) return "";
  if (count <= kMostMachinesInStatus) return machines_text(machines, now_ms);
  return fmt::format("{} machines: `sixpn machine list --app APP` shows those of an app.\n", count);
}

struct OrgSummary {
  std::vector<std::string> networks;
  std::size_t apps = 0;
  std::size_t machines = 0;
};

std::map<std::string, OrgSummary> summarize_orgs(JsonView status) {
  std::map<std::string, OrgSummary> orgs;
  for (const JsonView& network : status["networks"].items())
    orgs[network["org"].text()].networks.push_back(network["name"].text());
  for (const JsonView& app : status["apps"].items()) ++orgs[app["org"].text()].apps;
  for (const JsonView& machine : status["machines"].items()) ++orgs[machine["org"].text()].machines;
  return orgs;
}

}  // namespace

std::string status_text(JsonView status, std::int64_t now_ms) {
  std::string text = heading(status);
  append_section(text, status_hosts(status).text());
  Table networks = network_table(status);
  if (!networks.empty()) append_section(text, networks.text());
  if (!status["apps"].items().empty()) append_section(text, apps_text(status["apps"]));
  append_section(text, status_machines(status["machines"], now_ms));
  std::string warnings;
  for (const std::string& warning : status["warnings"].texts())
    warnings += "Warning: " + printable(warning) + "\n";
  append_section(text, warnings);
  return text;
}

std::string hosts_text(JsonView status, std::int64_t now_ms) {
  Table table({"HOST", "ID", "REGION", "STATUS", "VALID UNTIL", "HEARD", "CLOCK", "ROUND TRIP",
               "HANDSHAKE", "ADDRESS", "ENDPOINT", "VERSION"});
  for (const JsonView& host : status["hosts"].items())
    table.add({host["name"].text(), host["id"].text(), host["region"].text(), host["status"].text(),
               validity(host, now_ms), heard(host), clock(host), round_trip(host), handshake(host),
               host["address"].text(), host["endpoint"].text(), host["version"].text()});
  for (const JsonView& host : status["shut_out"].items())
    table.add({host["name"].text(), host["id"].text(), host["region"].text(), host["status"].text(),
               validity(host, now_ms)});
  return table.text();
}

std::string orgs_text(JsonView status) {
  auto orgs = summarize_orgs(status);
  if (orgs.empty()) return "No organisations yet: `sixpn apps create NAME --org ORG` makes one.\n";
  Table table({"ORG", "NETWORKS", "APPS", "MACHINES"});
  for (const auto& [name, org] : orgs)
    table.add({name, join(org.networks, ", "), fmt::format("{}", org.apps),
               fmt::format("{}", org.machines)});
  return table.text();
}

boost::json::array orgs_json(JsonView status) {
  boost::json::array list;
  for (const auto& [name, org] : summarize_orgs(status))
    list.push_back(boost::json::object{
        {"name", name},
        {"networks", boost::json::array(org.networks.begin(), org.networks.end())},
        {"apps", org.apps},
        {"machines", org.machines}});
  return list;
}

}  // namespace sixpn::cli
