// What the DNS fuzzers run, and what must hold of it whatever the bytes: a broken promise aborts.
// The libFuzzer programs (dns_*_fuzz.cc) and the replay
// of the corpus in ctest (tests/unit/dns/corpus_test.cc) share these.
#pragma once

#include <string_view>

namespace sixpn::dns::testing {

// A message from a client, the short and the long way, over UDP and TCP.
void fuzz_query(std::string_view message);
// A reply from an upstream resolver: the first byte chooses the client's limit and EDNS.
void fuzz_reply(std::string_view input);
// Such a reply as text.
void fuzz_message(std::string_view message);

// The options of a query's OPT, within the source's rate and beyond it.
void fuzz_options(std::string_view rdata);
// A TCP stream in pieces: the first byte chooses their size.
void fuzz_stream(std::string_view input);

}  // namespace sixpn::dns::testing
