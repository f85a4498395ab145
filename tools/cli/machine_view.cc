#include "tools/cli/machine_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sixpn::cli {

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

// Of a machine, or a check.
std::string age(JsonView of, std::int64_t now_ms) {
  auto updated = of["updated_ms"].integer();
  if (!updated || *updated == 0) return "";
  return format_age((now_ms - *updated) / 1000) + " ago";
}

std::string metadata(JsonView machine) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : machine["metadata"].members())
    pairs.push_back(key + "=" + value.text());
  return join(pairs, ", ");
}

// What every host knows of a machine's checks: the worst of each service's, and of the app's own.
std::vector<std::pair<std::string, std::string>> known_afar(JsonView machine) {
  std::vector<std::pair<std::string, std::string>> out;
  auto add = [&](std::string name, std::string status) {
    if (!status.empty() && status != "unknown")
      out.emplace_back(std::move(name), std::move(status));
  };
  for (const JsonView& service : machine["services"].items())
    add(fmt::format("(service {})", service["port"].integer().value_or(0)),
        service["health"].text());
  add("(app)", machine["app_health"].text());
  return out;
}

// "2/3": how many pass; of a machine of another host the worst of its services.
std::string checks_of(JsonView machine) {
  auto checks = machine["checks"].items();
  if (checks.empty()) {
    std::string health = machine["health"].text();
    return machine["local"].flag() || health == "unknown" ? "" : health;
  }
  auto passing = std::count_if(checks.begin(), checks.end(), [](const JsonView& check) {
    return check["status"].text() == "passing";
  });
  return fmt::format("{}/{}", passing, checks.size());
}

void add_text(Lines& lines, std::string key, std::string value) {
  if (!value.empty()) lines.emplace_back(std::move(key), std::move(value));
}

}  // namespace

std::string machine_state(JsonView machine) {
  std::string state = machine["state"].text();
  if (machine["cordoned"].flag()) state += ", cordoned";
  std::string host = machine["host_status"].text();
  if (host == "down" || host == "left") return fmt::format("{} (host {})", state, host);
  auto exit_code = machine["exit_code"].integer();
  if (exit_code && machine["state"].text() == "stopped")
    return fmt::format("{} (exit {})", state, *exit_code);
  return state;
}

std::string checks_text(JsonView machines, std::int64_t now_ms) {
  Table table({"NAME", "STATUS", "MACHINE", "LAST UPDATED", "OUTPUT"});
  bool any = false;
  for (const JsonView& machine : machines.items()) {
    for (const JsonView& check : machine["checks"].items()) {
      table.add({check["name"].text(), check["status"].text(), machine["id"].text(),
                 age(check, now_ms), check["output"].text()});
      any = true;
    }
    if (machine["local"].flag()) continue;
    for (const auto& [name, status] : known_afar(machine)) {
      table.add({name, status, machine["id"].text(), "",
                 fmt::format("run `sixpn checks list` on host {}", machine["host_name"].text())});
      any = true;
    }
  }
  if (!any)
    return "No checks: fly.toml adds them to a service, such as [[services.tcp_checks]], or to the "
           "app, as [checks.NAME].\n";
  return table.text();
}

std::string machines_text(JsonView machines, std::int64_t now_ms) {
  if (machines.items().empty())
    return "No machines: `sixpn machine run --app APP -- COMMAND` starts one.\n";
  Table table({"MACHINE", "APP", "ORG", "GROUP", "REGION", "HOST", "STATE", "CHECKS", "ADDRESS",
               "UPDATED"});
  for (const JsonView& machine : machines.items())
    table.add({machine["id"].text(), machine["app"].text(), machine["org"].text(),
               machine["group"].text(), machine["region"].text(), machine["host_name"].text(),
               machine_state(machine), checks_of(machine), machine["address"].text(),
               age(machine, now_ms)});
  return table.text();
}

std::string machine_text(JsonView machine, std::int64_t now_ms) {
  Lines lines{{"Machine", machine["id"].text()},
              {"State", machine_state(machine)},
              {"App", fmt::format("{} (org {}, network {})", machine["app"].text(),
                                  machine["org"].text(), machine["network"].text())},
              {"Group", machine["group"].text()},
              {"Address", machine["address"].text()},
              {"Host", fmt::format("{} ({}) in {}", machine["host_name"].text(),
                                   machine["host"].text(), machine["region"].text())}};
  add_text(lines, "Reason", machine["reason"].text());
  if (auto health = machine["health"].text(); health != "unknown")
    add_text(lines, "Health", health);
  if (!machine["local"].flag())
    for (const auto& [name, status] : known_afar(machine))
      lines.emplace_back("Checks", fmt::format("{} {}", name, status));
  for (const JsonView& check : machine["checks"].items())
    lines.emplace_back("Check",
                       fmt::format("{} {} {}: {}", check["name"].text(), check["status"].text(),
                                   age(check, now_ms), check["output"].text()));
  if (machine["dns"]["skip_registration"].flag()) lines.emplace_back("Names", "none (--skip-dns)");
  add_text(lines, "Metadata", metadata(machine));
  if (auto pid = machine["pid"].integer()) lines.emplace_back("Process", fmt::format("{}", *pid));
  add_text(lines, "Log", machine["log"].text());
  add_text(lines, "Namespace", machine["netns"].text());
  if (auto updated = machine["updated_ms"].integer(); updated && *updated != 0)
    lines.emplace_back("Updated",
                       fmt::format("{} ({})", format_utc(*updated), age(machine, now_ms)));
  return key_values(lines);
}

}  // namespace sixpn::cli
