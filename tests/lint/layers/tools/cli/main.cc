// Never compiled: a sample for tools/check_layers.
#include <CLI/CLI.hpp>
#include "mesh/io/identity_store.h"
