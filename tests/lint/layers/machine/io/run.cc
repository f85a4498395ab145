// Never compiled: a sample for tools/check_layers.
#include "wireguard.h"  // breaks: wireguard-place
#include "mesh/io/netlink.h"  // breaks: sibling
#include "config/agent_config.h"  // breaks: sibling
#include <spdlog/spdlog.h>  // breaks: spdlog-place
