// What proxies, operators and local programs give: hop frames, configuration files, request
// targets of the admin API.
#include <string>
#include <tuple>

#include "agent/core/target.h"
#include "config/agent_config.h"
#include "config/fly_toml.h"
#include "flycast/core/exchange_frame.h"
#include "flycast/core/hop_frame.h"
#include "flycast/core/preamble.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sixpn::fuzz {
namespace {

// However the bytes are cut, the same is for the machine, and the same is left.
void exchange_frames(std::string_view bytes) {
  using State = flycast::ExchangeReader::State;
  auto hear = [&](std::size_t cut) {
    flycast::ExchangeReader reader;
    std::string heard;
    std::size_t left = 0;
    State state = State::kMore;
    for (std::string_view part : {bytes.substr(0, cut), bytes.substr(cut)}) {
      if (state == State::kMore)
        while ((state = reader.next(part)) == State::kPiece) heard += reader.piece();
      left += part.size();
    }
    return std::tuple(heard, left, state);
  };
  SIXPN_PROMISE(hear(bytes.size() / 2) == hear(bytes.size()));
}

// However the bytes are cut, the same frame or fault is read.
void hop_frame(std::string_view bytes) {
  auto hear = [&](std::size_t cut) {
    flycast::HopFrame reader;
    std::string heard;
    for (std::string_view part : {bytes.substr(0, cut), bytes.substr(cut)})
      while (!part.empty())
        if (auto body = reader.take(part)) {
          if (!*body) return heard + "!" + body->error().message;
          SIXPN_PROMISE(!(*body)->empty() && (*body)->size() <= flycast::kMaxFrameBody);
          heard += **body + "/";
        }
    return heard;
  };
  SIXPN_PROMISE(hear(bytes.size() / 2) == hear(bytes.size()));
}

}  // namespace

// What decodes survives its own encoding, in a frame whose header announces exactly its body.
void hop(std::string_view bytes) {
  using namespace flycast;
  if (bytes.size() >= kFrameHeaderBytes)
    if (auto length = decode_frame_header(bytes.substr(0, kFrameHeaderBytes)))
      SIXPN_PROMISE(*length > 0 && *length <= kMaxFrameBody);
  auto body_of = [](const std::string& frame) {
    auto length = decode_frame_header(std::string_view(frame).substr(0, kFrameHeaderBytes));
    SIXPN_PROMISE(length && *length + kFrameHeaderBytes == frame.size());
    return frame.substr(kFrameHeaderBytes);
  };
  if (auto preamble = decode_preamble(bytes)) {
    auto again = decode_preamble(body_of(encode_preamble(*preamble)));
    SIXPN_PROMISE(again && *again == *preamble);
  }
  if (auto reply = decode_reply(bytes)) {
    auto again = decode_reply(body_of(encode_reply(*reply)));
    SIXPN_PROMISE(again && *again == *reply);
  }
  if (auto silence = decode_silence(bytes)) {
    auto again = decode_silence(body_of(encode_silence(*silence)));
    SIXPN_PROMISE(again && *again == *silence);
  }
  exchange_frames(bytes);
  hop_frame(bytes);
}

// A value, or mistakes that each name the file and say something.
void config_file(std::string_view bytes) {
  auto check = [](const auto& parsed) {
    if (parsed) return;
    SIXPN_PROMISE(!parsed.errors().empty());
    for (const auto& error : parsed.errors())
      SIXPN_PROMISE(error.file == "f.toml" && !error.message.empty());
  };
  check(config::parse_agent_config(bytes, "f.toml"));
  auto app = config::parse_fly_toml(bytes, "f.toml");
  check(app);
  if (app) SIXPN_PROMISE(app->services.size() <= bytes.size());
}

void admin_target(std::string_view bytes) {
  auto target = agent::parse_target(bytes);
  if (!target) return;
  std::size_t size = 0;
  for (const auto& segment : target->path) size += segment.size();
  for (const auto& [key, value] : target->query) size += key.size() + value.size();
  SIXPN_PROMISE(bytes.starts_with('/') && size <= bytes.size());
  SIXPN_PROMISE(target->path.size() <= bytes.size());
}

}  // namespace sixpn::fuzz
