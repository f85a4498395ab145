// Commands about peers: laptops and the like, which join one network by plain WireGuard through
// this host.
#pragma once

#include <string>

#include "tools/cli/command.h"

namespace sixpn::cli {

// `org` and `network` may be empty where only one is meant.
struct PeerOptions {
  std::string name;
  std::string org;
  std::string network;
};

struct CreatePeerOptions {
  PeerOptions peer;
  std::string public_key;  // base64; "": a pair of keys is made here, and the agent sees no secret
  std::string endpoint;    // HOST:PORT that the device calls; "": an address of this host
  std::string output;      // a file to make; "": standard output
};
// The configuration that wg-quick takes.
CommandResult create_peer(CommandContext& context, const CreatePeerOptions& options);
CommandResult list_peers(CommandContext& context);
CommandResult remove_peer(CommandContext& context, const PeerOptions& options);

}  // namespace sixpn::cli
