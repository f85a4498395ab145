// Never compiled: a sample for tools/check_layers.
#include <toml++/toml.h>
#include "registry/core/record.h"
#include "flycast/core/options.h"  // breaks: config-own
#include <CLI/CLI.hpp>  // breaks: cli-place
