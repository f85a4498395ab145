#include "mesh/core/state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sixpn::mesh {

std::string veth_name(const Ip6& machine_address) {
  return fmt::format("sx{:08x}", machine_address.dword(5));
}

bool is_veth_name(std::string_view name) {
  return name.size() == 10 && name.starts_with("sx") &&
         name.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
}

std::string to_string(const InterfaceAddress& address) {
  return fmt::format("{}/{} on {}", sixpn::to_string(address.ip), address.length,
                     address.interface);
}

std::string to_string(const Route& route) {
  std::string_view kind = route.kind == RouteKind::kLocal         ? "local "
                          : route.kind == RouteKind::kUnreachable ? "unreachable "
                                                                  : "";
  std::string table = route.table == kMainTable ? "" : fmt::format(" table {}", route.table);
  return fmt::format("{}{} dev {}{} metric {}", kind, sixpn::to_string(route.destination),
                     route.interface, table, route.metric);
}

std::string to_string(const Rule& rule) {
  return fmt::format("fwmark {:#x} lookup {} priority {}", rule.mark, rule.table, rule.priority);
}

std::string to_string(const SetElement& element) {
  return fmt::format("{} {{ {} }}", element.set, fmt::join(element.key, " . "));
}

}  // namespace sixpn::mesh
