// Never compiled: a sample for tools/check_layers.
#include <sodium.h>
#include "registry/core/keys.h"
