// Never compiled: a sample for tools/check_layers.
#include <libmnl/libmnl.h>
#include "wireguard.h"
#include "mesh/core/plan.h"
#include "agent/agent.h"  // breaks: upward
