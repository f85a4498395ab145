// PostgreSQL behind a port with the handler pg_tls: a real server in a machine, which itself has no
// certificate, and psql and pgbench in another machine, on another host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr const char* kService = R"(
app = "db"
[[services]]
internal_port = 5432
[services.concurrency]
type = "connections"
hard_limit = 20
[[services.ports]]
port = 5432
handlers = ["pg_tls"]
)";

// A server with one user, ada, who needs her password. It refuses root.
constexpr const char* kServer = R"(
set -e
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
data=$1/postgres
rm -rf $data
as="setpriv --reuid=postgres --regid=postgres --clear-groups --"
install -d -o postgres -m 0700 $data
$as $bin/initdb -D $data -U postgres --auth=trust --no-sync >/dev/null
echo 'host all all ::/0 scram-sha-256' >> $data/pg_hba.conf
echo "create user ada superuser password 'lovelace';" |
  $as $bin/postgres --single -D $data postgres >/dev/null
exec $as $bin/postgres -D $data -c listen_addresses='*' -c unix_socket_directories= -c fsync=off
)";

class Postgres : public ::testing::Test {
 protected:
  Postgres() : cluster_("pg") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "iad");  // a transaction is seven round trips
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    const std::string folder = cluster_.host("a").folder;
    const std::string served = cluster_.host("b").folder;
    write_file(folder + "/fly.toml", kService);
    cluster_.must("a", {"apps", "create", "db", "--org", "acme", "--config", folder + "/fly.toml"});
    cluster_.must("a", {"apps", "create", "client", "--org", "acme"});
    cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "db", "--org", "acme"});
    ASSERT_TRUE(eventually([&] {
      return cluster_.must("b", {"apps", "list"}).find("client") != std::string::npos;
    }));
    cluster_.must("a", {"certs", "create-ca", "--org", "acme", "--root-key",
                        cluster_.host("a").state_dir() + "/root.key"});
    ca_ = folder + "/acme.pem";
    write_file(ca_, cluster_.must("a", {"certs", "ca"}));
    // The server's user passes through.
    for (const auto& on_the_way : {fs::path(folder).parent_path(), fs::path(served)})
      fs::permissions(on_the_way, fs::perms::others_exec, fs::perm_options::add);
    server_ = cluster_.run_machine(
        "b", {"--app", "db", "--", "sh", "-c", kServer, "sh", served});
    client_ = cluster_.run_machine("a", {"--app", "client", "--", "sleep", "1000"});
    Finished last;
    ASSERT_TRUE(eventually([&] { return (last = psql("select 1")).out == "1\n"; }, 60s))
        << last.err << cluster_.must("b", {"machine", "logs", server_});
  }

  // With the words that a user would put into the environment.
  Finished with_tls(const std::string& mode, const Words& argv) {
    Words words = {"env", "PGHOST=db.flycast", "PGUSER=ada", "PGPASSWORD=lovelace",
                   "PGDATABASE=postgres", "PGCONNECT_TIMEOUT=10", "PGSSLROOTCERT=" + ca_,
                   "PGSSLMODE=" + mode};
    words.insert(words.end(), argv.begin(), argv.end());
    return cluster_.in_machine("a", client_, words, 60s);
  }
  Finished psql(const std::string& query, const std::string& mode = "verify-full") {
    return with_tls(mode, {"psql", "-XAt", "-c", query});
  }

  Cluster cluster_;
  std::string server_;
  std::string client_;
  std::string ca_;
};

TEST_F(Postgres, PsqlVerifiesTheServerAndTheServerSeesTheClient) {
  auto asked = with_tls("verify-full", {"psql", "-XAt", "-c", "\\conninfo", "-c",
                                        "select inet_client_addr()"});
  EXPECT_THAT(asked.out, HasSubstr("SSL connection (protocol: TLSv1.3"));
  EXPECT_THAT(asked.out, HasSubstr("\n" + cluster_.machine_address("a", client_) + "\n"));
  for (const char* mode : {"verify-ca", "require", "prefer", "allow"})
    EXPECT_EQ(psql("select 6 * 7", mode).out, "42\n") << mode;
  auto plain = psql("select 1", "disable");
  EXPECT_EQ(plain.status, 2);
  EXPECT_THAT(plain.err, HasSubstr("FATAL:  this port takes connections with TLS only: connect "
                                   "with sslmode=require or verify-full"));
  auto wrong = with_tls("verify-full", {"env", "PGPASSWORD=babbage", "psql", "-c", "select 1"});
  EXPECT_THAT(wrong.err, HasSubstr("password authentication failed for user \"ada\""));
}

// By a connection of its own, without TLS.
TEST_F(Postgres, AQueryIsCancelled) {
  auto cancelled = with_tls("verify-full", {"sh", "-c", R"sh(
psql -X -c 'select pg_sleep(50)' & sleeper=$!
running="select count(*) from pg_stat_activity where query = 'select pg_sleep(50)'"
until [ "$(psql -XAt -c "$running")" = 1 ]; do :; done
kill -INT $sleeper
wait $sleeper)sh"});
  EXPECT_EQ(cancelled.status, 1);
  EXPECT_THAT(cancelled.err, HasSubstr("ERROR:  canceling statement due to user request\n"));
}

TEST_F(Postgres, ABenchmarkRunsWithoutAFailure) {
  auto made = with_tls("verify-full", {"sh", "-c", R"sh(
PATH=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1):$PATH
pgbench -q -i -s 1 && pgbench -c 8 -t 50 && pgbench -C -S -c 4 -t 25)sh"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("number of transactions actually processed: 400/400\n"));
  EXPECT_THAT(made.out, HasSubstr("number of transactions actually processed: 100/100\n"));
}

}  // namespace
}  // namespace sixpn::testing
