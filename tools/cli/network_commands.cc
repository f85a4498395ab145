#include "tools/cli/network_commands.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "tools/cli/api_client.h"
#include "tools/cli/dig_view.h"
#include "tools/cli/json_view.h"
#include "tools/cli/ping_session.h"
#include "tools/cli/ping_targets.h"
#include "tools/cli/units.h"

namespace sixpn::cli {

namespace json = boost::json;

namespace {

Result<json::value> ask_dns(CommandContext& context, const DigOptions& options) {
  return ApiClient(context.socket_path)
      .get(ApiTarget("/v1/dig")
               .query("name", options.name)
               .query("type", options.type)
               .query("org", options.org)
               .query("network", options.network)
               .query("as", options.as)
               .query("own", options.own_only ? "1" : ""));
}

// The addresses behind a name. Errors: DNS knows none.
Result<std::vector<Ip6>> resolve(CommandContext& context, const PingCommandOptions& options) {
  auto answer = ask_dns(
      context,
      {.name = options.target, .org = options.org, .network = options.network, .own_only = true});
  if (!answer) return answer.error();
  JsonView view(*answer);
  bool foreign = view["forwarded"].flag();
  std::vector<Ip6> addresses = foreign ? std::vector<Ip6>() : dig_addresses(view);
  if (!addresses.empty()) return addresses;
  std::string rcode = foreign ? "not a name of the mesh" : view["rcode"].text();
  return Error(fmt::format("{} has no address ({})", options.target, rcode));
}

std::string event_line(const PingTarget& target, const PingEvent& event) {
  std::string label = target.label.empty() ? "" : fmt::format(" ({})", target.label);
  if (!event.round_trip)
    return fmt::format("{}{}: seq={} {}\n", to_string(target.address), label, event.sequence,
                       event.trouble);
  return fmt::format("{} bytes from {}{}: seq={} time={}\n", kEchoBytes, to_string(target.address),
                     label, event.sequence, format_milliseconds(event.round_trip->count()));
}

json::value counts_json(const std::string& target, const std::vector<EchoCount>& counts) {
  json::array addresses;
  for (const EchoCount& count : counts) {
    json::object entry{{"address", to_string(count.address)},
                       {"label", count.label},
                       {"sent", count.sent},
                       {"received", count.round_trips.size()}};
    if (auto range = round_trip_range(count)) {
      entry["min_us"] = range->min.count();
      entry["average_us"] = range->average.count();
      entry["max_us"] = range->max.count();
    }
    addresses.push_back(std::move(entry));
  }
  return json::object{{"target", target}, {"addresses", std::move(addresses)}};
}

std::string counts_text(const std::string& target, const std::vector<EchoCount>& counts) {
  std::string text = fmt::format("\n--- {} ---\n", target);
  for (const EchoCount& count : counts)
    text += fmt::format("{}: {}\n", to_string(count.address), summary(count));
  return text;
}

}  // namespace

CommandResult dig(CommandContext& context, const DigOptions& options) {
  DigOptions asked = options;
  if (options.reverse) {
    auto ip = parse_ip(options.name);
    if (!ip) return Error(fmt::format("'{}' is not an address", options.name), kUsageError);
    asked.name = reverse_name(*ip);
    asked.type = "PTR";
  }
  auto answer = ask_dns(context, asked);
  if (!answer) return answer.error();
  JsonView view(*answer);
  if (context.json) {
    context.out << pretty(*answer);
  } else if (options.brief) {
    auto lines = dig_short(view);
    if (!lines) return lines.error();
    context.out << *lines;
  } else {
    context.out << dig_text(view);
    if (options.explain) context.out << explanation_text(view);
  }
  return ExitCode::kOk;
}

CommandResult ping_target(CommandContext& context, const PingCommandOptions& options) {
  auto status = ApiClient(context.socket_path).get(ApiTarget("/v1/status"));
  if (!status) return status.error();
  std::vector<Ip6> addresses;
  if (auto direct = find_direct_address(JsonView(*status), options.target)) {
    addresses = {*direct};
  } else {
    auto resolved = resolve(context, options);
    if (!resolved) return resolved.error();
    addresses = std::move(*resolved);
  }
  auto targets = make_ping_targets(JsonView(*status), addresses);
  if (!targets) return targets.error();
  auto print_event = [&](const PingEvent& event) {
    if (!context.json) context.out << event_line((*targets)[event.target], event) << std::flush;
  };
  auto counts = ping(*targets, {options.count, options.interval, options.timeout}, print_event);
  if (!counts) return counts.error();
  context.out << (context.json ? pretty(counts_json(options.target, *counts))
                               : counts_text(options.target, *counts));
  for (const EchoCount& count : *counts)
    if (count.round_trips.empty()) return ExitCode::kFailure;
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
