// Peers for people, and for wg-quick(8). Pure.
#pragma once

#include <string>
#include <string_view>

#include "tools/cli/json_view.h"

namespace sixpn::cli {

struct PeerConfigParts {
  std::string private_key;  // base64; "": its owner has it, and a line says where it belongs
  std::string endpoint;     // HOST:PORT; "": the agent's first
};
// A file as Fly's `wireguard create` writes it, from the agent's answer.
std::string peer_config(JsonView peer, const PeerConfigParts& parts);
// Where it is, and what to do with it.
std::string created_text(JsonView peer, const std::string& file);
std::string peers_text(JsonView peers);

// "name:51823", "192.0.2.1:51823", "[2001:db8::1]:51823": a port of 1 to 65535, no blanks.
bool is_host_and_port(std::string_view text);

}  // namespace sixpn::cli
