#include "flycast/core/http1_head.h"

#include <algorithm>
#include <array>

#include "flycast/core/field_roles.h"
#include "flycast/core/http1_limits.h"

namespace sixpn::flycast {
namespace {

constexpr std::string_view kContinue = "100-continue";

// What the fields of a head say about its connection and body.
struct ConnectionFields {
  int hosts = 0;
  std::string_view host;
  int lengths = 0;
  std::string_view length;
  int coding_fields = 0;
  int codings = 0;
  bool chunked_last = false;
  bool has_connection = false;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  int upgrades = 0;
  std::string_view upgrade_to;
  int expects = 0;
  std::string_view expect;
};

void read_codings(std::string_view rest, ConnectionFields& found) {
  ++found.coding_fields;
  while (auto coding = next_member(rest)) {
    ++found.codings;
    found.chunked_last = same_name(*coding, "chunked");
  }
}

void read_connection(std::string_view rest, ConnectionFields& found) {
  found.has_connection = true;
  while (auto option = next_member(rest)) {
    if (same_name(*option, "close")) found.close = true;
    if (same_name(*option, "keep-alive")) found.keep_alive = true;
    if (same_name(*option, "upgrade")) found.upgrade = true;
  }
}

void read_field(const FieldView& field, ConnectionFields& found) {
  switch (role_of(field.name)) {
    case FieldRole::kHost:
      ++found.hosts;
      found.host = field.value;
      break;
    case FieldRole::kLength:
      ++found.lengths;
      found.length = field.value;
      break;
    case FieldRole::kCoding:
      read_codings(field.value, found);
      break;
    case FieldRole::kConnection:
      read_connection(field.value, found);
      break;
    case FieldRole::kUpgrade:
      ++found.upgrades;
      found.upgrade_to = field.value;
      break;
    case FieldRole::kExpect:
      ++found.expects;
      found.expect = field.value;
      break;
    case FieldRole::kHop:
    case FieldRole::kNone:
      break;
  }
}

HttpFault parse_fields(std::string_view section, HeaderList& fields) {
  // With room for what the proxy adds: a list grows seldom then.
  fields.reserve(24, section.size() + 384);
  while (section.size() > 2) {
    std::string_view line = take_line(section);
    if (HttpFault fault = parse_field_line(line, fields)) return fault;
    if (imitates_framing(fields[fields.size() - 1].name))
      return {400, "a field that imitates one of framing"};
  }
  return {};
}

// Of a message that may have a body. `absent`: what it is without either field.
HttpFault read_framing(const ConnectionFields& found, bool is_http10, BodyKind absent,
                       BodyFraming& body) {
  if (found.coding_fields != 0) {
    if (is_http10) return {400, "Transfer-Encoding in HTTP/1.0"};
    if (found.lengths != 0) return {400, "both Content-Length and Transfer-Encoding"};
    if (!found.chunked_last) return {400, "a transfer coding that is not chunked at last"};
    if (found.codings != 1) return {501, "a transfer coding besides chunked"};
    body = {BodyKind::kStreamed, 0};
    return {};
  }
  if (found.lengths > 1) return {400, "more than one Content-Length"};
  if (found.lengths == 0) {
    body = {absent, 0};
    return {};
  }
  auto length = parse_length(found.length);
  if (!length) return {400, "a Content-Length that is no length"};
  body = {BodyKind::kLength, *length};
  return {};
}

// Drops the fields of this connection, and those that Connection names (RFC 9110 section 7.6.1).
// The views of `found` point into `fields` and stay valid: removing moves no text.
void remove_hop_by_hop(const ConnectionFields& found, HeaderList& fields) {
  if (found.has_connection) {
    std::string nominees;
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (role_of(fields[i].name) == FieldRole::kConnection)
        nominees.append(fields[i].value).append(",");
    for (std::string_view rest = nominees; auto nominee = next_member(rest);)
      fields.remove_if([&](const FieldView& field) {
        return same_name(field.name, *nominee) && role_of(field.name) != FieldRole::kConnection;
      });
  }
  fields.remove_if([](const FieldView& field) { return role_of(field.name) != FieldRole::kNone; });
}

// The protocols of an Upgrade field without h2c: a proxy that passed it on would no longer see the
// requests (RFC 9113 section 3.1 withdrew it).
std::string without_h2c(std::string_view rest) {
  std::string kept;
  while (auto protocol = next_member(rest)) {
    if (same_name(*protocol, "h2c") || same_name(*protocol, "h2")) continue;
    if (!kept.empty()) kept += ", ";
    kept += *protocol;
  }
  return kept;
}

HttpFault parse_version(std::string_view text, bool& is_http10) {
  if (text == "HTTP/1.1") return {};
  is_http10 = text == "HTTP/1.0";
  if (is_http10) return {};
  bool well_formed = text.size() == 8 && text.substr(0, 5) == "HTTP/" && text[6] == '.' &&
                     text[5] >= '0' && text[5] <= '9' && text[7] >= '0' && text[7] <= '9';
  if (well_formed) return {505, "a version that is not HTTP/1.1 or 1.0"};
  return {400, "no HTTP version"};
}

bool is_target_char(char c) {
  return c > ' ' && static_cast<unsigned char>(c) < 0x7f && c != '#';
}

HttpFault parse_absolute_form(std::string_view target, RequestHead& into) {
  std::size_t colon = target.find("://");
  if (colon == std::string_view::npos) return {400, "a target of no known form"};
  std::string_view scheme = target.substr(0, colon);
  if (!same_name(scheme, "http") && !same_name(scheme, "https"))
    return {400, "a target of another scheme"};
  std::string_view rest = target.substr(colon + 3);
  std::size_t path = rest.find_first_of("/?");
  into.host = rest.substr(0, path);
  if (!is_authority(into.host)) return {400, "a target whose host is none"};
  std::string_view after = path == std::string_view::npos ? std::string_view() : rest.substr(path);
  bool server_wide = after.empty() && into.method == "OPTIONS";  // RFC 9112 section 3.2.4
  into.target = server_wide ? "*" : after.starts_with('/') ? "" : "/";
  into.target += after;
  return {};
}

HttpFault parse_target(std::string_view target, RequestHead& into) {
  if (into.method == "CONNECT") return {501, "CONNECT"};
  if (target.empty()) return {400, "no target"};
  if (!std::all_of(target.begin(), target.end(), is_target_char))
    return {400, "a character that no target may hold"};
  if (target[0] == '/') {
    into.target = target;
    return {};
  }
  if (target != "*") return parse_absolute_form(target, into);
  if (into.method != "OPTIONS") return {400, "the target * of a method other than OPTIONS"};
  into.target = target;
  return {};
}

HttpFault parse_request_line(std::string_view line, RequestHead& into) {
  std::size_t method_end = 0;
  while (method_end < line.size() && is_token_char(line[method_end])) ++method_end;
  if (method_end == 0 || method_end == line.size() || line[method_end] != ' ')
    return {400, "no method"};
  if (method_end > kMaxMethodBytes) return {501, "a method that is too long"};
  into.method = line.substr(0, method_end);
  std::string_view rest = line.substr(method_end + 1);
  std::size_t target_end = rest.find(' ');
  if (target_end == std::string_view::npos) return {400, "no HTTP version"};
  if (HttpFault fault = parse_version(rest.substr(target_end + 1), into.is_http10)) return fault;
  return parse_target(rest.substr(0, target_end), into);
}

HttpFault check_host(const ConnectionFields& found, RequestHead& into) {
  if (found.hosts > 1) return {400, "more than one Host"};
  if (found.hosts == 0) {
    if (!into.is_http10) return {400, "no Host"};
    return {};
  }
  if (!is_authority(found.host)) return {400, "a Host that is none"};
  if (into.host.empty()) into.host = found.host;  // an absolute target's goes first
  return {};
}

HttpFault check_expect(const ConnectionFields& found, RequestHead& into) {
  if (found.expects == 0 || into.is_http10) return {};
  if (found.expects > 1 || !same_name(found.expect, kContinue))
    return {417, "an expectation other than 100-continue"};
  into.expects_continue = into.body.kind != BodyKind::kNone;
  return {};
}

HttpFault parse_status_line(std::string_view line, ResponseHead& into) {
  if (line.size() < 12 || line[8] != ' ') return {502, "no status line"};
  if (HttpFault fault = parse_version(line.substr(0, 8), into.is_http10)) return {502, fault.why};
  for (std::size_t i = 9; i < 12; ++i) {
    if (line[i] < '0' || line[i] > '9') return {502, "a status that is no number"};
    into.status = into.status * 10 + (line[i] - '0');
  }
  if (into.status < 100) return {502, "a status below 100"};
  if (line.size() > 12 && line[12] != ' ') return {502, "no blank behind the status"};
  if (line.size() > 13) into.reason = line.substr(13);
  return {};
}

HttpFault read_response_framing(const ConnectionFields& found, const ResponseContext& context,
                                ResponseHead& into) {
  if (HttpFault fault = read_framing(found, into.is_http10, BodyKind::kUntilClose, into.body))
    return {502, fault.why};
  if (into.status == 101) {
    if (!context.upgrade || found.upgrades != 1 || !found.upgrade)
      return {502, "a switch of protocols that was not asked for"};
    into.upgrade = found.upgrade_to;
  }
  if (!has_no_body(context.method, into.status)) return {};
  // A length says what GET would give (RFC 9110 section 8.6); with 1xx and 204 it may not be there.
  bool tells =
      into.body.kind == BodyKind::kLength && !is_interim(into.status) && into.status != 204;
  if (tells) into.fields.add("Content-Length", std::to_string(into.body.length));
  into.body = {};
  return {};
}

}  // namespace

bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kIdempotent = {"GET",    "HEAD",    "PUT",
                                                           "DELETE", "OPTIONS", "TRACE"};
  return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

bool has_no_body(std::string_view method, int status) {
  return method == "HEAD" || is_interim(status) || status == 204 || status == 304;
}

HttpFault parse_request_head(std::string_view head, RequestHead& into) {
  if (HttpFault fault = parse_request_line(take_line(head), into)) return fault;
  if (HttpFault fault = parse_fields(head, into.fields)) return fault;
  ConnectionFields found;
  for (std::size_t i = 0; i < into.fields.size(); ++i) read_field(into.fields[i], found);
  if (HttpFault fault = check_host(found, into)) return fault;
  if (HttpFault fault = read_framing(found, into.is_http10, BodyKind::kNone, into.body))
    return fault;
  if (HttpFault fault = check_expect(found, into)) return fault;
  if (into.method == "TRACE" && into.body.kind != BodyKind::kNone)
    return {400, "a TRACE with a body"};
  into.keep_alive = !found.close && (!into.is_http10 || found.keep_alive);
  if (found.upgrade && found.upgrades != 0 && !into.is_http10)
    into.upgrade = without_h2c(found.upgrade_to);
  remove_hop_by_hop(found, into.fields);
  return {};
}

HttpFault parse_response_head(std::string_view head, const ResponseContext& context,
                              ResponseHead& into) {
  if (HttpFault fault = parse_status_line(take_line(head), into)) return fault;
  if (HttpFault fault = parse_fields(head, into.fields)) return {502, fault.why};
  ConnectionFields found;
  for (std::size_t i = 0; i < into.fields.size(); ++i) read_field(into.fields[i], found);
  into.keep_alive = !found.close && (!into.is_http10 || found.keep_alive);
  remove_hop_by_hop(found, into.fields);
  if (HttpFault fault = read_response_framing(found, context, into)) return fault;
  if (into.body.kind == BodyKind::kUntilClose) into.keep_alive = false;
  return {};
}

namespace {

// What follows the fields of a head, mostly.
constexpr std::size_t kFramingBytes = 128;

void write_fields(const HeaderList& fields, std::string& out) {
  std::size_t size = kFramingBytes;
  for (const FieldView& field : fields) size += field.name.size() + field.value.size() + 4;
  out.reserve(out.size() + size);
  for (std::size_t i = 0; i < fields.size(); ++i)
    out.append(fields[i].name).append(": ").append(fields[i].value).append("\r\n");
}

void write_framing(const BodyFraming& body, std::string& out) {
  if (body.kind == BodyKind::kLength)
    out.append("Content-Length: ").append(std::to_string(body.length)).append("\r\n");
  if (body.kind == BodyKind::kStreamed) out.append("Transfer-Encoding: chunked\r\n");
}

}  // namespace

void write_request_head(const RequestHead& head, std::string& out) {
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  out.append("Host: ").append(head.host).append("\r\n");
  write_fields(head.fields, out);
  write_framing(head.body, out);
  if (head.expects_continue) out.append("Expect: ").append(kContinue).append("\r\n");
  if (!head.upgrade.empty())
    out.append("Connection: upgrade\r\nUpgrade: ").append(head.upgrade).append("\r\n");
  out.append("\r\n");
}

WireForm response_form(const ResponseHead& head, bool client_is_http10, bool client_keeps_alive) {
  WireForm form{head.body, client_is_http10, client_keeps_alive};
  bool open_ended =
      head.body.kind == BodyKind::kUntilClose || head.body.kind == BodyKind::kStreamed;
  if (!open_ended) return form;
  form.body = {client_is_http10 ? BodyKind::kUntilClose : BodyKind::kStreamed, 0};
  if (client_is_http10) form.keep_alive = false;
  return form;
}

void write_response_head(const ResponseHead& head, const WireForm& form, std::string& out) {
  std::string status = std::to_string(head.status);
  out.append("HTTP/1.1 ").append(status).append(" ").append(head.reason).append("\r\n");
  write_fields(head.fields, out);
  write_framing(form.body, out);
  if (head.status == 101) {
    out.append("Connection: upgrade\r\nUpgrade: ").append(head.upgrade).append("\r\n");
  } else if (!is_interim(head.status)) {
    if (!form.keep_alive) {
      out.append("Connection: close\r\n");
    } else if (form.http10_peer) {
      out.append("Connection: keep-alive\r\n");
    }
  }
  out.append("\r\n");
}

void write_chunk_size(std::uint64_t size, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<char, 16> digits{};
  std::size_t at = digits.size();
  do {
    digits[--at] = kHex[size & 15];
    size >>= 4;
  } while (size != 0);
  out.append(digits.data() + at, digits.size() - at).append("\r\n");
}

void write_last_chunk(const HeaderList& trailers, std::string& out) {
  out.append("0\r\n");
  write_fields(trailers, out);
  out.append("\r\n");
}

}  // namespace sixpn::flycast
