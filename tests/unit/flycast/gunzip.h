// What a client makes of bytes that were coded with gzip.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace sixpn::flycast {

struct Gunzipped {
  std::string text;    // at most 4 MB
  bool whole = false;  // it ended as gzip does, and nothing follows
};

inline Gunzipped gunzip(const std::string& coded) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  Gunzipped read;
  read.text.resize(4'000'000);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  stream.next_out = reinterpret_cast<Bytef*>(read.text.data());
  stream.avail_out = static_cast<uInt>(read.text.size());
  read.whole = inflate(&stream, Z_SYNC_FLUSH) == Z_STREAM_END && stream.avail_in == 0;
  read.text.resize(stream.total_out);
  inflateEnd(&stream);
  return read;
}

}  // namespace sixpn::flycast
