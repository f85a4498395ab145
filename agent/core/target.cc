#include "agent/core/target.h"

#include <optional>

#include "base/encoding.h"

namespace sixpn::agent {
namespace {

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    int high = hex_value(text[i + 1]);
    int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

// Calls `visit` for each piece of `text` between separators; false when a piece was refused.
template <class Visit>
bool for_each_piece(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    auto end = text.find(separator);
    auto piece = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (!piece.empty() && !visit(piece)) return false;
  }
  return true;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return Error("the request target does not start with '/'", 400);
  auto question = text.find('?');
  auto query = question == std::string_view::npos ? "" : text.substr(question + 1);
  Target target;
  bool path_ok = for_each_piece(text.substr(0, question), '/', [&](std::string_view piece) {
    auto decoded = percent_decode(piece);
    if (decoded) target.path.push_back(*decoded);
    return decoded.has_value();
  });
  bool query_ok = for_each_piece(query, '&', [&](std::string_view piece) {
    auto equals = piece.find('=');
    auto key = percent_decode(piece.substr(0, equals));
    auto value = percent_decode(equals == std::string_view::npos ? "" : piece.substr(equals + 1));
    if (key && value) target.query[*key] = *value;
    return key && value;
  });
  if (!path_ok || !query_ok) return Error("the request target holds a broken percent escape", 400);
  return target;
}

bool matches(const std::vector<std::string>& path, std::string_view pattern) {
  std::size_t i = 0;
  bool same = for_each_piece(pattern, '/', [&](std::string_view piece) {
    if (i >= path.size()) return false;
    const std::string& segment = path[i++];
    return piece == "*" || segment == piece;
  });
  return same && i == path.size();
}

}  // namespace sixpn::agent
