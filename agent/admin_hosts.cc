// The admin API's part in trust: what the holder of the root key signed, on its way to the
// registry; and this host's own keys.
#include <boost/json/array.hpp>

#include "agent/admin_api.h"
#include "agent/core/trust_writes.h"
#include "base/encoding.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

Result<std::string> statement_of(const json::value& value) {
  const auto* text = value.if_string();
  auto bytes = text == nullptr ? std::nullopt : parse_base64(std::string(*text));
  if (!bytes) return Error("a statement is expected in base64", kInvalid);
  return *bytes;
}

}  // namespace

Result<std::vector<std::string>> statements_of(const Call& call) {
  const json::value* given = call.body.if_contains("statements");
  if (given == nullptr || !given->is_array()) return Error("statements: expected a list", kInvalid);
  std::vector<std::string> statements;
  for (const auto& each : given->as_array()) {
    auto statement = statement_of(each);
    if (!statement) return std::move(statement).error();
    statements.push_back(std::move(*statement));
  }
  return statements;
}

void AdminApi::revoke_host(const Call& call, Reply reply) {
  const json::value* given = call.body.if_contains("statement");
  auto statement = statement_of(given == nullptr ? json::value() : *given);
  if (!statement) return reply.fail(statement.error());
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  auto write = plan_revocation(*snapshot, rooms_.identity.root_key, *statement);
  if (!write) return reply.fail(write.error());
  HostId host = std::get<RevocationRecord>(write->value).host;
  rooms_.write({std::move(*write)}, [reply, host](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    reply.ok(json::object{{"host", to_string(host)}});
  });
}

void AdminApi::renew_hosts(const Call& call, Reply reply) {
  auto statements = statements_of(call);
  if (!statements) return reply.fail(statements.error());
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  auto writes = plan_renewals(*snapshot, rooms_.identity.root_key, *statements);
  if (!writes) return reply.fail(writes.error());
  std::size_t count = writes->size();
  rooms_.write(std::move(*writes), [reply, count](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    reply.ok(json::object{{"renewed", count}});
  });
}

void AdminApi::rotate_key(const Call& call, Reply reply) {
  const json::value* force = call.body.if_contains("force");
  if (force != nullptr && !force->is_bool())
    return reply.fail(Error("force: expected true or false", kInvalid));
  PublicKey before = wireguard_public_key(rooms_.rotator->keys().main);
  rooms_.rotator->begin(force != nullptr && force->get_bool(),
                        [reply, before](const Result<PublicKey>& key) {
                          if (!key) return reply.fail(key.error());
                          reply.ok(json::object{{"wireguard_key", to_base64(as_bytes(*key))},
                                                {"replaced_key", to_base64(as_bytes(before))}});
                        });
}

void AdminApi::leave_cluster(const Call&, Reply reply) {
  rooms_.leave([reply](const Result<void>& left) {
    if (!left) return reply.fail(left.error());
    reply.ok(json::object());
  });
}

}  // namespace sixpn::agent
