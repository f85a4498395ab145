// fdaa:N:N::3 with the real resolver and the real firewall: who is answered there, from where, and
// how long the address stands. dig takes no answer that comes from another address than it asked.
#include <gmock/gmock.h>

#include "base/io/run_on.h"
#include "dns/io/dns_service.h"
#include "tests/netns/mesh/lab.h"

namespace sixpn::mesh {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr NetworkId kNet{0x11};
constexpr NetworkId kOther{0x12};
constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

// The lab's snapshots are for the mesh: the resolver knows who asks by his address.
SnapshotPtr with_askers(const Snapshot& from) {
  auto snapshot = std::make_shared<Snapshot>(from);
  for (const auto& [id, view] : from.networks) {
    auto known = std::make_shared<NetworkView>(*view);
    for (const auto& [machine, record] : view->machines)
      known->machines_by_address[record->address] = record;
    snapshot->networks[id] = known;
  }
  return snapshot;
}

class Resolver {
 public:
  Resolver(Lab& lab, bool shares) {
    lab.host(1).netns.run([&] { loop_.start_thread(); });
    run_on(loop_, [&] {
      dns::DnsOptions options;
      options.listen = {{kResolverAddress, 53}};
      options.diverted = IpEndpoint{kResolverTproxyAddress, 53};
      options.upstreams = {{kLoopback, 9}};
      options.self = lab.host(1).id;
      options.threads = 2;
      service_ = std::make_unique<dns::DnsService>(loop_, options);
      service_->set_snapshot(with_askers(*lab.snapshot_for(lab.host(1).id)));
      auto started = service_->start(shares);
      EXPECT_TRUE(started) << started.error().message;
    });
  }
  ~Resolver() {
    run_on(loop_, [&] { service_.reset(); });
    loop_.stop();
    loop_.join();
  }

 private:
  EventLoop loop_{"resolver"};
  std::unique_ptr<dns::DnsService> service_;
};

// What `machine` is told at `resolver` of the name of `address`, or "nothing".
std::string name_of(const Ip6& address, const LabMachine& machine, const Ip6& resolver,
                    const std::string& transport) {
  std::string out;
  int status = machine.netns.exec({"dig", "@" + to_string(resolver), "+short", "+time=1",
                                   "+tries=1", transport, "-x", to_string(address)},
                                  &out);
  return status == 0 ? out : "nothing";
}

std::string addresses_on_loopback(const LabHost& host) {
  std::string out;
  host.netns.exec({"ip", "-6", "address", "show", "dev", "lo"}, &out);
  return out;
}

TEST(ResolverOfANetwork, AnswersItsMachinesAloneFromTheAddressThatWasAsked) {
  Lab lab(1);
  LabMachine& ours = lab.add_machine(1, kNet);
  LabMachine& foreign = lab.add_machine(1, kOther);
  const Ip6 here = peer_resolver_address(kNet), there = peer_resolver_address(kOther);
  const std::string name = to_string(ours.record.id) + ".vm.web.internal.\n";
  auto first = std::make_unique<Resolver>(lab, false);
  for (const char* transport : {"+notcp", "+tcp"}) {
    SCOPED_TRACE(transport);
    EXPECT_EQ(name_of(ours.address(), ours, here, transport), name);
    EXPECT_EQ(name_of(ours.address(), ours, kResolverAddress, transport), name);
    EXPECT_EQ(name_of(here, ours, here, transport), "_dns.internal.\n");
    // Another network's is not reached, and its own answers by the source.
    EXPECT_EQ(name_of(ours.address(), foreign, here, transport), "nothing");
    EXPECT_EQ(name_of(ours.address(), ours, there, transport), "nothing");
    EXPECT_EQ(name_of(ours.address(), foreign, there, transport), "");
  }
  // As an agent hands over: the next one takes part before this one ends.
  Resolver second(lab, true);
  first.reset();
  EXPECT_EQ(name_of(ours.address(), ours, here, "+notcp"), name);
  EXPECT_EQ(name_of(ours.address(), ours, here, "+tcp"), name);
}

TEST(ResolverOfANetwork, IsThereWhileAMachineOfItIs) {
  Lab lab(1);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(1, kNet);
  lab.add_machine(1, kOther);
  const std::string resolver = " " + to_string(peer_resolver_address(kNet)) + "/128";
  EXPECT_THAT(addresses_on_loopback(lab.host(1)), HasSubstr(resolver));
  ASSERT_TRUE(lab.host(1).detach(one.record.id));
  EXPECT_THAT(addresses_on_loopback(lab.host(1)), HasSubstr(resolver));
  ASSERT_TRUE(lab.host(1).detach(two.record.id));
  EXPECT_THAT(addresses_on_loopback(lab.host(1)), Not(HasSubstr(resolver)));
  EXPECT_THAT(addresses_on_loopback(lab.host(1)),
              HasSubstr(" " + to_string(peer_resolver_address(kOther)) + "/128"));
  // Its elements have gone from the firewall too.
  std::string table;
  lab.host(1).netns.exec({"nft", "list", "table", "inet", "sixpn"}, &table);
  EXPECT_THAT(table, Not(HasSubstr(to_string(peer_resolver_address(kNet)))));
}

}  // namespace
}  // namespace sixpn::mesh
