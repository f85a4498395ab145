// Never compiled: a sample for tools/check_layers.
#include <ares.h>
#include <ldns/ldns.h>  // breaks: ldns-place
