/* The embeddable WireGuard library, compiled here from the source that wireguard-tools ships, with two
 * of its faults fenced in by what it calls:
 *  - wg_get_device starts again for ever when a dump was interrupted, and cannot even succeed then: its
 *    error code is never reset. Each try opens a socket, so opening is limited to one per call of ours.
 *  - private keys stay in freed memory: free() wipes first.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "mesh/io/wireguard_embeddable.h"

static _Thread_local int sockets_left;

void sixpn_wg_begin_call(void) { sockets_left = 1; }

static int limited_socket(int domain, int type, int protocol) {
  static const struct timeval limit = {5, 0};
  int fd;
  if (sockets_left-- <= 0) {
    errno = EINTR;
    return -1;
  }
  fd = socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

static void wiping_free(void* memory) {
  if (memory != NULL) explicit_bzero(memory, malloc_usable_size(memory));
  free(memory);
}

#define socket limited_socket
#define free wiping_free
#include "wireguard.c"
