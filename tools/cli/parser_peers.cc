// The commands `sixpn peer ...`.
#include "tools/cli/parser_commands.h"
#include "tools/cli/peer_commands.h"

namespace sixpn::cli {

namespace {

void add_name(CLI::App& app, PeerOptions& peer) {
  app.add_option("name", peer.name, "the peer's name, a DNS label")->required();
  app.add_option("--org,-o", peer.org, "the network's organisation, where there are several");
  app.add_option("--network", peer.network, "the network (default)");
}

}  // namespace

void add_peer_commands(CLI::App& root, Invocation& invocation) {
  CLI::App& peers =
      add_group(root, "peer", "laptops and the like, which join a network through this host");
  auto create = add_command<CreatePeerOptions>(
      peers, invocation, "create", "let a device in, and print its configuration for wg-quick",
      create_peer);
  add_name(*create.app, create.options->peer);
  create.app->add_option("--public-key", create.options->public_key,
                         "the device's own, base64 (a pair of keys is made here)");
  create.app->add_option("--endpoint", create.options->endpoint,
                         "HOST:PORT that the device calls (an address of this host)");
  create.app->add_option("--output", create.options->output,
                         "write the configuration to this new file");
  add_plain_command(peers, invocation, "list", "all peers, and when this host's were last seen",
                    list_peers);
  auto remove = add_command<PeerOptions>(peers, invocation, "remove", "cut a device off; for good",
                                         remove_peer);
  add_name(*remove.app, *remove.options);
}

}  // namespace sixpn::cli
