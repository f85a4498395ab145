// Never compiled: a sample for tools/check_layers.
#include <boost/asio/ip/tcp.hpp>  // breaks: asio-header
#include "registry/io/registry_service.h"  // breaks: sibling
#include "registry/core/snapshot.h"
