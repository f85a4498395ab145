#include "dns/core/service_names.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "registry/core/service_ports.h"

namespace sixpn::dns {
namespace {

// The name is _tcp or _udp itself, without a service.
constexpr std::string_view kNoService = "";

struct ServiceName {
  std::string_view service;  // without its underscore
  ServiceProtocol protocol{};
  Labels scope;  // which machines
};

std::optional<ServiceProtocol> parse_protocol(std::string_view label) {
  if (label == "_tcp") return ServiceProtocol::kTcp;
  if (label == "_udp") return ServiceProtocol::kUdp;
  return std::nullopt;
}

std::optional<ServiceName> parse_service_name(Labels before) {
  if (before.size() > 1 && before[0].starts_with('_'))
    if (auto protocol = parse_protocol(before[1])) {
      auto service = before[0].substr(1);
      if (service.empty()) return std::nullopt;
      return ServiceName{service, *protocol, before.subspan(2)};
    }
  auto protocol = before.empty() ? std::nullopt : parse_protocol(before[0]);
  if (!protocol) return std::nullopt;
  return ServiceName{kNoService, *protocol, before.subspan(1)};
}

// A port as a label: no leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc{} || end != text.data() + text.size() || text[0] == '0')
    return std::nullopt;
  return port;
}

bool bears(const Service& service, const ServiceName& name) {
  if (service.protocol != name.protocol) return false;
  auto number = parse_port(name.service);
  return std::any_of(service.ports.begin(), service.ports.end(), [&](const ServicePort& port) {
    if (!is_spoken_plainly(port)) return false;
    if (name.service == kNoService) return true;
    if (number) return port.first <= *number && *number <= port.last;
    return name.service == "http" &&
           std::find(port.handlers.begin(), port.handlers.end(), "http") != port.handlers.end();
  });
}

// Nearest first, as their addresses are answered.
std::vector<const MachineRecord*> machines_of(const View& view, const AppNames& names,
                                              const AppName& scope) {
  std::string blocks(names.count(scope) * kAddressBlockBytes, '\0');
  auto count = names.write(scope, view.source, view.rng, names.count(scope), blocks.data());
  view.index.look_at(count);
  std::vector<const MachineRecord*> machines;
  machines.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto found = view.names.machines_by_address.find(address_in(&blocks[i * kAddressBlockBytes]));
    if (found != view.names.machines_by_address.end()) machines.push_back(found->second.get());
  }
  return machines;
}

// On the wire, with its owner's name as a pointer (RFC 1035 section 4.1.4, RFC 2782).
std::size_t srv_record_bytes(const Name& target) {
  constexpr std::size_t kOwnerTypeClassTtlLength = 2 + 2 + 2 + 4 + 2;
  constexpr std::size_t kPriorityWeightPort = 2 + 2 + 2;
  return kOwnerTypeClassTtlLength + kPriorityWeightPort + target.wire().size();
}

// One priority per tier, the nearest is 0. Within it all weigh the same.
enum class Tier { kRegion, kMachine };

NameContent records_of(const std::vector<const MachineRecord*>& machines,
                       const std::vector<const Service*>& services, Tier tiers) {
  NameContent content{kTypeSrv, {}};
  const MachineRecord* before = nullptr;
  std::uint16_t tier = 0;
  std::size_t bytes = 0;
  for (const MachineRecord* machine : machines) {
    std::vector<std::uint16_t> ports;
    for (const Service* service : services)
      if (is_served_by(*service, *machine) &&
          std::find(ports.begin(), ports.end(), service->internal_port) == ports.end())
        ports.push_back(service->internal_port);
    auto target = ports.empty() ? std::nullopt : machine_name(*machine);
    if (!target) continue;
    bytes += ports.size() * srv_record_bytes(*target);
    if (bytes > kMaxServiceBytes) break;
    bool same = before == nullptr || (tiers == Tier::kRegion && before->region == machine->region);
    if (!same) ++tier;
    before = machine;
    for (auto port : ports) content.rdata.emplace_back(Srv{tier, 1, port, *target});
    content.additional.push_back({*target, kTypeAaaa, machine->address});
  }
  return content;
}

}  // namespace

bool has_service(const AppView& app, Labels before) {
  auto name = parse_service_name(before);
  return name && std::any_of(app.app.services.begin(), app.app.services.end(),
                             [&](const Service& service) { return bears(service, *name); });
}

std::optional<NameContent> find_service(const View& view, const AppView& app, const AppNames& names,
                                        Labels before) {
  auto name = parse_service_name(before);
  if (!name) return std::nullopt;
  std::vector<const Service*> services;
  for (const auto& service : app.app.services)
    if (bears(service, *name)) services.push_back(&service);
  if (services.empty()) return std::nullopt;
  constexpr std::string_view kRule =
      "the machines that serve the service, a priority for each region, nearest first";
  if (name->scope.size() == 2 && name->scope[1] == "vm") {
    const MachineRecord* machine = find_vm(view, app, name->scope[0]);
    if (machine == nullptr) return std::nullopt;
    if (name->service == kNoService) return existing_name();
    return by_rule("the service of one machine", records_of({machine}, services, Tier::kRegion));
  }
  auto scope = names.find(relative_wire(name->scope));
  bool nearest = scope && scope->kind == AppNameKind::kNearest;
  if (!scope || (!nearest && scope->kind != AppNameKind::kMachines)) return std::nullopt;
  if (name->service == kNoService) return existing_name();
  if (!view.wants(kTypeSrv)) return by_rule(kRule, {kTypeSrv, {}});
  auto machines = machines_of(view, names, *scope);
  if (!nearest) return by_rule(kRule, records_of(machines, services, Tier::kRegion));
  // Strictly by round trip, the asker first: told to nobody else.
  auto content = records_of(machines, services, Tier::kMachine);
  content.lasting = false;
  return by_rule("those of the nearest machines that serve the service, one after the other",
                 std::move(content));
}

}  // namespace sixpn::dns
