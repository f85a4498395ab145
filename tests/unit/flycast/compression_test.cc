#include "flycast/core/compression.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/flycast/gunzip.h"

namespace sixpn::flycast {
namespace {

RequestHead get() {
  RequestHead request;
  request.method = "GET";
  return request;
}

ResponseHead page() {
  ResponseHead response;
  response.status = 200;
  response.fields = {{"Content-Type", "text/html; charset=utf-8"}};
  response.body = {BodyKind::kLength, 5000};
  return response;
}

TEST(Compression, WhoAcceptsIt) {
  const std::vector<std::pair<std::string, bool>> cases = {
      {"gzip", true},           {"deflate, GZip;q=0.5, br", true},
      {"x-gzip", true},         {"*", true},
      {"br, *;q=0.1", true},    {"gzip;q=0.001", true},
      {"gzip ; q=1.000", true}, {"", false},
      {"identity", false},      {"br;q=1.0", false},
      {"gzip;q=0", false},      {"gzip;q=0.000", false},
      {"*, gzip;q=0", false},   {"gzip;q=", false},
      {"gzip;level=9", false},  {"gzippy", false},
  };
  for (const auto& [said, wanted] : cases)
    EXPECT_EQ(accepts_gzip({{"accept-encoding", said}}), wanted) << said;
  EXPECT_FALSE(accepts_gzip({}));
  EXPECT_TRUE(accepts_gzip({{"Accept-Encoding", "br"}, {"Accept-Encoding", "gzip"}}));
}

TEST(Compression, OfWhat) {
  EXPECT_TRUE(is_compressible(get(), page()));
  const std::vector<std::pair<std::string, bool>> types = {
      {"text/plain", true},       {"TEXT/CSS", true},
      {"application/json", true}, {"application/JSON ;x=y", true},
      {"image/svg+xml", true},    {"image/png", false},
      {"application/zip", false}, {"application/octet-stream", false},
      {"video/mp4", false},       {"", false},
  };
  for (const auto& [type, shrinks] : types) {
    ResponseHead response = page();
    response.fields.set("Content-Type", type);
    EXPECT_EQ(is_compressible(get(), response), shrinks) << type;
  }
  ResponseHead untyped = page();
  untyped.fields = {};
  EXPECT_FALSE(is_compressible(get(), untyped));
}

TEST(Compression, NotWhatMustStayAsItIs) {
  const std::vector<FieldView> fields = {{"Content-Encoding", "br"},
                                         {"content-encoding", "identity"},
                                         {"Content-Range", "bytes 0-1/2"},
                                         {"Cache-Control", "public, No-Transform"}};
  for (const FieldView& field : fields) {
    ResponseHead response = page();
    response.fields.add(field.name, field.value);
    EXPECT_FALSE(is_compressible(get(), response)) << field.name;
  }
  for (int status : {101, 204, 206, 304}) {
    ResponseHead response = page();
    response.status = status;
    EXPECT_FALSE(is_compressible(get(), response)) << status;
  }
  ResponseHead small = page(), bare = page(), stream = page();
  small.body.length = kMinCompressed - 1;
  bare.body = {};
  stream.body = {BodyKind::kStreamed, 0};
  EXPECT_FALSE(is_compressible(get(), small));
  EXPECT_FALSE(is_compressible(get(), bare));
  EXPECT_TRUE(is_compressible(get(), stream));
  RequestHead old = get(), head = get();
  old.is_http10 = true;
  head.method = "HEAD";
  EXPECT_FALSE(is_compressible(old, page()));
  EXPECT_FALSE(is_compressible(head, page()));
}

TEST(Compression, TheHeadSaysSo) {
  ResponseHead response = page();
  for (FieldView field : {FieldView{"ETag", "\"a\""}, FieldView{"Accept-Ranges", "bytes"},
                          FieldView{"Content-MD5", "x"}, FieldView{"Vary", "Cookie"}})
    response.fields.add(field.name, field.value);
  mark_negotiated(response);
  EXPECT_EQ(response.fields.joined("Vary"), "Cookie, Accept-Encoding");
  mark_negotiated(response);
  EXPECT_EQ(response.fields.joined("Vary"), "Cookie, Accept-Encoding");
  mark_gzip(response);
  EXPECT_EQ(response.body, (BodyFraming{BodyKind::kStreamed, 0}));
  EXPECT_EQ(response.fields.find("ETag"), "W/\"a\"");
  EXPECT_EQ(response.fields.find("Content-Encoding"), "gzip");
  EXPECT_FALSE(response.fields.contains("Accept-Ranges"));
  EXPECT_FALSE(response.fields.contains("Content-MD5"));
  ResponseHead weak = page();
  weak.fields.add("ETag", "W/\"a\"");
  mark_gzip(weak);
  EXPECT_EQ(weak.fields.find("ETag"), "W/\"a\"");
}

TEST(Compression, WhatIsCodedIsReadAgain) {
  std::string text;
  for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i * 7919) + ",";
  for (std::size_t cut : {text.size(), std::size_t{65'536}, std::size_t{997}}) {
    Compressions all;
    auto writer = GzipWriter::open(all);
    ASSERT_TRUE(writer);
    std::string coded;
    for (std::size_t at = 0; at < text.size(); at += cut)
      writer->piece(std::string_view(text).substr(at, cut), coded);
    writer->end(coded);
    Gunzipped read = gunzip(coded);
    EXPECT_TRUE(read.whole) << cut;
    EXPECT_TRUE(read.text == text) << cut;
    EXPECT_LT(coded.size(), text.size() / 2) << cut;
  }
}

// Events of a stream are not held back.
TEST(Compression, WhatIsFlushedCanBeRead) {
  Compressions all;
  auto writer = GzipWriter::open(all);
  std::string coded, text;
  for (const char* event : {"data: one\n\n", "data: two\n\n"}) {
    writer->piece(event, coded);
    writer->flush(coded);
    text += event;
    EXPECT_EQ(gunzip(coded).text, text);
  }
  std::string nothing;
  writer->flush(nothing);
  EXPECT_EQ(nothing, "") << "there was nothing new";
  writer->end(coded);
  EXPECT_TRUE(gunzip(coded).whole);
}

TEST(Compression, SoManyAtOnce) {
  Compressions all;
  std::vector<std::unique_ptr<GzipWriter>> writers;
  while (auto one = GzipWriter::open(all)) writers.push_back(std::move(one));
  EXPECT_EQ(writers.size(), kMaxCompressions);
  writers.pop_back();
  EXPECT_TRUE(GzipWriter::open(all));
  writers.clear();
  EXPECT_EQ(all.open, 0U);
}

}  // namespace
}  // namespace sixpn::flycast
