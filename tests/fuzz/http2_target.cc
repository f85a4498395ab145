// HTTP/2 of clients and of machines. Whatever the frames: a request that comes out is one that
// HTTP/1 can carry, and reads the same at the machine, as does a response at the client; of a
// stream that is over nothing more is heard.
#include <algorithm>
#include <set>
#include <string>

#include "flycast/core/http1_head.h"
#include "flycast/io/http2_codec.h"
#include "flycast/io/http2_machine_codec.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sixpn::fuzz {
namespace {

using namespace sixpn::flycast;

void check_head(const RequestHead& head) {
  std::string wire;
  write_request_head(head, wire);
  RequestHead received;
  SIXPN_PROMISE(!parse_request_head(wire, received));
  SIXPN_PROMISE(received.method == head.method && received.target == head.target);
  SIXPN_PROMISE(received.host == head.host && received.fields == head.fields);
  SIXPN_PROMISE(received.body == head.body);
}

// Answers each request when it has ended, and takes all of every body.
struct Machine {
  Http2Codec::Events events() {
    return {[this](Http2StreamId id, const RequestHead& head) {
              SIXPN_PROMISE(live.insert(id).second && id > last);
              last = id;
              check_head(head);
            },
            [this](Http2StreamId id, std::string_view piece) {
              SIXPN_PROMISE(live.contains(id));
              codec->consume(id, piece.size());
            },
            [this](Http2StreamId id, const HeaderList&) {
              SIXPN_PROMISE(live.contains(id));
              ResponseHead head;
              head.status = 200;
              codec->respond(id, head, false);
              codec->send_body(id, "hello");
              codec->end_body(id, {{"a", "b"}});
            },
            [this](Http2StreamId id) { SIXPN_PROMISE(live.erase(id) == 1); }};
  }
  std::set<Http2StreamId> live;
  Http2StreamId last = 0;
  Http2Codec* codec = nullptr;
};

// Hears the response to one POST.
struct Proxy {
  Http2MachineCodec::Events events() {
    return {
        [this](const ResponseHead& head) { SIXPN_PROMISE(!has_head && is_interim(head.status)); },
        [this](const ResponseHead& head) {
          SIXPN_PROMISE(!has_head && !is_interim(head.status));
          has_head = true;
          check_response(head);
        },
        [this](std::string_view piece) {
          SIXPN_PROMISE(has_head && !whole && !closed);
          codec->consume(piece.size());
        },
        [this](const HeaderList&) {
          SIXPN_PROMISE(has_head && !whole && !closed);
          whole = true;
        },
        [this](std::uint32_t) {
          SIXPN_PROMISE(!closed);
          closed = true;
        }};
  }
  static void check_response(const ResponseHead& head) {
    std::string wire;
    write_response_head(head, {head.body}, wire);
    ResponseHead received;
    SIXPN_PROMISE(!parse_response_head(wire, {"POST", false}, received));
    SIXPN_PROMISE(received.status == head.status);
  }
  bool has_head = false;
  bool whole = false;
  bool closed = false;
  Http2MachineCodec* codec = nullptr;
};

}  // namespace

// The first byte says in which pieces the rest comes, behind empty SETTINGS of the machine's.
void http2_machine(std::string_view bytes) {
  if (bytes.empty()) return;
  std::size_t piece = 1U + static_cast<unsigned char>(bytes[0]);
  bytes.remove_prefix(1);
  Proxy proxy;
  Http2MachineCodec codec(proxy.events());
  proxy.codec = &codec;
  RequestHead head;
  head.method = "POST";
  head.target = "/";
  head.host = "h";
  head.body.kind = BodyKind::kStreamed;
  codec.request(head);
  codec.send_body("hello");
  codec.end_body({{"a", "b"}});
  auto write = [&] {
    while (!codec.next_output().empty()) {
    }
  };
  write();
  bool open = codec.feed({"\0\0\0\4\0\0\0\0\0", 9});
  SIXPN_PROMISE(open);
  for (; open && !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    open = codec.feed(bytes.substr(0, piece));
    write();
  }
}

// The first byte says in which pieces the rest comes, behind a preface and empty SETTINGS.
void http2(std::string_view bytes) {
  if (bytes.empty()) return;
  std::size_t piece = 1U + static_cast<unsigned char>(bytes[0]);
  bytes.remove_prefix(1);
  Machine machine;
  Http2Codec codec(machine.events());
  machine.codec = &codec;
  Instant now{};
  bool open = codec.feed(kHttp2Preface, now) && codec.feed({"\0\0\0\4\0\0\0\0\0", 9}, now);
  SIXPN_PROMISE(open);
  for (; open && !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    open = codec.feed(bytes.substr(0, piece), now);
    while (!codec.next_output().empty()) {
    }
    SIXPN_PROMISE(codec.streams() <= kMaxHttp2Streams);
    now += std::chrono::milliseconds(1);
  }
}

}  // namespace sixpn::fuzz
