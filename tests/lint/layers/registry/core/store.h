// Never compiled: a sample for tools/check_layers.
#include "registry/core/record.pb.h"  // breaks: protobuf-place
#include "record.h"  // breaks: from-root
