// The admin API's stream of changes: `GET /v1/registry/watch`.
#include "agent/admin_api.h"
#include "agent/core/writes.h"

namespace sixpn::agent {
namespace {

// The network that is meant, by id or by name. Errors: none, or several of that name.
Result<std::optional<NetworkId>> network_meant(const Snapshot& snapshot, const Target& target) {
  const std::string& wanted = target.get("network");
  if (wanted.empty()) return std::optional<NetworkId>();
  std::vector<NetworkId> found;
  for (const auto& [id, view] : snapshot.networks) {
    if (!target.get("org").empty() && view->network.org != target.get("org")) continue;
    if (view->network.name == wanted || to_string(id) == wanted) found.push_back(id);
  }
  if (found.empty())
    return Error("there is no such network; `sixpn status` shows those that exist", kNotFound);
  if (found.size() > 1)
    return Error("several organisations have a network " + wanted + ": say which with org",
                 kInvalid);
  return std::optional<NetworkId>(found.front());
}

}  // namespace

void AdminApi::watch_registry(const Call& call, Reply reply) {
  auto network = network_meant(*rooms_.registry->snapshot(), call.target);
  if (!network) return reply.fail(network.error());
  if (*network)
    if (auto refused =
            refuse_unheld(*rooms_.registry->snapshot(), **network, "watching this network"))
      return reply.fail(*refused);
  auto stream = watchers_.watch({*network, call.target.get("from")});
  if (!stream) return reply.fail(stream.error());
  reply.stream(std::move(*stream));
}

}  // namespace sixpn::agent
