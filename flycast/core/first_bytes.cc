#include "flycast/core/first_bytes.h"

#include <algorithm>

namespace sixpn::flycast {

FirstBytes judge_first_bytes(std::string_view all) {
  if (all.starts_with(kHttp2Preface)) return FirstBytes::kHttp2;
  if (kHttp2Preface.starts_with(all)) return FirstBytes::kMore;
  std::string_view line = all.substr(0, all.find("\r\n"));
  if (line.size() == all.size()) return FirstBytes::kHttp1;  // an unfinished one
  bool three_words = std::count(line.begin(), line.end(), ' ') == 2;
  bool has_version = line.substr(line.rfind(' ') + 1).starts_with("HTTP/");
  return three_words && !has_version ? FirstBytes::kOther : FirstBytes::kHttp1;
}

}  // namespace sixpn::flycast
