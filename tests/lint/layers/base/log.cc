// Never compiled: a sample for tools/check_layers.
#include <spdlog/spdlog.h>
