// lookup NAME: what getaddrinfo says, as most programs ask it (both families). Prints one address a
// line, or the name of the error and exits 1. Built against glibc, and static against musl.
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char* error_name(int error) {
  switch (error) {
    case EAI_NONAME:
      return "EAI_NONAME";
    case EAI_AGAIN:
      return "EAI_AGAIN";
    case EAI_FAIL:
      return "EAI_FAIL";
    default:
      return gai_strerror(error);
  }
}

int main(int argc, char** argv) {
  struct addrinfo hints, *found, *each;
  int error;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  error = getaddrinfo(argc > 1 ? argv[1] : "", NULL, &hints, &found);
  if (error != 0) {
    puts(error_name(error));
    return 1;
  }
  for (each = found; each != NULL; each = each->ai_next) {
    char text[INET6_ADDRSTRLEN];
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
      puts(text);
  }
  freeaddrinfo(found);
  return 0;
}
