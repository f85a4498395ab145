// Never compiled: a sample for tools/check_layers.
#include <ldns/ldns.h>  // breaks: ldns-place
