// dns_lab CAPTURE PROGRAM...: runs a program in the lab's machine, for people who want to see what
// a client does; what its link carried is written to the file CAPTURE, for tshark -r.
#include <cstdio>

#include "tests/netns/dns/lab.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: dns_lab CAPTURE PROGRAM...\n");
    return 2;
  }
  sixpn::dns::testing::Lab lab;
  auto finished = lab.run({argv + 2, argv + argc});
  lab.link().write_pcap(argv[1]);
  fputs(finished.out.c_str(), stdout);
  fputs(finished.err.c_str(), stderr);
  return finished.status;
}
