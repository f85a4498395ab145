#include "machine/core/machine_file.h"

#include <boost/json.hpp>

namespace sixpn::machine {
namespace {

namespace json = boost::json;

constexpr std::int64_t kFormat = 1;

// Arguments and variables may be any bytes, so strings are not required to be UTF-8.
Result<json::object> parse_object(std::string_view text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  boost::system::error_code failed;
  auto value = json::parse(text, failed, {}, options);
  if (failed) return Error("not JSON: " + failed.message());
  if (!value.is_object()) return Error("not a JSON object");
  return std::move(value.get_object());
}

// Reads members of one object; the first that is missing or of the wrong shape is remembered by
// name.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  std::string text(std::string_view name) {
    const auto* value = find(name);
    return value && value->is_string() ? std::string(value->get_string()) : wrong(name, "");
  }

  std::int64_t number(std::string_view name) {
    const auto* value = find(name);
    if (!value) return 0;
    boost::system::error_code failed;
    auto number = value->to_number<std::int64_t>(failed);
    return failed ? wrong(name, std::int64_t{0}) : number;
  }

  bool flag(std::string_view name) {
    const auto* value = find(name);
    return value && value->is_bool() ? value->get_bool() : wrong(name, false);
  }

  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    const auto* value = find(name);
    if (!value || !value->is_array()) return wrong(name, out);
    for (const auto& item : value->get_array()) {
      if (!item.is_string()) return wrong(name, out);
      out.emplace_back(item.get_string());
    }
    return out;
  }

  std::map<std::string, std::string> map(std::string_view name) {
    std::map<std::string, std::string> out;
    const auto* value = find(name);
    if (!value || !value->is_object()) return wrong(name, out);
    for (const auto& [key, item] : value->get_object()) {
      if (!item.is_string()) return wrong(name, out);
      out.emplace(key, item.get_string());
    }
    return out;
  }

  // What `parse` makes of a text.
  template <class T>
  T parsed(std::string_view name, std::optional<T> (*parse)(std::string_view)) {
    auto value = parse(text(name));
    return value ? *value : wrong(name, T{});
  }

  const json::object& object(std::string_view name) {
    static const json::object kEmpty;
    const auto* value = find(name);
    if (value && value->is_object()) return value->get_object();
    wrong(name, 0);
    return kEmpty;
  }

  void note(std::string_view name) { wrong(name, 0); }

  [[nodiscard]] Result<void> outcome() const {
    if (bad_.empty()) return {};
    return Error("\"" + bad_ + "\" is missing or wrong");
  }

 private:
  const json::value* find(std::string_view name) {
    const auto* value = object_.if_contains(name);
    if (!value) wrong(name, 0);
    return value;
  }
  template <class T>
  T wrong(std::string_view name, T fallback) {
    if (bad_.empty()) bad_ = name;
    return fallback;
  }

  const json::object& object_;
  std::string bad_;
};

json::object to_object(const std::map<std::string, std::string>& map) {
  json::object object;
  for (const auto& [key, value] : map) object[key] = value;
  return object;
}

json::array to_array(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::object to_object(const ProcessSpec& process) {
  std::vector<std::string> nameservers;
  for (const auto& ip : process.resolver.nameservers) nameservers.push_back(to_string(ip));
  return {{"command", to_array(process.command)},
          {"env", to_object(process.env)},
          {"cwd", process.cwd},
          {"user", process.user},
          {"kill_signal", process.kill_signal},
          {"kill_timeout_us", process.kill_timeout.count()},
          {"nameservers", to_array(nameservers)},
          {"searches", to_array(process.resolver.searches)},
          {"options", to_array(process.resolver.options)}};
}

Result<ProcessSpec> read_process(const json::object& object) {
  Reader reader(object);
  ProcessSpec process;
  process.command = reader.texts("command");
  process.env = reader.map("env");
  process.cwd = reader.text("cwd");
  process.user = reader.text("user");
  process.kill_signal = reader.text("kill_signal");
  process.kill_timeout = Duration(reader.number("kill_timeout_us"));
  for (const auto& text : reader.texts("nameservers")) {
    auto ip = parse_ip(text);
    if (!ip) reader.note("nameservers");
    process.resolver.nameservers.push_back(ip.value_or(Ip6{}));
  }
  process.resolver.searches = reader.texts("searches");
  process.resolver.options = reader.texts("options");
  if (auto outcome = reader.outcome(); !outcome) return outcome.error();
  return process;
}

Placement read_placement(Reader& reader) {
  Placement placement;
  placement.app = reader.text("app");
  placement.org = reader.text("org");
  placement.network = reader.parsed<NetworkId>("network", parse_network_id);
  placement.network_name = reader.text("network_name");
  placement.primary_region = reader.text("primary_region");
  placement.group = reader.text("group");
  placement.metadata = reader.map("metadata");
  placement.skip_dns = reader.flag("skip_dns");
  return placement;
}

std::optional<MachineKind> parse_kind(std::string_view text) {
  if (text == "run") return MachineKind::kRun;
  if (text == "attached") return MachineKind::kAttached;
  return std::nullopt;
}

// A file edited by hand is held to the same rules as a request.
Result<void> validate(const MachineFile& file) {
  if (file.kind == MachineKind::kRun)
    return machine::validate(RunRequest{file.placement, file.process});
  return machine::validate(AttachRequest{file.placement, file.netns_path});
}

}  // namespace

