#include "config/table_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "config/duration_text.h"

namespace sixpn::config {

namespace {

void sort_by_place(std::vector<ConfigError>& list) {
  auto place = [](const ConfigError& e) { return std::tuple(e.line, e.column); };
  std::stable_sort(list.begin(), list.end(),
                   [&](const ConfigError& a, const ConfigError& b) { return place(a) < place(b); });
}

// What a file says is shown on terminals: control characters are not.
std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

// `"a", "b" or "c"`
std::string either(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += fmt::format("\"{}\"", words[i]);
  }
  return text;
}

}  // namespace

void Findings::error(TomlPosition at, std::string message) {
  errors.push_back({file, at.line, at.column, printable(std::move(message))});
}

void Findings::note(TomlPosition at, std::string message) {
  notes.push_back({file, at.line, at.column, printable(std::move(message))});
}

void Findings::sort() {
  sort_by_place(errors);
  sort_by_place(notes);
}

TableReader::TableReader(const TomlTable& table, TomlPosition at, std::string name,
                         Findings& findings)
    : table_(&table), at_(at), name_(std::move(name)), findings_(&findings) {}

const TomlEntry* TableReader::find(std::string_view key) {
  known_.push_back(key);
  for (const TomlEntry& entry : table_->entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

const std::vector<TomlEntry>& TableReader::entries() {
  any_key_ = true;
  return table_->entries;
}

std::string TableReader::path(std::string_view key) const {
  if (name_.empty() || key.empty()) return name_ + std::string(key);
  return fmt::format("{}.{}", name_, key);
}

void TableReader::error(TomlPosition at, std::string_view key, std::string_view message) {
  findings_->error(at, fmt::format("{}: {}", path(key), message));
}

void TableReader::note(TomlPosition at, std::string_view key, std::string_view message) {
  findings_->note(at, fmt::format("{}: {}", path(key), message));
}

void TableReader::expected(const TomlEntry& entry, std::string_view what) {
  error(entry.value.at, entry.key,
        fmt::format("expected {}, found {}", what, describe(entry.value)));
}

std::optional<Read<bool>> TableReader::boolean(std::string_view key) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  if (const auto* flag = std::get_if<bool>(&entry->value.value)) return {{*flag, entry->value.at}};
  expected(*entry, "true or false");
  return std::nullopt;
}

std::optional<Read<std::string>> TableReader::string(std::string_view key) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&entry->value.value))
    return {{*text, entry->value.at}};
  expected(*entry, "a string");
  return std::nullopt;
}

std::optional<Read<std::int64_t>> TableReader::integer(std::string_view key, std::int64_t min,
                                                       std::int64_t max) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  const auto* integer = std::get_if<std::int64_t>(&entry->value.value);
  if (integer == nullptr) {
    expected(*entry, "an integer");
    return std::nullopt;
  }
  if (*integer < min || *integer > max) {
    error(entry->value.at, key, fmt::format("expected {}..{}, found {}", min, max, *integer));
    return std::nullopt;
  }
  return {{*integer, entry->value.at}};
}

std::optional<Read<std::string>> TableReader::word(std::string_view key,
                                                   const std::vector<std::string_view>& words) {
  std::optional<Read<std::string>> text = string(key);
  if (!text || std::find(words.begin(), words.end(), text->value) != words.end()) return text;
  std::string_view meant = nearest_word(text->value, words);
  error(text->at, key,
        fmt::format("expected {}, found \"{}\"{}", either(words), text->value,
                    meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
  return std::nullopt;
}

std::optional<Read<Duration>> TableReader::duration(std::string_view key, Duration max) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  const std::string what =
      fmt::format("a duration such as \"5s\" or a number of seconds, at most {}", to_string(max));
  std::optional<Duration> found;
  if (const auto* text = std::get_if<std::string>(&entry->value.value))
    found = parse_duration(*text);
  const auto* seconds = std::get_if<std::int64_t>(&entry->value.value);
  if (seconds != nullptr && *seconds >= 0 && *seconds <= max.count() / 1'000'000)
    found = std::chrono::seconds(*seconds);
  if (found && *found <= max) return {{*found, entry->value.at}};
  expected(*entry, what);
  return std::nullopt;
}

std::vector<Read<std::string>> TableReader::strings(std::string_view key) {
  std::vector<Read<std::string>> list;
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return list;
  const auto* array = std::get_if<TomlArray>(&entry->value.value);
  if (array == nullptr) {
    expected(*entry, "an array of strings");
    return list;
  }
  for (const TomlValue& item : *array) {
    const auto* text = std::get_if<std::string>(&item.value);
    if (text == nullptr)
      error(item.at, key, fmt::format("expected an array of strings, found {}", describe(item)));
    else
      list.push_back({*text, item.at});
  }
  return list;
}

std::optional<TableReader> TableReader::table(std::string_view key) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  if (const auto* inner = std::get_if<TomlTable>(&entry->value.value))
    return TableReader(*inner, entry->value.at, path(key), *findings_);
  expected(*entry, fmt::format("a table [{}]", path(key)));
  return std::nullopt;
}

std::vector<TableReader> TableReader::tables(std::string_view key) {
  std::vector<TableReader> list;
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return list;
  const auto* array = std::get_if<TomlArray>(&entry->value.value);
  if (array == nullptr) {
    expected(*entry, fmt::format("tables [[{}]]", path(key)));
    return list;
  }
  for (const TomlValue& item : *array) {
    if (const auto* inner = std::get_if<TomlTable>(&item.value))
      list.emplace_back(*inner, item.at, path(key), *findings_);
    else
      error(item.at, key,
            fmt::format("expected tables [[{}]], found {}", path(key), describe(item)));
  }
  return list;
}

void TableReader::accept_unused(std::string_view key) {
  if (const TomlEntry* entry = find(key))
    findings_->note(entry->key_at, fmt::format("accepted, not used: {}", path(key)));
}

void TableReader::report_unknown_keys() {
  if (any_key_) return;
  for (const TomlEntry& entry : table_->entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    bool section = std::holds_alternative<TomlTable>(entry.value.value);
    std::string_view meant = nearest_word(entry.key, known_);
    error(entry.key_at, entry.key,
          fmt::format("unknown {}{}", section ? "section" : "key",
                      meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
  }
}

}  // namespace sixpn::config
