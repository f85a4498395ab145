// The fuzz targets of what other hosts, operators and disks give us: one function per kind of
// bytes. Each must return for any input, within memory in proportion to it; a promise that breaks
// aborts, which libFuzzer and the replay in ctest both see. What a target promises beyond "no
// crash" stands at its definition.
//
// A fuzzer is one of these and main() (fuzz_main.cc); the corpus folder has the target's name.
#pragma once

#include <string_view>

namespace sixpn::fuzz {

// wire_targets.cc: gossip, records, anti-entropy
void datagram(std::string_view bytes);
void record(std::string_view bytes);
void sync_frame(std::string_view bytes);
void sync_stream(std::string_view bytes);
// trust_targets.cc: what the root and enrolment keys sign, tokens, seeds, knocks
void trust(std::string_view bytes);
void knock(std::string_view bytes);
// tls_targets.cc: the root's word on certificates for TLS, and the certificates
void tls_grant(std::string_view bytes);
void x509(std::string_view bytes);
// local_targets.cc: the hop between proxies, configuration files, the admin API's targets
void hop(std::string_view bytes);
void config_file(std::string_view bytes);
void admin_target(std::string_view bytes);
// answer_targets.cc: machines' answers to checks, Accept-Encoding, a departing proxy's messages
void check_answer(std::string_view bytes);
void accept_encoding(std::string_view bytes);
void handover(std::string_view bytes);
// mesh_targets.cc: answers of wireguard-go and nft
void mesh_parsers(std::string_view bytes);
// store_target.cc: a program of merges and collections, run on the store and on its model
void store(std::string_view bytes);
// gossip_target.cc: a program of mutated real datagrams, timers and syncs, run on a Gossip
void gossip(std::string_view bytes);

// http_targets.cc: HTTP/1 of clients and of machines
void http1(std::string_view bytes);
// http2_target.cc: HTTP/2 of clients and of machines
void http2(std::string_view bytes);
void http2_machine(std::string_view bytes);
// replay_target.cc: fly-replay in both forms, its caches, the headers that route
void replay(std::string_view bytes);

// For the replay: every target by the name of its corpus folder.
struct Target {
  const char* name;
  void (*run)(std::string_view bytes);
};
inline constexpr Target kTargets[] = {
    {"datagram", datagram},
    {"record", record},
    {"sync_frame", sync_frame},
    {"sync_stream", sync_stream},
    {"trust", trust},
    {"knock", knock},
    {"tls_grant", tls_grant},
    {"x509", x509},
    {"hop", hop},
    {"config_file", config_file},
    {"admin_target", admin_target},
    {"check_answer", check_answer},
    {"accept_encoding", accept_encoding},
    {"handover", handover},
    {"mesh_parsers", mesh_parsers},
    {"store", store},
    {"gossip", gossip},
    {"http1", http1},
    {"http2", http2},
    {"http2_machine", http2_machine},
    {"replay", replay},
};

}  // namespace sixpn::fuzz
