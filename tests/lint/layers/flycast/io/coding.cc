#include <zlib.h>  // breaks: zlib-place
