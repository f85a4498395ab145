#include "flycast/core/compression.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "flycast/core/http1_syntax.h"

namespace sixpn::flycast {
namespace {

// Speed before size: it is done while others wait.
constexpr int kLevel = 4;
constexpr int kGzipWindow = 15 + 16;  // 32 KiB, with gzip's header and trailer
constexpr int kMemory = 8;
constexpr std::size_t kOutputStep = 16 * 1024;

constexpr std::array<std::string_view, 12> kTypes = {
    "application/javascript",    "application/json",     "application/ld+json",
    "application/manifest+json", "application/xml",      "application/xhtml+xml",
    "application/rss+xml",       "application/atom+xml", "application/wasm",
    "application/graphql",       "application/x-ndjson", "image/svg+xml"};

bool shrinks(std::string_view type) {
  std::string name = lower_case(trimmed(type.substr(0, type.find(';'))));
  if (name.starts_with("text/")) return true;
  return std::find(kTypes.begin(), kTypes.end(), name) != kTypes.end();
}

// "gzip;q=0.5": the coding, and whether its weight is above zero.
std::pair<std::string_view, bool> read_coding(std::string_view member) {
  auto semicolon = member.find(';');
  std::string_view name = trimmed(member.substr(0, semicolon));
  if (semicolon == std::string_view::npos) return {name, true};
  std::string_view weight = trimmed(member.substr(semicolon + 1));
  if (weight.size() < 3 || !same_name(weight.substr(0, 2), "q=")) return {name, false};
  weight.remove_prefix(2);
  bool is_number = weight.find_first_not_of("0123456789.") == std::string_view::npos;
  return {name, is_number && weight.find_first_not_of("0.") != std::string_view::npos};
}

}  // namespace

bool accepts_gzip(const HeaderList& request) {
  const std::string all = request.joined("Accept-Encoding");
  std::string_view rest = all;
  bool any = false;
  while (auto member = next_member(rest)) {
    auto [name, wanted] = read_coding(*member);
    if (same_name(name, "gzip") || same_name(name, "x-gzip")) return wanted;
    if (name == "*") any = wanted;
  }
  return any;
}

bool is_compressible(const RequestHead& request, const ResponseHead& response) {
  if (request.is_http10 || has_no_body(request.method, response.status)) return false;
  if (response.status < 200 || response.status == 206) return false;
  if (response.body.kind == BodyKind::kNone) return false;
  if (response.body.kind == BodyKind::kLength && response.body.length < kMinCompressed)
    return false;
  const HeaderList& fields = response.fields;
  if (fields.contains("Content-Encoding") || fields.contains("Content-Range")) return false;
  if (lists(fields, "Cache-Control", "no-transform")) return false;
  auto type = fields.find("Content-Type");
  return type && shrinks(*type);
}

void mark_negotiated(ResponseHead& response) {
  if (lists(response.fields, "Vary", "Accept-Encoding") || lists(response.fields, "Vary", "*"))
    return;
  response.fields.add("Vary", "Accept-Encoding");
}

void mark_gzip(ResponseHead& response) {
  HeaderList& fields = response.fields;
  fields.add("Content-Encoding", "gzip");
  response.body = {BodyKind::kStreamed, 0};
  // Ranges and digests are of the bytes that the machine made.
  for (std::string_view name : {"Accept-Ranges", "Content-MD5", "Digest", "Content-Digest"})
    fields.remove(name);
  auto tag = fields.find("ETag");
  if (!tag || tag->starts_with("W/")) return;
  fields.set("ETag", std::string("W/").append(*tag));
}

GzipWriter::GzipWriter(Compressions& all, std::unique_ptr<z_stream_s> stream)
    : all_(all), stream_(std::move(stream)) {
  ++all_.open;
}

GzipWriter::~GzipWriter() {
  deflateEnd(stream_.get());
  --all_.open;
}

std::unique_ptr<GzipWriter> GzipWriter::open(Compressions& all) {
  if (all.open >= all.most) return nullptr;
  auto stream = std::make_unique<z_stream_s>();
  if (deflateInit2(stream.get(), kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    return nullptr;
  return std::unique_ptr<GzipWriter>(new GzipWriter(all, std::move(stream)));
}

void GzipWriter::run(std::string_view bytes, int how, std::string& out) {
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_->avail_in = static_cast<uInt>(bytes.size());
  do {
    std::size_t before = out.size();
    out.resize(before + kOutputStep);
    stream_->next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream_->avail_out = static_cast<uInt>(kOutputStep);
    deflate(stream_.get(), how);
    out.resize(out.size() - stream_->avail_out);
  } while (stream_->avail_out == 0);
}

void GzipWriter::piece(std::string_view bytes, std::string& out) {
  run(bytes, Z_NO_FLUSH, out);
  flushed_ = false;
}

void GzipWriter::flush(std::string& out) {
  if (std::exchange(flushed_, true)) return;
  run({}, Z_SYNC_FLUSH, out);
}

void GzipWriter::end(std::string& out) {
  run({}, Z_FINISH, out);
}

}  // namespace sixpn::flycast
