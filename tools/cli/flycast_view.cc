#include "tools/cli/flycast_view.h"

#include <fmt/format.h>

#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sixpn::cli {

namespace {

std::int64_t number(JsonView json, std::string_view key) {
  return json[key].integer().value_or(0);
}

std::string limits(JsonView service) {
  auto hard = number(service, "hard_limit");
  return fmt::format("soft {}, hard {}", number(service, "soft_limit"),
                     hard == 0 ? "none" : std::to_string(hard));
}

std::string heading(JsonView service) {
  return fmt::format("{} port {} -> {} ({})\n", printable(service["app"].text()),
                     number(service, "port"), number(service, "internal_port"), limits(service));
}

std::string micros(JsonView machine, std::string_view key) {
  auto value = machine[key].integer();
  return value ? format_milliseconds(*value) : "";
}

// "this host", or what its owner said, how long ago.
std::string heard(JsonView machine) {
  if (machine["here"].flag()) return "this host";
  auto ago = machine["heard_ms_ago"].integer();
  return ago ? format_milliseconds(*ago * 1000) + " ago" : "never";
}

std::string standing(JsonView machine) {
  std::string text = printable(machine["standing"].text());
  if (auto left = number(machine, "out_for_ms"); left > 0)
    text += fmt::format(", {} more", format_milliseconds(left * 1000));
  if (number(machine, "start_percent") < 100 && machine["candidate"].flag())
    text += fmt::format(", starting ({} %)", number(machine, "start_percent"));
  return text;
}

std::string share(JsonView machine) {
  if (!machine["candidate"].flag()) return "";
  return fmt::format("{:.1f} %", static_cast<double>(number(machine, "chosen_per_mille")) / 10);
}

std::string of_candidate(JsonView machine, std::string_view key) {
  return machine["candidate"].flag() ? std::to_string(number(machine, key)) : "";
}

// Of one service: what connections of this host's clients meet.
std::string machines_text(JsonView service) {
  Table table({"MACHINE", "HOST", "REGION", "ROUND TRIP", "LOAD", "QUEUE", "HEARD", "LATENCY",
               "COST", "CHOSEN", "STANDING"});
  for (const JsonView& machine : service["machines"].items()) {
    bool candidate = machine["candidate"].flag();
    table.add({machine["machine"].text(), printable(machine["host"].text()),
               machine["region"].text(),
               machine["here"].flag() ? "here" : micros(machine, "round_trip_us"),
               of_candidate(machine, "load"), of_candidate(machine, "queue"),
               candidate ? heard(machine) : "", micros(machine, "latency_us"),
               micros(machine, "cost_us"), share(machine), standing(machine)});
  }
  return table.text();
}

std::string counts_text(JsonView stats) {
  return fmt::format(
      "{} connections taken, {} joined to a machine, {} got none, {} open\n"
      "{} attempts, {} failed; waited in line here: {}, in vain {}\n",
      number(stats, "accepted"), number(stats, "relayed"), number(stats, "gave_up"),
      number(stats, "open"), number(stats, "attempts"), number(stats, "failed_attempts"),
      number(stats, "waits"), number(stats, "waits_refused"));
}

std::string hosted_text(JsonView status) {
  Table table({"MACHINE", "APP", "PORT", "OPEN", "QUEUE"});
  for (const JsonView& one : status["hosted"].items())
    table.add({one["machine"].text(), printable(one["app"].text()),
               std::to_string(number(one, "internal_port")), std::to_string(number(one, "open")),
               std::to_string(number(one, "queue"))});
  return table.empty() ? "" : "\nOpen on machines of this host\n" + table.text();
}

std::string errors_text(JsonView status) {
  Table table({"AGO", "APP", "CLIENT", "DIALLED", "ATTEMPTS", "WHY"});
  for (const JsonView& error : status["errors"].items())
    table.add({format_age(number(error, "ago_ms") / 1000), printable(error["app"].text()),
               error["client"].text(), error["dialled"].text(),
               std::to_string(number(error, "attempts")), printable(error["why"].text())});
  return table.empty() ? "" : "\nRecent errors\n" + table.text();
}

std::string ids_text(JsonView machines) {
  std::string text;
  for (const JsonView& machine : machines.items())
    text += (text.empty() ? "" : ", ") + printable(machine.text());
  return text;
}

std::string kernel_text(JsonView status) {
  Table table({"APP", "ADDRESS", "PORTS", "TO PORT", "MACHINES"});
  for (const JsonView& one : status["kernel"].items()) {
    auto first = number(one, "first_port");
    auto last = number(one, "last_port");
    table.add({printable(one["app"].text()), one["address"].text(),
               first == last ? std::to_string(first) : fmt::format("{}-{}", first, last),
               std::to_string(number(one, "internal_port")), ids_text(one["machines"])});
  }
  std::string text = table.empty() ? "" : "\nHanded to machines by the kernel\n" + table.text();
  if (auto left_out = number(status, "kernel_left_out"); left_out > 0)
    text += fmt::format("{} more services are too many for the kernel: the proxy takes them\n",
                        left_out);
  return text;
}

// Of a service with `flycast_path = "kernel"`.
std::string path_text(JsonView explanation) {
  JsonView path = explanation["kernel_path"];
  if (auto machines = ids_text(path["machines"]); !machines.empty())
    return "kernel path: new connections go to " + machines +
           ", each as often, without the proxy\n";
  auto why = path["proxied_because"].text();
  return why.empty() ? "" : "kernel path: left to the proxy: " + printable(why) + "\n";
}

}  // namespace

std::string flycast_status_text(JsonView status) {
  std::string text = fmt::format("Proxy of host {}\n", printable(status["host"].text())) +
                     counts_text(status["stats"]);
  for (const JsonView& service : status["services"].items())
    text += "\n" + heading(service) + machines_text(service);
  if (auto left_out = number(status, "services_left_out"); left_out > 0)
    text += fmt::format("\n{} more services\n", left_out);
  return text + kernel_text(status) + hosted_text(status) + errors_text(status);
}

std::string flycast_explain_text(JsonView explanation) {
  std::string text = heading(explanation);
  text += printable(explanation["rule"].text()) + "\n";
  if (explanation["checks_ignored"].flag())
    text += "the checks of all machines fail, so they do not count\n";
  text += path_text(explanation);
  if (auto why = explanation["no_tls_because"].text(); !why.empty())
    text += "ports with TLS are closed: " + printable(why) + "\n";
  return text + "\n" + machines_text(explanation);
}

}  // namespace sixpn::cli
