#include <openssl/ssl.h>  // breaks: openssl-place
