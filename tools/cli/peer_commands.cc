#include "tools/cli/peer_commands.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>

#include "base/encoding.h"
#include "mesh/io/private_file.h"
#include "registry/core/keys.h"
#include "tools/cli/api_client.h"
#include "tools/cli/json_view.h"
#include "tools/cli/peer_view.h"

namespace sixpn::cli {

namespace json = boost::json;

namespace {

ApiTarget target_of(const PeerOptions& peer) {
  return ApiTarget("/v1/peers")
      .segment(peer.name)
      .query("org", peer.org)
      .query("network", peer.network);
}

Result<void> check(const CreatePeerOptions& options) {
  if (!options.endpoint.empty() && !is_host_and_port(options.endpoint))
    return Error(fmt::format("--endpoint: expected HOST:PORT (an IPv6 address in brackets), found "
                             "\"{}\"",
                             options.endpoint),
                 kUsageError);
  if (!options.output.empty() && mesh::path_exists(options.output))
    return Error(options.output + " is there already, and is not overwritten");
  return {};
}

// A peer whose secret is nowhere is of no use.
Error undo(ApiClient& agent, const CreatePeerOptions& options, JsonView peer, Error because) {
  PeerOptions made{options.peer.name, peer["org"].text(), peer["network"].text()};
  auto removed = agent.remove(target_of(made));
  if (removed) return std::move(because).within("the peer was not kept");
  return std::move(because).within(fmt::format(
      "the peer is there (sixpn peer remove {} --org {} --network {}), its configuration is not",
      made.name, made.org, made.network));
}

}  // namespace

CommandResult create_peer(CommandContext& context, const CreatePeerOptions& options) {
  if (auto ok = check(options); !ok) return ok.error();
  std::optional<Secret> secret;
  if (options.public_key.empty()) secret = generate_wireguard_key();
  std::string public_key = options.public_key;
  if (secret) public_key = to_base64(as_bytes(wireguard_public_key(*secret)));
  ApiClient agent(context.socket_path);
  auto answer = agent.post(ApiTarget("/v1/peers"), json::object{{"name", options.peer.name},
                                                                {"org", options.peer.org},
                                                                {"network", options.peer.network},
                                                                {"public_key", public_key}});
  if (!answer) return answer.error();
  JsonView peer(*answer);
  std::string config =
      peer_config(peer, {secret ? to_base64(as_bytes(secret->bytes())) : "", options.endpoint});
  if (!options.output.empty())
    if (auto written = mesh::create_private_file(options.output, config); !written)
      return undo(agent, options, peer, written.error());
  if (options.endpoint.empty() && peer["gateway_endpoints"].texts().empty())
    context.err << "This host has no address that a peer could call: give one with --endpoint, or "
                   "write it into the configuration.\n";
  if (context.json) {
    json::object out = answer->as_object();
    if (options.output.empty()) out["config"] = config;
    context.out << pretty(out);
  } else if (options.output.empty()) {
    context.out << config;
  } else {
    context.out << created_text(peer, options.output);
  }
  return ExitCode::kOk;
}

CommandResult list_peers(CommandContext& context) {
  auto answer = ApiClient(context.socket_path).get(ApiTarget("/v1/peers"));
  if (!answer) return answer.error();
  context.out << (context.json ? pretty(*answer) : peers_text(JsonView(*answer)));
  return ExitCode::kOk;
}

CommandResult remove_peer(CommandContext& context, const PeerOptions& options) {
  auto answer = ApiClient(context.socket_path).remove(target_of(options));
  if (!answer) return answer.error();
  context.out << (context.json ? pretty(*answer)
                               : fmt::format("Peer {} is removed.\n", options.name));
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
