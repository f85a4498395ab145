// Never compiled: a sample for tools/check_layers.
#include <nghttp2/nghttp2.h>  // breaks: nghttp2-place
