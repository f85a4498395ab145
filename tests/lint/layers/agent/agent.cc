// Never compiled: a sample for tools/check_layers.
#include "mesh/io/mesh_service.h"
#include "config/agent_config.h"
#include <boost/asio/signal_set.hpp>
#include "tools/cli/command.h"  // breaks: upward
#include <toml++/toml.h>  // breaks: toml-place