std::string encode(const MachineFile& file) {
  json::object object{{"format", kFormat},
                      {"id", to_string(file.id)},
                      {"kind", file.kind == MachineKind::kRun ? "run" : "attached"},
                      {"app", file.placement.app},
                      {"org", file.placement.org},
                      {"network", to_string(file.placement.network)},
                      {"network_name", file.placement.network_name},
                      {"primary_region", file.placement.primary_region},
                      {"group", file.placement.group},
                      {"metadata", to_object(file.placement.metadata)},
                      {"skip_dns", file.placement.skip_dns},
                      {"address", to_string(file.address)},
                      {"netns", file.netns_path},
                      {"netns_identity", file.netns_identity},
                      {"version", file.version},
                      {"desired", to_string(file.desired)},
                      {"boot_id", file.boot_id},
                      {"updated_ms", unix_ms(file.updated)},
                      {"cordoned", file.cordoned}};
  if (file.kind == MachineKind::kRun) object["process"] = to_object(file.process);
  return json::serialize(object) + "\n";
}

std::string encode(const ShimFile& file) {
  return json::serialize(json::object{{"pid", file.pid},
                                      {"start_time", file.start_time},
                                      {"command_pid", file.command_pid},
                                      {"boot_id", file.boot_id},
                                      {"started_ms", unix_ms(file.started)}}) +
         "\n";
}

std::string encode(const ExitFile& file) {
  return json::serialize(json::object{{"code", file.exit.code},
                                      {"signal", file.exit.signal},
                                      {"at_ms", unix_ms(file.exit.at)},
                                      {"reason", file.reason}}) +
         "\n";
}

Result<MachineFile> decode_machine_file(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return object.error();
  Reader reader(*object);
  if (reader.number("format") != kFormat) return Error("written by another version of sixpnd");
  MachineFile file;
  file.id = reader.parsed<MachineId>("id", parse_machine_id);
  file.kind = reader.parsed<MachineKind>("kind", parse_kind);
  file.placement = read_placement(reader);
  file.address = reader.parsed<Ip6>("address", parse_ip6);
  file.netns_path = reader.text("netns");
  file.netns_identity = reader.text("netns_identity");
  file.version = reader.text("version");
  file.desired = reader.parsed<Desired>("desired", parse_desired);
  file.boot_id = reader.text("boot_id");
  file.updated = from_unix_ms(reader.number("updated_ms"));
  if (object->contains("cordoned")) file.cordoned = reader.flag("cordoned");
  if (file.kind == MachineKind::kRun) {
    auto process = read_process(reader.object("process"));
    if (!process) return process.error();
    file.process = std::move(*process);
  }
  if (auto outcome = reader.outcome(); !outcome) return outcome.error();
  if (auto checked = validate(file); !checked) return checked.error();
  return file;
}

Result<ShimFile> decode_shim_file(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return object.error();
  Reader reader(*object);
  ShimFile file;
  file.pid = static_cast<std::int32_t>(reader.number("pid"));
  file.start_time = static_cast<std::uint64_t>(reader.number("start_time"));
  file.command_pid = static_cast<std::int32_t>(reader.number("command_pid"));
  file.boot_id = reader.text("boot_id");
  file.started = from_unix_ms(reader.number("started_ms"));
  if (auto outcome = reader.outcome(); !outcome) return outcome.error();
  if (file.pid <= 1) return Error("\"pid\" is missing or wrong");
  return file;
}

Result<ExitFile> decode_exit_file(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return object.error();
  Reader reader(*object);
  ExitFile file;
  file.exit.code = static_cast<int>(reader.number("code"));
  file.exit.signal = static_cast<int>(reader.number("signal"));
  file.exit.at = from_unix_ms(reader.number("at_ms"));
  if (object->contains("reason")) file.reason = reader.text("reason");
  if (auto outcome = reader.outcome(); !outcome) return outcome.error();
  return file;
}

MachineRecord make_record(const MachineFile& file, HostId host, const std::string& region,
                          MachineState state, WallTime updated) {
  MachineRecord record;
  record.id = file.id;
  record.host = host;
  record.network = file.placement.network;
  record.app = file.placement.app;
  record.group = file.placement.group;
  record.region = region;
  record.address = file.address;
  const auto& metadata = file.placement.metadata;
  record.metadata = {metadata.begin(), metadata.end()};
  record.state = state;
  record.skip_dns = file.placement.skip_dns;
  record.cordoned = file.cordoned;
  record.updated = updated;
  return record;
}

}  // namespace sixpn::machine
