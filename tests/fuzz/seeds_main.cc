// Writes first inputs for the fuzzers from what the real encoders make:
//   build/fuzz/tests/fuzz/fuzz_seeds FOLDER
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/encoding.h"
#include "flycast/core/handover_message.h"
#include "flycast/core/preamble.h"
#include "mesh/core/knock.h"
#include "registry/core/gossip_codec.h"
#include "registry/core/record.pb.h"
#include "registry/core/sync_codec.h"
#include "registry/core/trust.pb.h"
#include "tests/fuzz/record_pool.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/flycast/http2_frames.h"
#include "tests/unit/registry/trust_fixture.h"

namespace sixpn::fuzz {
namespace {

class Seeds {
 public:
  explicit Seeds(std::string folder) : folder_(std::move(folder)) {}
  void add(const std::string& target, const std::string& bytes) {
    std::filesystem::create_directories(folder_ + "/" + target);
    std::ofstream(folder_ + "/" + target + "/seed-" + std::to_string(++count_), std::ios::binary)
        << bytes;
  }

 private:
  std::string folder_;
  int count_ = 0;
};

std::string body_of(const SignedRecord& record) {
  wire::SignedRecord envelope;
  envelope.ParseFromString(record.wire());
  return envelope.body();
}

void add_wire(Seeds& seeds) {
  using namespace registry;
  std::string frames;
  RecordsFrame records;
  SummaryFrame summary{~0ULL, {}, true};
  WantFrame want;
  for (std::size_t i = 0; i < record_pool().size(); i += 7) {
    const SignedRecord& record = *record_pool()[i];
    seeds.add("record", record.wire());
    seeds.add("record", body_of(record));
    if (records.wires.size() < 3) records.wires.push_back(record.wire());
    Slot slot = slot_of(record.record);
    summary.versions.push_back({slot, record.record.stamp, weight_of(record)});
    want.slots.push_back(slot);
  }
  GossipDatagram datagram;
  datagram.incarnation = 3;
  datagram.probe = ProbeMessage{};
  datagram.probe->kind = ProbeMessage::Kind::kPing;
  MemberUpdate update;
  update.host = sim::host_id(2);
  update.status = HostStatus::kSuspected;
  datagram.updates.push_back(update);
  seeds.add("datagram", encode_datagram(datagram));
  datagram.records.push_back(records.wires.front());
  seeds.add("datagram", encode_datagram(datagram));
  for (const SyncFrame& frame : {SyncFrame(HelloFrame{}), SyncFrame(summary), SyncFrame(want),
                                 SyncFrame(records), SyncFrame(DoneFrame{})}) {
    seeds.add("sync_frame", encode_frame(frame));
    frames += encode_frame(frame);
  }
  auto stream = [](char role, const std::string& bytes) {
    std::string out(1, role);
    for (std::size_t at = 0; at < bytes.size(); at += 2041) out += '\xff' + bytes.substr(at, 2041);
    return out;
  };
  std::string done = encode_frame(DoneFrame{});
  seeds.add("sync_stream", stream(1, encode_frame(HelloFrame{}) + encode_frame(records) +
                                         encode_frame(want) + done));
  seeds.add("sync_stream", stream(0, encode_frame(summary) + encode_frame(records) + done));
}

void add_trust(Seeds& seeds) {
  test::TrustFixture keys;
  auto body = [](const std::string& sealed) {
    trust::Signed statement;
    statement.ParseFromString(sealed);
    return statement.body();
  };
  Token token = keys.token();
  token.seeds.push_back({HostId(0x20003), {}, {*parse_endpoint("192.0.2.1:51820")}, {}});
  std::string invite = sign_invite(keys.invite(), keys.root);
  std::string revocation = sign_revocation(HostId(0x20003), test::kInvited, keys.root);
  seeds.add("trust", '\0' + invite);
  seeds.add("trust", '\0' + keys.certificate().encoded.str());
  seeds.add("trust", '\1' + body(invite));
  seeds.add("trust", '\2' + body(keys.certificate().encoded));
  seeds.add("trust", '\3' + body(revocation));
  seeds.add("trust", '\4' + encode_seeds(token.seeds));
  seeds.add("trust", '\5' + encode_token(token));
  Renewal renewal{HostId(0x20003), certificate_digest(keys.certificate().encoded),
                  test::kInvited + std::chrono::hours(9999), test::kInvited};
  seeds.add("trust", '\7' + body(sign_renewal(renewal, keys.root)));
  seeds.add("trust", '\x8' + body(revocation));
  auto host = sim::TestCluster().enrol(1);
  mesh::Knock knock{cluster_id(keys.root.public_key()), 1, test::kInvited,
                    host.signed_host()->wire()};
  seeds.add("knock", *mesh::encode_knock(knock, test::secret_of('c')));
  mesh::KnockReply reply;
  reply.cluster = knock.cluster;
  reply.reason = "no";
  std::string sealed = mesh::encode_reply(reply, test::secret_of('c'));
  seeds.add("knock", sealed);
  seeds.add("knock", '\2' + sealed.substr(20));
}

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

}  // namespace
}  // namespace sixpn::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  sixpn::fuzz::Seeds seeds(argv[1]);
  sixpn::fuzz::add_wire(seeds);
  sixpn::fuzz::add_trust(seeds);
  sixpn::fuzz::add_local(seeds);
  sixpn::fuzz::add_http(seeds);
  sixpn::fuzz::add_http2(seeds);
  sixpn::fuzz::add_http2_machine(seeds);
  sixpn::fuzz::add_replays(seeds);
  sixpn::fuzz::add_answers(seeds);
  sixpn::fuzz::add_programs(seeds);
}
