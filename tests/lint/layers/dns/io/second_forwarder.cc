// Never compiled: a sample for tools/check_layers.
#include <ares.h>  // breaks: cares-place
