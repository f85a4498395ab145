#include "tools/cli/held_note.h"

#include <fmt/format.h>

#include "tools/cli/api_client.h"
#include "tools/cli/json_view.h"
#include "tools/cli/table.h"

namespace sixpn::cli {

bool note_unheld(CommandContext& context) {
  constexpr int kMostNames = 5;
  auto held = ApiClient(context.socket_path).get(ApiTarget("/v1/registry/held"));
  if (!held) return false;
  JsonView view(*held);
  auto missing = view["networks_not_held"].integer().value_or(0);
  if (missing == 0) return true;
  std::string names;
  int count = 0;
  for (const JsonView& network : view["networks"].items()) {
    if (network["holds"].text() == "all") continue;
    if (++count > kMostNames) break;
    names += (names.empty() ? "" : ", ") + network["org"].text() + "/" + network["name"].text();
  }
  context.err
      << printable(fmt::format(
             "This is not all: this host does not hold the machines of {} network{} ({}{}).",
             missing, missing == 1 ? "" : "s", names, missing > kMostNames ? ", ..." : ""))
      << "\n";
  return true;
}

}  // namespace sixpn::cli
