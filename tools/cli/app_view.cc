#include "tools/cli/app_view.h"

#include <fmt/format.h>

#include "tools/cli/table.h"

namespace sixpn::cli {

namespace {

std::string port_text(JsonView service, JsonView port) {
  auto first = port["first"].integer().value_or(0);
  auto last = port["last"].integer().value_or(first);
  std::string external =
      first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
  return fmt::format("{}{} => {}", service["protocol"].text() == "udp" ? "udp " : "", external,
                     service["internal_port"].integer().value_or(0));
}

std::string machine_count(JsonView app) {
  auto count = app["machines"].integer();  // none: this host does not hold them
  return count ? fmt::format("{}", *count) : "not held";
}

}  // namespace

std::string services_text(JsonView services) {
  std::vector<std::string> ports;
  for (const JsonView& service : services.items())
    for (const JsonView& port : service["ports"].items()) ports.push_back(port_text(service, port));
  return join(ports, ", ");
}

std::string apps_text(JsonView apps) {
  if (apps.items().empty()) return "No apps yet: `sixpn apps create NAME --org ORG` makes one.\n";
  Table table({"APP", "ORG", "NETWORK", "SERVICES", "FLYCAST", "MACHINES"});
  for (const JsonView& app : apps.items())
    table.add({app["name"].text(), app["org"].text(), app["network"].text(),
               services_text(app["services"]), join(app["flycast"].texts(), ", "),
               machine_count(app)});
  return table.text();
}

std::string app_text(JsonView app) {
  auto or_none = [](std::string text) { return text.empty() ? "none" : text; };
  std::string text =
      key_values({{"App", app["name"].text()},
                  {"Organisation", app["org"].text()},
                  {"Network", fmt::format("{} ({})", app["network"].text(), app["prefix"].text())},
                  {"Services", or_none(services_text(app["services"]))},
                  {"Flycast", or_none(join(app["flycast"].texts(), ", "))},
                  {"Machines", machine_count(app)}});
  if (auto why = app["no_tls_because"].text(); !why.empty())
    text += "Ports with TLS are closed: " + printable(why) + "\n";
  return text;
}

std::string ips_text(JsonView addresses) {
  if (addresses.items().empty())
    return "No addresses: `sixpn ips allocate-v6 --private -a APP` makes one.\n";
  Table table({"VERSION", "IP", "TYPE", "NETWORK"});
  for (const JsonView& entry : addresses.items())
    table.add({"v6", entry["address"].text(), "private", entry["network"].text()});
  return table.text();
}

}  // namespace sixpn::cli
