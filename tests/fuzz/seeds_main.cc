// Writes first inputs for the fuzzers from what the real encoders make, the same in each run:
//   build/fuzz/tests/fuzz/fuzz_seeds tests/fuzz/corpus
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/rng.h"
#include "flycast/core/handover_message.h"
#include "flycast/core/preamble.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/flycast/http2_frames.h"

namespace sixpn::fuzz {
namespace {

void add_local(Seeds& seeds) {
  flycast::Preamble preamble;
  preamble.network = NetworkId(0xacce55);
  preamble.machine = MachineId(0x1001);
  preamble.client = preamble.dialled = *parse_endpoint("[fdaa::3]:80");
  preamble.internal_port = 8080;
  std::string frame = flycast::encode_preamble(preamble);
  seeds.add("hop", frame);
  seeds.add("hop", frame.substr(flycast::kFrameHeaderBytes));
  std::string reply = flycast::encode_reply({flycast::HopStatus::kLimit, 7, 111});
  seeds.add("hop", reply);
  seeds.add("hop", reply.substr(flycast::kFrameHeaderBytes));
  seeds.add("hop", flycast::encode_silence({NetworkId{1}, MachineId{7}, 8080, 40000})
                       .substr(flycast::kFrameHeaderBytes));
  seeds.add("config_file",
            "state_dir = \"/s\"\n[wireguard]\ninterface = \"wg0\"\nendpoints = "
            "[\"192.0.2.1\"]\nlisten_port = 7\n[dns]\n[flycast]\ndeadline = \"30s\"\n");
  seeds.add("config_file",
            "app = \"web\"\nprimary_region = \"iad\"\n[env]\nA = \"b\"\n[processes]\nweb = "
            "\"x\"\n[http_service]\ninternal_port = 80\nforce_https = true\nprocesses = [\"web\"]\n"
            "[http_service.concurrency]\ntype = \"requests\"\nhard_limit = 9\n[[services]]\n"
            "protocol = \"tcp\"\ninternal_port = 8080\n[[services.ports]]\nport = 80\nhandlers = "
            "[\"http\"]\n[[services.tcp_checks]]\ninterval = \"1m30s\"\n");
  seeds.add("config_file", "[[a.b]]\nc = { d = 1979-05-27T07:32:00Z, e = 0x1F, f = nan }\n");
  seeds.add("config_file", "kill_timeout = 99999999999999\nprimary_region = 7\n");
  for (const char* target : {"/v1/apps/web?org=a%20b&network=x", "/", "/%zz", "no", "/a//b?=&=&x"})
    seeds.add("admin_target", target);
}

void add_http(Seeds& seeds) {
  const std::string request = "\r\nPOST http://a:80/b?c HTTP/1.1\r\nHost: h\r\n";
  const std::string chunks = "\r\n5;x=\"y\"\r\nhello\r\n0\r\nDigest: z\r\n\r\n";
  for (const std::string& fields :
       {std::string("A: b\r\nConnection: close, a\r\nContent-Length: 3\r\n\r\nabc"),
        "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n" + chunks,
        std::string("Connection: upgrade\r\nUpgrade: h2c, websocket\r\n\r\n")})
    seeds.add("http1", '\1' + request + fields + "OPTIONS * HTTP/1.0\r\n\r\n");
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 ";
  seeds.add("http1", '\0' + interim + "200 OK\r\nTransfer-Encoding: chunked\r\n" + chunks);
  seeds.add("http1", '\2' + interim + "200\r\nContent-Length: 5\r\n\r\n");
  seeds.add("http1", '\4' + interim + "101 S\r\nConnection: Upgrade\r\nUpgrade: w\r\n\r\n..");
  seeds.add("http1", '\10' + std::string("HTTP/1.0 404 No\r\nA: b\r\n\r\nuntil the end"));
}

void add_http2(Seeds& seeds) {
  using namespace flycast::frames;
  const std::string post = frame(kHeaders, kEndHeaders, 1, post_fields());
  seeds.add("http2", '\xff' + get(1) + get(3) + frame(kReset, 0, 3, u32(8)));
  seeds.add("http2", '\3' + post + frame(kData, 0, 1, "abc") + frame(kData, kEndStream, 1, "d"));
  seeds.add("http2", '\x7f' + frame(kHeaders, 0, 1, get_fields()) +
                         frame(kContinuation, kEndHeaders, 1, field("cookie", "a=b")));
  seeds.add("http2", '\x1f' + post +
                         frame(kHeaders, kEndStream | kEndHeaders, 1, field("x-trailer", "1")) +
                         frame(kPing, 0, 0, "12345678") + frame(kSettings, kAck, 0));
  seeds.add("http2", '\7' +
                         frame(kHeaders, kEndStream | kEndHeaders, 1,
                               get_fields() + field("content-length", "5")) +
                         frame(kWindowUpdate, 0, 0, u32(1)));
}

void add_http2_machine(Seeds& seeds) {
  using namespace flycast::frames;
  const std::string ok = "\x88";  // :status 200
  const std::string head = frame(kHeaders, kEndHeaders, 1, ok + field("content-type", "a/b"));
  const std::string trailers =
      frame(kHeaders, kEndStream | kEndHeaders, 1, field("grpc-status", "0"));
  seeds.add("http2_machine", '\xff' + head + frame(kData, 0, 1, "hello") + trailers);
  seeds.add("http2_machine",
            '\3' + frame(kHeaders, kEndStream | kEndHeaders, 1, ok + field("grpc-status", "12")));
  seeds.add("http2_machine",
            '\x1f' + frame(kHeaders, kEndHeaders, 1, field(":status", "103")) +
                frame(kHeaders, kEndHeaders, 1, ok + field("content-length", "2")) +
                frame(kData, kEndStream, 1, "ok"));
  seeds.add("http2_machine", '\xff' + head + frame(kData, 0, 1, "x") + frame(kReset, 0, 1, u32(8)));
  seeds.add("http2_machine",
            '\7' + frame(kGoaway, 0, 0, u32(0) + u32(11)) + frame(kPing, 0, 0, "12345678"));
}

void add_replays(Seeds& seeds) {
  for (const char* header :
       {"region=\"iad,us\";app=web;state=a;b",
        "instance=148e21dad76789;timeout=10s;fallback=force_self",
        "prefer_instance=148e21dad76789, elsewhere=true", "region=sjc;state=\"a\\\"b\""})
    seeds.add("replay", '\0' + std::string(header));
  for (const char* body :
       {R"({"app":"b","timeout":"1s","fallback":"prefer_self","state":"s","elsewhere":true})",
        R"({"region":"iad,any","transform":{"path":"/a?b","delete_headers":["cookie"],)"
        R"("set_headers":[{"name":"host","value":"c:80"},{"name":"x","value":"y"}]}})",
        R"({"app":"b","cache":{"prefix":"h/a/*","ttl":60,"allow_bypass":true}})"})
    seeds.add("replay", '\1' + std::string(body));
  for (const char* lines : {"h.com:80\n/a/b?c\nx=y; s=1\nh.com/a/*", "[::1]\n/\ns=2\n/"})
    seeds.add("replay", '\2' + std::string(lines));
  for (const char* value : {"iad, us,any", "148e21dad76789"})
    seeds.add("replay", '\3' + std::string(value));
}

void add_answers(Seeds& seeds) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 503 Down\r\n\r\nno disk",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 \r\n\r\n", "SSH-2.0-x\r\n"})
    seeds.add("check_answer", answer);
  for (const char* fields :
       {"gzip, br", "br\n*;q=0.1", "identity;q=1, gzip ; Q=0.000", "x-gzip;q=0.5\ngzip;q=0"})
    seeds.add("accept_encoding", fields);
  for (auto kind : {flycast::HandoverKind::kListeners, flycast::HandoverKind::kOpen})
    seeds.add("handover", flycast::encode_handover({kind, {MachineId{7}, 8080}, 3}));
}

void add_programs(Seeds& seeds) {
  Rng rng(1);
  for (int i = 0; i < 8; ++i) {
    std::string program;
    for (int k = 0; k < 60; ++k) program += static_cast<char>(rng.below(256));
    seeds.add("store", program);
    seeds.add("gossip", program);
  }
}

std::set<std::string> subfolders(const std::string& folder) {
  std::set<std::string> out;
  if (!std::filesystem::exists(folder)) return out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    out.insert(entry.path().filename().string());
  return out;
}

}  // namespace

Seeds::Seeds(std::string folder) : folder_(std::move(folder)), targets_(subfolders(folder_)) {}

void Seeds::add(const std::string& target, const std::string& bytes) {
  if (!targets_.contains(target)) add(target, "seed-" + std::to_string(++count_), bytes);
}

void Seeds::add(const std::string& target, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(folder_ + "/" + target);
  std::ofstream(folder_ + "/" + target + "/" + name, std::ios::binary) << bytes;
}

}  // namespace sixpn::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  sixpn::fuzz::Seeds seeds(argv[1]);
  sixpn::fuzz::add_records(seeds);
  sixpn::fuzz::add_gossip(seeds);
  sixpn::fuzz::add_sync(seeds);
  sixpn::fuzz::add_trust(seeds);
  sixpn::fuzz::add_tls(seeds);
  sixpn::fuzz::add_local(seeds);
  sixpn::fuzz::add_http(seeds);
  sixpn::fuzz::add_http2(seeds);
  sixpn::fuzz::add_http2_machine(seeds);
  sixpn::fuzz::add_replays(seeds);
  sixpn::fuzz::add_answers(seeds);
  sixpn::fuzz::add_programs(seeds);
}
