// Table: rows of text in aligned columns, two spaces apart, no trailing spaces. Widths count
// characters of UTF-8, not bytes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sixpn::cli {

class Table {
 public:
  // Headings, in capitals as in Fly's tools.
  explicit Table(std::vector<std::string> headings) : rows_{std::move(headings)} {}

  // An empty cell is shown as "-". Missing cells too.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  // Each line ended by a newline.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "key  value" lines, the values in one column.
std::string key_values(const std::vector<std::pair<std::string, std::string>>& lines);

// "a, b, c"
std::string join(const std::vector<std::string>& words, std::string_view separator);

// Bytes from elsewhere as a terminal may be shown them: control characters become "?".
std::string printable(std::string text);

}  // namespace sixpn::cli
