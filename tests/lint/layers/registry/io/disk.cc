// Never compiled: a sample for tools/check_layers.
#include <sqlite3.h>
#include "registry/core/store.h"
#include "dns/core/answer.h"  // breaks: sibling
