// Never compiled: a sample for tools/check_layers.
#include <csignal>
#include <sys/types.h>
#include <sys/socket.h>  // breaks: core-system
#include <libmnl/libmnl.h>  // breaks: mnl-place
#include <sqlite3.h>  // breaks: sqlite-place
