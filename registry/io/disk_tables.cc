#include "registry/io/disk_tables.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>

#include "base/encoding.h"
#include "registry/core/address.h"
#include "registry/core/hybrid_clock.h"

namespace sixpn::registry {

// `id` and `scope` are the slot (slot.h). Hosts and networks are named by id, so that a query joins
// them. Lists and maps are JSON, which SQLite takes apart with ->> and json_each.
const char* const kReadableTables = R"(
CREATE TABLE IF NOT EXISTS hosts (
  id TEXT NOT NULL, scope TEXT NOT NULL, name TEXT, region TEXT, address TEXT,
  wireguard_key TEXT, endpoints TEXT, knock_port INTEGER, version TEXT, incarnation INTEGER,
  writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS machines (
  id TEXT NOT NULL, scope TEXT NOT NULL, app TEXT, process_group TEXT, network TEXT, host TEXT,
  region TEXT, state TEXT, health TEXT, address TEXT, cordoned INTEGER, skip_dns INTEGER,
  metadata TEXT, updated TEXT, writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orgs (
  id TEXT NOT NULL, scope TEXT NOT NULL, name TEXT, updated TEXT, writer TEXT,
  PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS networks (
  id TEXT NOT NULL, scope TEXT NOT NULL, org TEXT, name TEXT, prefix TEXT, updated TEXT,
  writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS apps (
  id TEXT NOT NULL, scope TEXT NOT NULL, name TEXT, org TEXT, network TEXT, primary_region TEXT,
  services TEXT, updated TEXT, writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS flycast (
  id TEXT NOT NULL, scope TEXT NOT NULL, address TEXT, network TEXT, app TEXT, app_network TEXT,
  service TEXT, updated TEXT, writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peers (
  id TEXT NOT NULL, scope TEXT NOT NULL, name TEXT, network TEXT, gateway TEXT, address TEXT,
  wireguard_key TEXT, updated TEXT, writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revocations (
  id TEXT NOT NULL, scope TEXT NOT NULL, host TEXT, updated TEXT, writer TEXT,
  PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS renewals (
  id TEXT NOT NULL, scope TEXT NOT NULL, host TEXT, certificate TEXT, valid_until TEXT,
  updated TEXT, writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS interests (
  id TEXT NOT NULL, scope TEXT NOT NULL, host TEXT, holds TEXT, networks TEXT,
  incarnation INTEGER, writer TEXT, PRIMARY KEY (id, scope)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tls_grants (
  id TEXT NOT NULL, scope TEXT NOT NULL, org TEXT, host TEXT, updated TEXT, writer TEXT,
  PRIMARY KEY (id, scope)) WITHOUT ROWID;
)";

namespace {

namespace json = boost::json;
using Row = std::vector<SqlValue>;

struct Shape {
  std::string_view table;
  std::size_t columns;
};
// By RecordKind.
constexpr std::array<Shape, kReadableKinds> kShapes = {{{"", 0},
                                                        {"hosts", 11},
                                                        {"machines", 15},
                                                        {"orgs", 5},
                                                        {"networks", 7},
                                                        {"apps", 9},
                                                        {"flycast", 9},
                                                        {"peers", 9},
                                                        {"revocations", 5},
                                                        {"renewals", 7},
                                                        {"interests", 7},
                                                        {"tls_grants", 6}}};
static_assert(static_cast<std::size_t>(RecordKind::kTlsGrant) + 1 == kShapes.size());

std::string key_text(const PublicKey& key) {
  return to_base64(as_bytes(key));
}

// "2026-11-21T06:40:00Z"; NULL for a time that was never set.
SqlValue time_value(WallTime when) {
  if (unix_ms(when) <= 0) return {};
  std::time_t seconds = unix_ms(when) / 1000;
  std::tm utc{};
  std::array<char, 32> text{};
  if (gmtime_r(&seconds, &utc) == nullptr) return {};
  std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text.data(), size);
}

SqlValue text_or_null(const std::string& text) {
  return text.empty() ? SqlValue() : SqlValue(text);
}

json::array strings(const std::vector<std::string>& items) {
  json::array out;
  for (const auto& item : items) out.emplace_back(item);
  return out;
}

std::string services_json(const std::vector<Service>& services) {
  json::array out;
  for (const auto& service : services) {
    json::array ports;
    for (const auto& port : service.ports)
      ports.push_back(json::object{
          {"first", port.first}, {"last", port.last}, {"handlers", strings(port.handlers)}});
    json::object each;
    each["protocol"] = service.protocol == ServiceProtocol::kTcp ? "tcp" : "udp";
    each["internal_port"] = service.internal_port;
    each["ports"] = std::move(ports);
    each["groups"] = strings(service.groups);
    each["soft_limit"] = service.soft_limit;
    each["hard_limit"] = service.hard_limit;
    out.push_back(std::move(each));
  }
  return json::serialize(out);
}

// The facts of a value, between the slot before them and time and writer after them.
struct Facts {
  Row operator()(const HostValue& host) const {
    const HostRecord& r = *host;
    json::array endpoints;
    for (const auto& endpoint : r.endpoints) endpoints.emplace_back(to_string(endpoint));
    return {r.name,
            r.region,
            to_string(host_address(r.id)),
            key_text(r.wireguard_key),
            json::serialize(endpoints),
            std::int64_t{r.knock_port},
            r.version};
  }
  Row operator()(const MachineRecord& r) const {
    json::object metadata;
    for (auto [key, value] : r.metadata) metadata[key] = value;
    return {r.app,
            r.group,
            to_string(r.network),
            to_string(r.host),
            r.region,
            std::string(to_string(r.state)),
            std::string(to_string(r.health)),
            to_string(r.address),
            std::int64_t{r.cordoned},
            std::int64_t{r.skip_dns},
            json::serialize(metadata)};
  }
  Row operator()(const OrgRecord& r) const { return {r.name}; }
  Row operator()(const NetworkRecord& r) const {
    return {r.org, r.name, to_string(network_prefix(r.id))};
  }
  Row operator()(const AppValue& app) const {
    const AppRecord& r = *app;
    return {r.name, r.org, to_string(r.network), text_or_null(r.primary_region),
            services_json(r.services)};
  }
  Row operator()(const FlycastRecord& r) const {
    return {to_string(r.address), to_string(network_of(r.address)), r.app, to_string(r.app_network),
            text_or_null(r.service_name)};
  }
  Row operator()(const PeerRecord& r) const {
    return {r.name, to_string(r.network), to_string(r.gateway), to_string(r.address),
            key_text(r.wireguard_key)};
  }
  Row operator()(const RevocationRecord& r) const { return {to_string(r.host)}; }
  Row operator()(const RenewalRecord& r) const {
    return {to_string(r.host), to_hex(as_bytes(r.certificate)), time_value(r.valid_until)};
  }
  Row operator()(const InterestRecord& r) const {
    json::array networks;
    for (NetworkId network : r.networks) networks.emplace_back(to_string(network));
    return {to_string(r.host), r.all ? "all" : "used", json::serialize(networks)};
  }
  Row operator()(const TlsGrantRecord& r) const {
    return {r.org, r.host == HostId{} ? SqlValue() : SqlValue(to_string(r.host))};
  }
  Row operator()(const auto&) const { return {}; }  // a tombstone, or a kind without a table
};

// When it was written: by the record's own word, by the hybrid clock, or, for hosts, which life.
SqlValue when(const Record& record) {
  if (const auto* machine = std::get_if<MachineRecord>(&record.value))
    return time_value(machine->updated);
  if (is_owned(record)) return static_cast<std::int64_t>(record.stamp.major);
  return time_value(HybridClock::to_wall(record.stamp.major));
}

std::unique_ptr<SqlStatement> prepare_put(sqlite3* database, const Shape& shape) {
  std::string sql = "INSERT OR REPLACE INTO " + std::string(shape.table) + " VALUES (?";
  for (std::size_t i = 1; i < shape.columns; ++i) sql += ",?";
  return std::make_unique<SqlStatement>(database, sql + ")");
}

}  // namespace

std::vector<SqlValue> readable_row(const Record& record) {
  Row facts = std::visit(Facts{}, record.value);
  if (facts.empty()) return {};
  Slot slot = slot_of(record);
  Row row = {slot.key.id, slot.scope};
  for (auto& fact : facts) row.push_back(std::move(fact));
  row.push_back(when(record));
  row.emplace_back(to_string(record.writer));
  return row;
}

int ReadableTables::write(const Slot& slot, const SignedRecord* record) {
  auto kind = static_cast<std::size_t>(slot.key.kind);
  if (kind == 0 || kind >= kReadableKinds) return SQLITE_OK;
  Row row;
  if (record != nullptr) row = readable_row(record->record);
  return row.empty() ? remove(kind, slot) : put(kind, row);
}

int ReadableTables::put(std::size_t kind, const Row& row) {
  auto& statement = puts_.at(kind);
  if (!statement) statement = prepare_put(database_, kShapes.at(kind));
  if (!*statement) return sqlite3_errcode(database_);
  int parameter = 0;
  for (const auto& value : row) {
    ++parameter;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      statement->bind(parameter, *number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      statement->bind_text(parameter, *text);
    } else {
      statement->bind_null(parameter);
    }
  }
  int done = statement->step();
  statement->reset();
  return done == SQLITE_DONE ? SQLITE_OK : done;
}

int ReadableTables::remove(std::size_t kind, const Slot& slot) {
  auto& statement = removals_.at(kind);
  if (!statement)
    statement = std::make_unique<SqlStatement>(
        database_,
        "DELETE FROM " + std::string(kShapes.at(kind).table) + " WHERE id = ?1 AND scope = ?2");
  if (!*statement) return sqlite3_errcode(database_);
  statement->bind_text(1, slot.key.id);
  statement->bind_text(2, slot.scope);
  int done = statement->step();
  statement->reset();
  return done == SQLITE_DONE ? SQLITE_OK : done;
}

}  // namespace sixpn::registry
