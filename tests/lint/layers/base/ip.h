// Never compiled: a sample for tools/check_layers.
#include <string>
#include "base/result.h"
#include "registry/core/record.h"  // breaks: base-own
#include <boost/asio/ip/tcp.hpp>  // breaks: asio-place asio-header
