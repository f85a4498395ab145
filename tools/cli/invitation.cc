#include "tools/cli/invitation.h"

#include <fmt/format.h>

#include "base/encoding.h"

namespace sixpn::cli {

namespace {

Error unreadable(std::string_view what) {
  return Error(fmt::format("the agent's {} cannot be read: is it of another version?", what));
}

std::optional<std::array<std::uint8_t, 32>> key_at(JsonView object, std::string_view key) {
  auto bytes = parse_base64(object[key].text());
  return bytes ? to_array<32>(*bytes) : std::nullopt;
}

std::vector<IpEndpoint> endpoints(JsonView list) {
  std::vector<IpEndpoint> out;
  for (const std::string& text : list.texts())
    if (auto endpoint = parse_endpoint(text)) out.push_back(*endpoint);
  return out;
}

Result<std::vector<Seed>> seeds(JsonView material) {
  std::vector<Seed> out;
  for (const JsonView& seed : material["seeds"].items()) {
    auto host = parse_host_id(seed["host"].text());
    auto key = key_at(seed, "wireguard_key");
    if (!host || !key) return unreadable("list of hosts to join by");
    out.push_back({*host, *key, endpoints(seed["wireguard"]), endpoints(seed["knock"])});
  }
  if (out.empty()) return Error("the agent knows no host that the new one could join by");
  return out;
}

Result<std::vector<HostId>> taken_ids(JsonView material, const std::string& name) {
  std::vector<HostId> taken;
  for (const JsonView& host : material["hosts"].items()) {
    auto id = parse_host_id(host["id"].text());
    if (!id) return unreadable("list of hosts");
    if (host["name"].text() == name)
      return Error(fmt::format("the name {} is taken by host {}", name, to_string(*id)));
    taken.push_back(*id);
  }
  return taken;
}

}  // namespace

Result<mesh::InviteRequest> make_invite_request(JsonView material, const InvitationOptions& options,
                                                const PublicKey& root_key) {
  auto cluster_root = key_at(material, "root_key");
  auto cluster_key = parse_base64(material["cluster_key"].text());
  auto cluster_secret = cluster_key ? Secret::from_bytes(*cluster_key) : std::nullopt;
  if (!cluster_root || !cluster_secret) return unreadable("invite material");
  if (*cluster_root != root_key)
    return Error("this root key is not the root key of the agent's cluster");
  auto taken = taken_ids(material, options.name);
  if (!taken) return taken.error();
  auto known_seeds = seeds(material);
  if (!known_seeds) return known_seeds.error();
  mesh::InviteRequest request{.name = options.name,
                              .region = options.region,
                              .expires = options.expires,
                              .host_id = mesh::choose_host_id(*taken),
                              .seeds = std::move(*known_seeds),
                              .cluster_key = *cluster_secret};
  if (!options.orgs.empty()) request.orgs = options.orgs;
  return request;
}

}  // namespace sixpn::cli
