// The header form of a ReplayInstruction, and what both forms share.
#include <algorithm>
#include <charconv>

#include "flycast/core/http1_syntax.h"
#include "flycast/core/replay_fields.h"
#include "flycast/core/replay_instruction.h"

namespace sixpn::flycast {
namespace {

constexpr std::string_view kJsonType = "application/vnd.fly.replay+json";

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool has_unquoted(std::string_view text, char wanted) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == wanted) {
      return true;
    }
  }
  return false;
}

// "elsewhere =..." at the front: the name of a field of fly-replay and its '='.
bool begins_field(std::string_view text) {
  text = trimmed(text);
  std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  std::string name = lower_case(trimmed(text.substr(0, equals)));
  return name == "elsewhere" || is_text_field(name);
}

struct Field {
  std::string name;   // in lower case
  std::string value;  // quotes taken off
};

// Takes one field after another off a header's value.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text)
      : rest_(text), commas_end_(!has_unquoted(text, ';')) {}

  // Past separators and blanks, whether something is left.
  bool more() {
    while (!rest_.empty() && (is_blank(rest_.front()) || rest_.front() == ';'))
      rest_.remove_prefix(1);
    return !rest_.empty();
  }

  Result<Field> next() {
    std::size_t equals = rest_.find_first_of("=;\"");
    if (equals == std::string_view::npos || rest_[equals] != '=')
      return Error("expected name=value, found " + shown());
    Field field;
    field.name = lower_case(trimmed(rest_.substr(0, equals)));
    rest_.remove_prefix(equals + 1);
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    bool quoted = !rest_.empty() && rest_.front() == '"';
    if (auto read = quoted ? read_quoted(field) : read_plain(field); !read)
      return std::move(read).error().within(field.name);
    return field;
  }

 private:
  // A quoted-string of RFC 9110 section 5.6.4, and that nothing but a separator follows.
  Result<void> read_quoted(Field& field) {
    std::size_t i = 1;
    for (; i < rest_.size() && rest_[i] != '"'; ++i) {
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      field.value += rest_[i];
    }
    if (i >= rest_.size()) return Error("the quote is not closed");
    rest_.remove_prefix(i + 1);
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    if (rest_.empty() || rest_.front() == ';') return {};
    if (rest_.front() != ',' || !commas_end_ || !begins_field(rest_.substr(1)))
      return Error("expected ; after the closing quote, found " + shown());
    rest_.remove_prefix(1);
    return {};
  }

  Result<void> read_plain(Field& field) {
    std::size_t end = std::min(rest_.find(';'), rest_.size());
    for (std::size_t comma = rest_.find(','); commas_end_ && comma < end;
         comma = rest_.find(',', comma + 1))
      if (begins_field(rest_.substr(comma + 1))) end = comma;
    std::string_view value = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (field.name == "region" && value.find(',') != std::string_view::npos)
      return Error("a list of regions must be quoted");
    if (field.name != "state" && value.find('"') != std::string_view::npos)
      return Error("a quote in the middle of a value");
    field.value = value;
    return {};
  }

  [[nodiscard]] std::string shown() const {
    return "'" + std::string(rest_.substr(0, 40)) + (rest_.size() > 40 ? "...'" : "'");
  }

  std::string_view rest_;
  bool commas_end_;
};

Result<void> set_field(ReplayInstruction& instruction, const Field& field) {
  if (field.name != "elsewhere") return set_text_field(instruction, field.name, field.value);
  if (field.value != "true" && field.value != "false")
    return Error("elsewhere: expected true or false");
  instruction.elsewhere = field.value == "true";
  return {};
}

bool is_json_type(std::string_view content_type) {
  return same_name(trimmed(content_type.substr(0, content_type.find(';'))), kJsonType);
}

Result<std::int64_t> parse_seconds(std::string_view text) {
  std::int64_t seconds = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size())
    return Error("fly-replay-cache-ttl-secs: expected a number of seconds");
  return seconds;
}

Result<void> read_cache_ttl(ReplayCacheOrder& cache, const HeaderList& response) {
  if (response.count("fly-replay-cache-ttl-secs") != 1)
    return Error("fly-replay-cache: fly-replay-cache-ttl-secs must be there, once");
  auto seconds = parse_seconds(*response.find("fly-replay-cache-ttl-secs"));
  if (!seconds) return std::move(seconds).error();
  return set_cache_ttl(cache, *seconds);
}

Result<ReplayInstruction> parse_header_form(const HeaderList& response) {
  if (response.count("fly-replay") != 1) return Error("there is more than one fly-replay header");
  auto instruction = parse_replay_header(*response.find("fly-replay"));
  if (!instruction) return instruction;
  auto cache = parse_replay_cache(response);
  if (!cache) return std::move(cache).error();
  instruction->cache = std::move(*cache);
  return instruction;
}

}  // namespace

ReplayForm replay_form(const HeaderList& response) {
  if (response.contains("fly-replay")) return ReplayForm::kHeader;
  auto type = response.find("content-type");
  return type && is_json_type(*type) ? ReplayForm::kJson : ReplayForm::kNone;
}

Result<ReplayInstruction> parse_replay_header(std::string_view value) {
  if (value.size() > kMaxReplayHeader)
    return Error("fly-replay: more than " + std::to_string(kMaxReplayHeader) + " bytes");
  ReplayInstruction instruction;
  std::vector<std::string> seen;
  FieldReader reader(value);
  while (reader.more()) {
    auto field = reader.next();
    if (!field) return std::move(field).error().within("fly-replay");
    if (std::find(seen.begin(), seen.end(), field->name) != seen.end())
      return Error("fly-replay: " + field->name + " is there twice");
    if (auto set = set_field(instruction, *field); !set)
      return std::move(set).error().within("fly-replay");
    seen.push_back(std::move(field->name));
  }
  if (auto whole = check_instruction(instruction); !whole)
    return std::move(whole).error().within("fly-replay");
  return instruction;
}

Result<ReplayCacheOrder> parse_replay_cache(const HeaderList& response) {
  ReplayCacheOrder cache;
  if (response.count("fly-replay-cache") > 1)
    return Error("there is more than one fly-replay-cache header");
  auto pattern = response.find("fly-replay-cache");
  if (!pattern) return cache;
  if (*pattern == "invalidate") {
    cache.invalidate = true;
    return cache;
  }
  if (auto set = set_cache_pattern(cache, *pattern); !set)
    return std::move(set).error().within("fly-replay-cache");
  if (auto read = read_cache_ttl(cache, response); !read) return std::move(read).error();
  cache.allow_bypass = response.find("fly-replay-cache-allow-bypass") == "yes";
  return cache;
}

Result<ReplayInstruction> parse_replay(const HeaderList& response, ReplayForm form,
                                       std::string_view body) {
  switch (form) {
    case ReplayForm::kHeader:
      return parse_header_form(response);
    case ReplayForm::kJson:
      return parse_replay_json(body);
    case ReplayForm::kNone:
      break;
  }
  return Error("the response asks for no replay");
}

std::string_view uncachable(const ReplayInstruction& instruction) {
  if (!instruction.state.empty()) return "it has a state";
  if (!instruction.transform.empty()) return "it transforms the request";
  if (instruction.timeout) return "it has a timeout";
  if (instruction.fallback != ReplayFallback::kNone) return "it has a fallback";
  return "";
}

}  // namespace sixpn::flycast
